// SPDX-License-Identifier: GPL-2.0-only
/*
 * Letting a restored tree go.
 *
 * A thread can't unmap the code it runs, nor leave the restorer at a moment
 * that nobody else has a say in. So all are traced:
 *
 *	seize		every thread waits on the gate and is stopped there
 *	open the gate	each installs its seccomp filters, makes its rt_sigreturn
 *			and is stopped behind it: it has its registers and mask, and
 *			has run nothing of its own
 *	unmap		one thread of each task borrows the call instruction of its
 *			rt_sigreturn for a munmap() that takes this very code away;
 *			it is stopped before it could notice
 *	end		leaders that had ended end again
 *	stop		tasks that were stopped, children before their parents
 *	detach		all of them, when all came so far
 *
 * Until then every thread dies with us (PTRACE_O_EXITKILL): no half of a tree
 * goes on. What a signal would do to a task waits until it is detached:
 * the restorer has all of them blocked, the borrowed call blocks them again.
 * Filters, which need not allow any of these calls, are suspended until then.
 */
#include "inject/release.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inject/abi/restorer.h"
#include "inject/leaver.h"
#include "inject/stop.h"
#include "inject/tracee.h"
#include "sys/proc_stat.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The length of the call instruction. */
#define SYSCALL_INSN_LEN 2
#define FLAGS_TRAP 0x100		/* single step: of the thread's own code only */

/* Looks, 100 us each and more, until a task is stopped. */
#define STOP_ROUNDS 10000

#define TRACE_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)

/* The only error that is not logged where it comes from. */
static int ended(const struct leaver *l, int err)
{
	if (err == -ESRCH)
		return log_errno(err, "pid %d: thread %d ended before it was released",
				 l->task->pid, l->tracee.tid);
	return err;
}

static int seize(struct leaver *leavers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct leaver *l = &leavers[i];
		int r = tracee_seize(l->task->pid, l->tracee.tid, &l->tracee);

		l->tracee.suspended = l->task->seccomp;
		if (r == -EPERM)
			return log_errno(r, "pid %d: cannot trace thread %d", l->task->pid,
					 l->tracee.tid);
		if (r < 0)
			return ended(l, r);
	}
	/* From the end: a dead leader shows as such when its threads have been collected. */
	for (size_t i = n; i-- > 0;) {
		int r = stop_wait(&leavers[i].tracee, STOP_RUN_CONT, STOP_INTERRUPT, NULL);

		if (r >= 0)
			r = stop_set_options(&leavers[i].tracee, TRACE_OPTIONS);
		if (r < 0)
			return ended(&leavers[i], r);
	}
	return 0;
}

static void open_gate(struct restore_sync *sync)
{
	__atomic_store_n(&sync->open, RESTORE_STAGE_CREDS + 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &sync->open, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* In a stop of a system call: whether it is on its way into @nr. */
static int enters(struct leaver *l, long nr, bool *yes)
{
	struct __ptrace_syscall_info info = {};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, l->tracee.tid, sizeof(info), &info) < 0) {
		if (errno == ESRCH)
			return -ESRCH;
		return log_errno(-errno, "thread %d: cannot see its system call", l->tracee.tid);
	}
	*yes = info.op == PTRACE_SYSCALL_INFO_ENTRY && (long)info.entry.nr == nr;
	if (*yes)
		l->insn = info.instruction_pointer - SYSCALL_INSN_LEN;
	return 0;
}

static bool is_leader(const struct leaver *l)
{
	return l->tracee.tid == l->task->tids[0];
}

static bool ends(const struct leaver *l)
{
	return l->task->leader_ended && is_leader(l);
}

/* It runs; goes on until its rt_sigreturn is over, or its exit() begins. */
static int leave_restorer(struct leaver *l)
{
	long last = ends(l) ? SYS_exit : SYS_rt_sigreturn;
	bool leaving = false;
	int r;

	r = stop_wait(&l->tracee, STOP_RUN_SYSCALL, STOP_SYSCALL, NULL);
	if (r >= 0)
		r = enters(l, last, &leaving);
	while (r >= 0 && !leaving) {
		r = stop_run_to(&l->tracee, STOP_RUN_SYSCALL, STOP_SYSCALL, NULL);
		if (r >= 0)
			r = enters(l, last, &leaving);
	}
	if (r < 0 || ends(l))
		return r;
	return stop_run_to(&l->tracee, STOP_RUN_SYSCALL, STOP_SYSCALL, NULL);
}

