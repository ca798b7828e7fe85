// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/timers.
 *
 *	ID: 1
 *	signal: 60/00007fff86e452a8
 *	notify: signal/pid.2634
 *	ClockID: 0
 *
 * Four lines a timer. Targets are numbers of the pid namespace of the /proc
 * mount. Kernels list them newest first or in hash order: they are sorted
 * here, so that the images of one state are always the same.
 */
#include "sys/proc_timers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "sys/proc.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

static bool scan_notify(const char **p, int32_t *notify)
{
	static const struct { const char *name; int notify; } notify_table[] = {
		{ "none/", SIGEV_NONE },
		{ "signal/", SIGEV_SIGNAL },
		{ "thread/", SIGEV_THREAD },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(notify_table); i++) {
		if (!scan_text(p, notify_table[i].name))
			continue;
		*notify = notify_table[i].notify;
		if (scan_text(p, "tid."))
			*notify |= SIGEV_THREAD_ID;
		else if (!scan_text(p, "pid."))
			return false;
		return true;
	}
	return false;
}

static bool scan_timer(const char **p, struct proc_timer *t)
{
	return scan_text(p, "ID: ") && scan_i32(p, &t->id) && scan_end_of_line(p) &&
	       scan_text(p, "signal: ") && scan_i32(p, &t->signo) && scan_text(p, "/") &&
	       scan_u64(p, 16, &t->value) && scan_end_of_line(p) &&
	       scan_text(p, "notify: ") && scan_notify(p, &t->notify) &&
	       scan_i32(p, &t->target) && scan_end_of_line(p) &&
	       scan_text(p, "ClockID: ") && scan_i32(p, &t->clock) && scan_end_of_line(p) &&
	       t->id >= 0 && t->signo >= 0 && t->signo <= SIGRTMAX;
}

static int by_id(const void *a, const void *b)
{
	int32_t x = ((const struct proc_timer *)a)->id, y = ((const struct proc_timer *)b)->id;

	return (x > y) - (x < y);
}

int proc_timers_parse(const char *text, struct proc_timer **timers, size_t *n_timers)
{
	_cleanup_free_ struct proc_timer *list = NULL;
	size_t i, n = 0, cap = 0;
	const char *p = text;

	while (*p) {
		struct proc_timer *t = array_push(&list, &n, &cap);

		if (!t)
			return -ENOMEM;
		if (!scan_timer(&p, t))
			return log_errno(-EINVAL, "proc timers: malformed at byte %td",
					 p - text);
	}
	if (n)
		qsort(list, n, sizeof(*list), by_id);
	for (i = 1; i < n; i++)
		if (list[i].id == list[i - 1].id)
			return log_errno(-EINVAL, "proc timers: timer %d is there twice",
					 list[i].id);
	*timers = take_ptr(list);
	*n_timers = n;
	return 0;
}

int proc_timers_read(pid_t pid, struct proc_timer **timers, size_t *n_timers)
{
	_cleanup_free_ char *text = NULL;
	int r = proc_read(pid, &text, NULL, "timers");

	if (r < 0)
		return r;
	return proc_timers_parse(text, timers, n_timers);
}
