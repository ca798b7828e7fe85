/* SPDX-License-Identifier: GPL-2.0-only */
/* Chains of seccomp filters, as seccomp.img and the core images have them. */
#ifndef CRIU_LITE_KINDS_TASK_SECCOMP_IMAGE_H
#define CRIU_LITE_KINDS_TASK_SECCOMP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/core.pb-c.h"
#include "images/seccomp.pb-c.h"

struct arena;
struct task;

/* Indices into seccomp.img, the oldest filter first. */
struct seccomp_chain {
	SeccompMode mode;
	uint32_t *filters;
	size_t n;			/* 0 unless @mode is filter */
};

/* Checks every entry, its program and its link. 0 or -errno, logged. */
int seccomp_image_check(const SeccompEntry *image);

/*
 * What thread @i of @t is under, by an image that was checked; @leader is that of
 * thread 0, or NULL for thread 0 itself. 0 or -errno, logged.
 */
int seccomp_chain_find(struct arena *arena, const SeccompEntry *image, const struct task *t,
		       size_t i, const struct seccomp_chain *leader, struct seccomp_chain *chain);

/* How many filters from the oldest on are the same in both. */
size_t seccomp_chain_common(const SeccompEntry *image, const struct seccomp_chain *a,
			    const struct seccomp_chain *b);

#endif
