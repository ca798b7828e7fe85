/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offsets of a time namespace: what CLOCK_MONOTONIC and CLOCK_BOOTTIME show
 * in it beyond the host's. Source: time_namespaces(7).
 */
#ifndef CRIU_LITE_SYS_TIMENS_H
#define CRIU_LITE_SYS_TIMENS_H

#include <stdint.h>
#include <sys/types.h>

struct timens_offset {
	int64_t sec;
	int64_t nsec;			/* 0 .. 999 999 999 */
};

struct timens_offsets {
	struct timens_offset monotonic, boottime;
};

/* Returns 0 or -EINVAL, logged. */
int timens_parse(const char *text, struct timens_offsets *offsets);
/*
 * The offsets of the namespace that the next children of @pid are born into,
 * which is its own unless it called unshare(CLONE_NEWTIME). Errors as in
 * sys/proc.h; -ENOENT: a kernel without time namespaces.
 */
int timens_read(pid_t pid, struct timens_offsets *offsets);
/*
 * Makes a new time namespace for the next children of the caller, with these
 * offsets. The caller itself stays in its own. Needs CAP_SYS_ADMIN and
 * CAP_SYS_TIME. Returns 0 or -errno, logged.
 */
int timens_make(const struct timens_offsets *offsets);

#endif
