/* SPDX-License-Identifier: GPL-2.0-only */
/* The seccomp(2) filters of a stopped thread, and what they let us do in it. */
#ifndef CRIU_LITE_INJECT_SECCOMP_H
#define CRIU_LITE_INJECT_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;
struct tracee;

struct tracee_filter {
	struct sock_filter *insns;
	size_t n_insns;
	uint32_t flags;			/* SECCOMP_FILTER_FLAG_LOG */
};

/* In the order in which they were installed. Zeroed: none. */
struct tracee_filters {
	struct tracee_filter *items;
	size_t n;
};

/*
 * Reads the filters of @t, whose mode is SECCOMP_MODE_FILTER. -ENOTSUP,
 * logged: one of them has no program that could be read.
 */
int tracee_filters_read(const struct tracee *t, struct tracee_filters *filters);
void tracee_filters_fini(struct tracee_filters *filters);

/*
 * Whether @t may be made to do system calls for us, and with @host whether a
 * parasite may live in its task. -ENOTSUP, logged: a filter might hurt it.
 * Filters that only make such calls fail are suspended from here on until @t
 * is detached, or we die.
 */
int tracee_admit(struct tracee *t, bool host);

/*
 * @t was stopped in a call that the kernel goes on with by restart_syscall(2).
 * Where a filter does not let that run, the call is made to start over:
 * *@changed, t->regs differ from the thread's.
 */
int tracee_avoid_restart(struct tracee *t, bool *changed);

#endif
