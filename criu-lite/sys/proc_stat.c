// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/stat.
 *
 * One line: "PID (COMM) STATE PPID ...", then numbers up to field 52. COMM is
 * the task's own choice and is not escaped: it may hold blanks, newlines and
 * parentheses, as in "a) R 1 (b". No later field can hold a ')', so that the
 * last one of the line ends COMM.
 */
#include "sys/proc_stat.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/scan.h"

/* Numbers of fields as proc(5) counts them, from 1. */
enum {
	FIELD_PPID = 4, FIELD_PGRP, FIELD_SESSION, FIELD_TTY_NR, FIELD_TTY_PGRP, FIELD_FLAGS,
	FIELD_PRIORITY = 18, FIELD_NICE, FIELD_NUM_THREADS,
	FIELD_START_TIME = 22,
	FIELD_START_CODE = 26, FIELD_END_CODE, FIELD_START_STACK,
	FIELD_EXIT_SIGNAL = 38,
	FIELD_START_DATA = 45, FIELD_END_DATA, FIELD_START_BRK,
	FIELD_ARG_START, FIELD_ARG_END, FIELD_ENV_START, FIELD_ENV_END, FIELD_EXIT_CODE,
	FIELD_COUNT,
};

/*
 * The kernel prints some fields with a sign and some without, up to 2^64 - 1.
 * Kept as 64 bits either way.
 */
static bool scan_fields(const char *cursor, uint64_t *field)
{
	int64_t negative;
	int i;

	for (i = FIELD_PPID; i < FIELD_COUNT; i++) {
		if (!scan_text(&cursor, " "))
			return false;
		if (scan_u64(&cursor, 10, &field[i]))
			continue;
		if (!scan_i64(&cursor, &negative))
			return false;
		field[i] = negative;
	}
	/* Later kernels may add fields. */
	return scan_end_of_line(&cursor) || *cursor == ' ';
}

static bool copy_comm(const char *begin, const char *end, char *comm)
{
	size_t len = end - begin;

	if (len >= PROC_COMM_SIZE)
		return false;
	memcpy(comm, begin, len);
	comm[len] = '\0';
	return true;
}

int proc_stat_parse(const char *text, struct proc_stat *stat)
{
	const char *p = text, *close = strrchr(text, ')');
	uint64_t f[FIELD_COUNT];

	*stat = (struct proc_stat){};
	if (!close || !scan_i32(&p, &stat->pid) || !scan_text(&p, " (") || p > close ||
	    !copy_comm(p, close, stat->comm))
		goto malformed;
	p = close + 1;
	if (!scan_text(&p, " ") || *p < 'A' || *p > 'z')
		goto malformed;
	stat->state = *p++;
	if (!scan_fields(p, f))
		goto malformed;

	stat->ppid = f[FIELD_PPID];
	stat->pgrp = f[FIELD_PGRP];
	stat->session = f[FIELD_SESSION];
	stat->tty_nr = f[FIELD_TTY_NR];
	stat->tty_pgrp = f[FIELD_TTY_PGRP];
	stat->flags = f[FIELD_FLAGS];
	stat->priority = f[FIELD_PRIORITY];
	stat->nice = f[FIELD_NICE];
	stat->num_threads = f[FIELD_NUM_THREADS];
	stat->start_time = f[FIELD_START_TIME];
	stat->start_code = f[FIELD_START_CODE];
	stat->end_code = f[FIELD_END_CODE];
	stat->start_stack = f[FIELD_START_STACK];
	stat->start_data = f[FIELD_START_DATA];
	stat->end_data = f[FIELD_END_DATA];
	stat->start_brk = f[FIELD_START_BRK];
	stat->arg_start = f[FIELD_ARG_START];
	stat->arg_end = f[FIELD_ARG_END];
	stat->env_start = f[FIELD_ENV_START];
	stat->env_end = f[FIELD_ENV_END];
	stat->exit_signal = f[FIELD_EXIT_SIGNAL];
	stat->exit_code = f[FIELD_EXIT_CODE];
	return 0;
malformed:
	return log_errno(-EINVAL, "proc stat: malformed at byte %td", p - text);
}

int proc_stat_read(pid_t pid, pid_t tid, struct proc_stat *stat)
{
	_cleanup_free_ char *text = NULL;
	int r = tid ? proc_read(pid, &text, NULL, "task/%d/stat", tid) :
		      proc_read(pid, &text, NULL, "stat");

	if (r < 0)
		return r;
	return proc_stat_parse(text, stat);
}

bool proc_has_ended(pid_t pid, pid_t tid)
{
	struct proc_stat stat;

	return proc_stat_read(pid, tid, &stat) < 0 || stat.state == 'Z' || stat.state == 'X';
}
