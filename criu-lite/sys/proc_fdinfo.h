/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/fdinfo/FD: what every open file says, and lines that a kind of
 * file adds ("eventfd-count:", "tfd:"). Source: proc(5).
 */
#ifndef CRIU_LITE_SYS_PROC_FDINFO_H
#define CRIU_LITE_SYS_PROC_FDINFO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_fdinfo {
	uint64_t pos;			/* f_pos; what is negative is so as int64_t */
	uint32_t flags;			/* F_GETFL, and O_CLOEXEC of the descriptor */
	int32_t mnt_id;			/* -1: the kernel does not say (before 3.15) */
	uint64_t ino;			/* 0: the kernel does not say (before 5.14) */
	const char *rest;		/* into the text: the remaining lines */
};

/* Returns 0 or -EINVAL, logged. info->rest lives as long as @text. */
int proc_fdinfo_parse(const char *text, struct proc_fdinfo *info);
/*
 * Reads and parses; the caller frees @text, which info->rest points into.
 * Errors as in sys/proc.h.
 */
int proc_fdinfo_read(pid_t pid, int fd, struct proc_fdinfo *info, char **text);

/*
 * The value in the first line of @text that begins with @name ("sigmask:"),
 * from its first character that is no blank to the newline; NULL: no such line.
 */
const char *fdinfo_field(const char *text, const char *name);
/*
 * The number that is all of that value. Returns 0, -ENOENT (no such line),
 * -EINVAL (another text there, or too large). Not logged. Hex without 0x.
 */
int fdinfo_u64(const char *text, const char *name, int base, uint64_t *value);
/*
 * Lines that repeat: const char *p = rest, *v;
 * while ((v = fdinfo_next(&p, "tfd:"))) ...
 */
const char *fdinfo_next(const char **cursor, const char *name);

#endif
