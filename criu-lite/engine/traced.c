// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that somebody else traces.
 *
 * A thread has one tracer, and the relation can't be made again: neither from outside
 * nor by a tracer that is restored itself, which would have missed stops and events. So
 * a debugger in the tree is refused with its tracee, as one outside of it.
 *
 * The tree is walked before the first task is seized, so that a dump that will be
 * refused stops nobody. It may change meanwhile; who is missed can't be seized.
 */
#include "engine/traced.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/vforking.h"
#include "sys/proc_status.h"
#include "sys/proc_tasks.h"
#include "util/cleanup.h"
#include "util/log.h"

static int check_threads(pid_t pid)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n;
	int r = proc_threads_read(pid, &tids, &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		pid_t tracer = proc_tracer_read(pid, tids[i]);

		if (tracer)
			return log_errno(-ENOTSUP, "pid %d: thread %d is traced by pid %d: not "
					 "covered; let the tracer (gdb, strace) detach first", pid,
					 tids[i], tracer);
		r = vforking_wait(pid, tids[i]);
	}
	return r;
}

int traced_check_tree(pid_t pid)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n;
	int r = check_threads(pid);

	if (r >= 0)
		r = proc_children_read(pid, &pids, &n);
	/* It has ended: who freezes the tree will see. */
	if (r == -ESRCH || r == -ENOENT)
		return 0;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = traced_check_tree(pids[i]);
	return r;
}
