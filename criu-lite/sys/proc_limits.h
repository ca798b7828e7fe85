/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/PID/limits: the resource limits of a task. Source: proc(5). */
#ifndef CRIU_LITE_SYS_PROC_LIMITS_H
#define CRIU_LITE_SYS_PROC_LIMITS_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define PROC_LIMIT_COUNT 16		/* RLIMIT_NLIMITS */

struct proc_limit {
	uint64_t cur, max;		/* units of getrlimit(2); RLIM_INFINITY: unlimited */
};

struct proc_limits {
	struct proc_limit limit[PROC_LIMIT_COUNT];	/* by RLIMIT_* */
};

/* Every limit must be there once. Returns 0 or -EINVAL, logged. */
int proc_limits_parse(const char *text, struct proc_limits *limits);
/* Errors as in sys/proc.h. */
int proc_limits_read(pid_t pid, struct proc_limits *limits);

#endif