static int leave_all(struct leaver *leavers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = stop_resume(&leavers[i].tracee, STOP_RUN_SYSCALL);

		if (r < 0)
			return ended(&leavers[i], r);
	}
	for (size_t i = n; i-- > 0;) {
		int r = leave_restorer(&leavers[i]);

		if (r < 0)
			return ended(&leavers[i], r);
	}
	return 0;
}

/* In and out of the call. The thread stands behind a system call; so it does afterwards. */
static int borrow_call(struct leaver *l, const struct user_regs_struct *own, long nr,
		       const uint64_t args[4], long *result)
{
	struct user_regs_struct regs = *own;
	int r;

	regs.rip = l->insn;
	regs.orig_rax = -1;
	regs.rax = nr;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.eflags &= ~FLAGS_TRAP;
	r = stop_set_regs(&l->tracee, &regs);
	if (r >= 0)
		r = stop_run_to(&l->tracee, STOP_RUN_SYSCALL, STOP_SYSCALL, NULL);
	if (r >= 0)
		r = stop_run_to(&l->tracee, STOP_RUN_SYSCALL, STOP_SYSCALL, NULL);
	if (r >= 0)
		r = stop_get_regs(&l->tracee, &regs);
	*result = regs.rax;
	return r;
}

int leaver_call(struct leaver *l, long nr, const uint64_t args[4], long *result)
{
	struct user_regs_struct own;
	uint64_t mask;
	int r;

	r = stop_get_regs(&l->tracee, &own);
	if (r >= 0)
		r = stop_get_mask(&l->tracee, &mask);
	if (r >= 0)
		r = stop_set_mask(&l->tracee, UINT64_MAX);
	if (r >= 0)
		r = borrow_call(l, &own, nr, args, result);
	if (r >= 0)
		r = stop_set_regs(&l->tracee, &own);
	if (r >= 0)
		r = stop_set_mask(&l->tracee, mask);
	return r;
}

static int unmap_area(struct leaver *l)
{
	const uint64_t args[4] = { l->task->area_start, l->task->area_end - l->task->area_start };
	long result;
	int r = leaver_call(l, SYS_munmap, args, &result);

	if (r >= 0 && result)
		return log_errno((int)result, "pid %d: cannot unmap the restorer", l->task->pid);
	return r;
}

/*
 * From the stop on its way into exit() it meets no signal, so that it can get its mask,
 * and there is no way back. The zombie of a tracee's would stay ours; so it is let go
 * before. Should we die now, the rest of its task still dies with us.
 */
static int end_leader(struct leaver *l)
{
	struct timespec pause = { .tv_nsec = 100 * 1000 };
	int r = stop_set_options(&l->tracee, 0);

	if (r >= 0)
		r = stop_set_mask(&l->tracee, l->task->leader_mask);
	if (r < 0)
		return ended(l, r);
	if (ptrace(PTRACE_DETACH, l->tracee.tid, 0, 0) < 0)
		return log_errno(-errno, "pid %d: cannot let its leader end", l->task->pid);
	l->free = true;
	for (int i = 0; i < STOP_ROUNDS; i++) {
		if (proc_has_ended(l->task->pid, l->tracee.tid))
			return 0;
		nanosleep(&pause, NULL);
	}
	return log_errno(-ETIMEDOUT, "pid %d: its leader does not end", l->task->pid);
}

/* The report of a child's stop is as it was. */
static int settle_child(struct leaver *parent, const struct release_task *child)
{
	int r;

	if (!child->stop_signal)
		return 0;
	r = leaver_take_report(parent, child);
	if (r >= 0 && !parent->task->has_sigchld)
		r = leaver_take_sigchld(parent);
	return r;
}

