/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/stat: where a task stands in the tree, and its memory layout.
 * Source: proc(5).
 */
#ifndef CRIU_LITE_SYS_PROC_STAT_H
#define CRIU_LITE_SYS_PROC_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_COMM_SIZE 64		/* with NUL; kernel threads exceed TASK_COMM_LEN */

struct proc_stat {
	int32_t pid, ppid, pgrp, session;	/* of the /proc mount's pid namespace */
	int32_t tty_nr;			/* device number of the terminal, 0: none */
	int32_t tty_pgrp;		/* -1: no terminal */
	char comm[PROC_COMM_SIZE];	/* may hold any byte but NUL */
	char state;			/* 'R' 'S' 'D' 'T' 't' 'Z' 'X' 'I' */
	uint32_t flags;			/* PF_* */
	int64_t priority, nice;
	uint32_t num_threads;
	uint32_t exit_signal;		/* what its parent gets at its end; 0: nothing */
	uint64_t start_time;		/* clock ticks since boot, boottime clock */
	/*
	 * Addresses. Zero where the reader may not know them (no ptrace
	 * access) or the task has no memory. start_code is 1 in the first case.
	 */
	uint64_t start_code, end_code, start_stack;
	uint64_t start_data, end_data, start_brk;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint32_t exit_code;		/* as waitpid() has it */
};

/* Returns 0 or -EINVAL, logged. */
int proc_stat_parse(const char *text, struct proc_stat *stat);
/* Of a task, or of the thread @tid of it when not 0. Errors as in sys/proc.h. */
int proc_stat_read(pid_t pid, pid_t tid, struct proc_stat *stat);
/* Whether a thread is a zombie, or not there at all. */
bool proc_has_ended(pid_t pid, pid_t tid);

#endif
