// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stopping a restored task before its first instruction.
 *
 * The signals that stop a task can be blocked, or wait in its queues already, so that
 * none of them can just be sent. SIGSTOP can't be blocked, and queued to one thread it
 * is the first that this thread takes. Its tracer puts the right signal in its place:
 *
 *	one thread	all signals blocked, but SIGSTOP arrives; becomes SIGTSTP;
 *			the task begins to stop
 *	the others	run, and join the stop before they come far
 *	all		get their masks; detached they stay stopped
 *
 * A stop is reported to the parent: by SIGCHLD, which is taken from its queue if none
 * was there before, and by waitid(), which the parent makes here if it had made it
 * before. So it never finds out that the child was stopped twice.
 */
#include "inject/leaver.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/release.h"
#include "inject/stop.h"
#include "util/log.h"
#include "util/macro.h"

static uint64_t mask_of(int sig)
{
	return 1ULL << (sig - 1);
}

/* From wherever it is to the stop of its task. */
static int begin_stop(struct leaver *l, int sig)
{
	int r = stop_set_mask(&l->tracee, UINT64_MAX);

	if (r >= 0 && syscall(SYS_tgkill, l->task->pid, l->tracee.tid, SIGSTOP) < 0)
		return errno == ESRCH ? -ESRCH : log_errno(-errno, "thread %d: cannot stop it",
							   l->tracee.tid);
	if (r >= 0)
		r = stop_run_to(&l->tracee, STOP_RUN_CONT, STOP_SIGNAL, NULL);
	/* The kernel queues a signal again that is blocked. */
	if (r >= 0)
		r = stop_set_mask(&l->tracee, ~mask_of(sig));
	return r < 0 ? r : stop_deliver(&l->tracee, sig);
}

int leavers_stop(struct leaver *threads, size_t n)
{
	const struct release_task *task = threads[0].task;
	int sig = task->stop_signal, r;
	uint64_t mask;

	r = stop_get_mask(&threads[0].tracee, &mask);
	if (r >= 0)
		r = begin_stop(&threads[0], sig);
	if (r < 0)
		return r;
	if (threads[0].tracee.stop_signal != sig)
		return log_errno(-ENOTSUP, "pid %d: signal %d does not stop it here: its process "
				 "group has no parent in its session that could let it go on",
				 task->pid, sig);
	for (size_t i = 1; i < n; i++) {
		r = stop_run_to(&threads[i].tracee, STOP_RUN_CONT, STOP_INTERRUPT, NULL);
		if (r < 0)
			return r;
	}
	return stop_set_mask(&threads[0].tracee, mask);
}

int leaver_take_report(struct leaver *l, const struct release_task *child)
{
	const uint64_t args[4] = { child->pid, 0, WNOHANG | WUNTRACED | __WALL };
	long result;
	int r;

	if (!child->stop_reported)
		return 0;
	r = leaver_call(l, SYS_wait4, args, &result);
	if (r < 0 || result == child->pid)
		return r;
	return log_errno(result < 0 ? (int)result : -EPROTO, "pid %d: cannot wait for the stop of "
			 "pid %d", l->task->pid, child->pid);
}

int leaver_take_sigchld(struct leaver *l)
{
	const struct {
		uint64_t set;
		struct {
			int64_t sec, nsec;
		} timeout;
	} words = { .set = mask_of(SIGCHLD) };
	const uint64_t at = l->task->area_start;
	const uint64_t args[4] = { at, 0, at + offsetof(typeof(words), timeout), sizeof(uint64_t) };
	long result;
	int r;

	/* The code there has done its work, but for the instruction that is borrowed. */
	if (l->insn - at < sizeof(words) + sizeof(uint64_t))
		return log_errno(-EPROTO, "pid %d: its restorer has no room", l->task->pid);
	for (size_t i = 0; i < sizeof(words) / sizeof(uint64_t); i++)
		if (ptrace(PTRACE_POKEDATA, l->tracee.tid, at + i * sizeof(uint64_t),
			   ((const uint64_t *)&words)[i]) < 0)
			return errno == ESRCH ? -ESRCH :
			       log_errno(-errno, "pid %d: cannot write into its restorer",
					 l->task->pid);
	r = leaver_call(l, SYS_rt_sigtimedwait, args, &result);
	if (r < 0 || result == SIGCHLD || result == -EAGAIN)
		return r;
	return log_errno(result < 0 ? (int)result : -EPROTO, "pid %d: cannot take the SIGCHLD of "
			 "its stopped children", l->task->pid);
}