/* @first is the leader, at its place in the list; its children have been done. */
static int finish_task(struct leaver *first, const struct release_task *tasks, size_t n)
{
	const struct release_task *task = first->task;
	size_t skip = task->leader_ended;
	struct leaver *runner = first + skip;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (tasks[i].parent == task)
			r = settle_child(runner, &tasks[i]);
	if (r >= 0)
		r = unmap_area(runner);
	if (r >= 0 && task->stop_signal)
		r = leavers_stop(runner, task->n_tids - skip);
	return r < 0 ? ended(runner, r) : 0;
}

/* Children come after their parents in the list, and are finished before them. */
static int finish_all(struct leaver *leavers, size_t n_leavers, const struct release_task *tasks,
		      size_t n)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n_leavers; i++)
		if (ends(&leavers[i]))
			r = end_leader(&leavers[i]);
	for (size_t i = n_leavers; r >= 0 && i-- > 0;)
		if (is_leader(&leavers[i]))
			r = finish_task(&leavers[i], tasks, n);
	return r;
}

/* A child of ours is left for whoever waits for it. */
static bool is_ours(const struct leaver *l)
{
	struct proc_stat stat;

	return is_leader(l) && proc_stat_read(l->task->pid, 0, &stat) == 0 &&
	       stat.ppid == getpid();
}

/*
 * A thread that was killed in our hands. Its task ends for its parent only
 * when we have heard of the end of every thread that we trace.
 *
 * It asks again and again, because a sleeping waitid() can miss the end: where another
 * thread executes a program, it takes the leader's number before the kernel wakes who
 * waits for the leader, and a waiter is woken for the number it asked for.
 */
static void collect(const struct leaver *l)
{
	struct timespec pause = { .tv_nsec = 100 * 1000 };
	siginfo_t info = { .si_pid = 0 };

	if (is_ours(l))
		return;
	while (waitid(P_PID, l->tracee.tid, &info, WEXITED | WNOHANG | __WALL) == 0 &&
	       !info.si_pid)
		nanosleep(&pause, NULL);
}

/*
 * From the first one that goes there is no way back, and a task that ends does
 * so by itself: at once, perhaps, and with threads that still are ours.
 */
static int detach_all(struct leaver *leavers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = leavers[i].free ? 0 : stop_set_options(&leavers[i].tracee, 0);

		if (r < 0)
			return ended(&leavers[i], r);
	}
	for (size_t i = n; i-- > 0;)
		if (!leavers[i].free && ptrace(PTRACE_DETACH, leavers[i].tracee.tid, 0, 0) == 0)
			leavers[i].free = true;
	for (size_t i = n; i-- > 0;)
		if (!leavers[i].free)
			collect(&leavers[i]);
	return 0;
}

/* Detached, a task takes a moment until it shows as stopped again. */
static void wait_stopped(const struct release_task *task)
{
	struct timespec pause = { .tv_nsec = 100 * 1000 };
	pid_t tid = task->tids[task->leader_ended];
	struct proc_stat stat;

	for (int i = 0; i < STOP_ROUNDS; i++) {
		if (proc_stat_read(task->pid, tid, &stat) < 0 || stat.state == 'T')
			break;
		nanosleep(&pause, NULL);
	}
	/* We are the parent of the root: its stop is for us to take if it had been. */
	if (!task->parent && task->stop_reported)
		waitpid(task->pid, NULL, WNOHANG | WUNTRACED);
}

static size_t count_threads(const struct release_task *tasks, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += tasks[i].n_tids;
	return sum;
}

int release_tree(const struct release_task *tasks, size_t n, struct restore_sync *sync)
{
	size_t n_leavers = count_threads(tasks, n), k = 0;
	_cleanup_free_ struct leaver *leavers = calloc(n_leavers + 1, sizeof(*leavers));
	int r;

	if (!leavers)
		return log_errno(-ENOMEM, "cannot release the tree");
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < tasks[i].n_tids; j++, k++) {
			leavers[k].task = &tasks[i];
			leavers[k].tracee.tid = tasks[i].tids[j];
		}
	}
	r = seize(leavers, n_leavers);
	if (r < 0)
		return r;
	open_gate(sync);
	r = leave_all(leavers, n_leavers);
	if (r >= 0)
		r = finish_all(leavers, n_leavers, tasks, n);
	if (r >= 0)
		r = detach_all(leavers, n_leavers);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (tasks[i].stop_signal)
			wait_stopped(&tasks[i]);
	return r;
}
