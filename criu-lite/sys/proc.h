/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files below /proc/PID.
 *
 * @fmt is the path below /proc/PID: "stat", "fd/%d", "task/%d/status".
 * -ESRCH: there is no such task. -ENOENT: the task is there, the file is not
 * (a closed descriptor, or a kernel without it). These two are verdicts for
 * the caller and are not logged; any other failure is.
 */
#ifndef CRIU_LITE_SYS_PROC_H
#define CRIU_LITE_SYS_PROC_H

#include <stddef.h>
#include <sys/types.h>

/* A descriptor, close-on-exec, that the caller owns; or -errno. */
__attribute__((format(printf, 3, 4)))
int proc_open(pid_t pid, int flags, const char *fmt, ...);

/*
 * The whole file as NUL-terminated text that the caller frees; @len may be
 * NULL. For files whose size a task can't blow up: -E2BIG past 16 MiB.
 */
__attribute__((format(printf, 4, 5)))
int proc_read(pid_t pid, char **text, size_t *len, const char *fmt, ...);

/*
 * What a link says, as a new string that the caller frees. At most PATH_MAX
 * bytes: the kernel does not tell longer ones (-ENAMETOOLONG).
 */
__attribute__((format(printf, 3, 4)))
int proc_readlink(pid_t pid, char **target, const char *fmt, ...);

#endif
