/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/timers: the POSIX timers of a task, without their times, which
 * only the task itself can ask for. Source: proc(5).
 */
#ifndef CRIU_LITE_SYS_PROC_TIMERS_H
#define CRIU_LITE_SYS_PROC_TIMERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_timer {
	int32_t id;
	int32_t signo;			/* 0 with SIGEV_NONE */
	uint64_t value;			/* sigev_value, as the pointer */
	int32_t notify;			/* SIGEV_SIGNAL, _NONE, _THREAD, or'ed with _THREAD_ID */
	int32_t target;			/* the tid with SIGEV_THREAD_ID, else the pid */
	int32_t clock;			/* CLOCK_*; negative: a CPU clock */
};

/* A new array, ascending by id, that the caller frees. 0, -EINVAL (logged), -ENOMEM. */
int proc_timers_parse(const char *text, struct proc_timer **timers, size_t *n_timers);
/* Errors as in sys/proc.h; -ENOENT: a kernel without CONFIG_CHECKPOINT_RESTORE. */
int proc_timers_read(pid_t pid, struct proc_timer **timers, size_t *n_timers);

#endif
