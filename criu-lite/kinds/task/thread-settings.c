// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a thread may have for itself beyond how it is scheduled: the processors
 * that it may run on, the priority of its I/O, and its timer slack.
 *
 * The format has no fields for them; ours are absent where the value is what a
 * new thread has: every processor, no I/O priority, 50 us. A restored thread has
 * exactly what was saved, whatever the restore itself was started with.
 *
 * A processor that this machine does not have, or that we may not use, is
 * refused at restore: the kernel would silently leave it out.
 *
 * The slack that PR_SET_TIMERSLACK goes back to with 0 can't be read. It comes
 * from who made the thread; after a restore, from the restore. A thread of a
 * real-time policy has none of its own: that of a later other policy is 50 us. A
 * slack of 0 without such a policy (its maker had one) can't be set: it becomes
 * 1 ns.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "sys/proc.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

#define TIMER_SLACK_DEFAULT 50000u	/* ns; of init, and so of all */
#define TIMER_SLACK_LEAST 1u

/* As ioprio_set() has it: three bits of class above thirteen of data. */
#define IO_PRIORITY_BITS 16
#define IO_PRIORITY_CLASS(value) ((value) >> 13)
#define IO_PRIORITY_CLASS_MAX 3

/* Bit N % 64 of word N / 64 is processor N. */
struct processors {
	uint64_t words[RESTORER_PROCESSOR_WORDS];
};

static int get_processors(int tid, struct processors *set)
{
	return sched_getaffinity(tid, sizeof(*set), (cpu_set_t *)set->words) < 0 ? -errno : 0;
}

static int set_processors(const struct processors *set)
{
	return sched_setaffinity(0, sizeof(*set), (const cpu_set_t *)set->words) < 0 ? -errno : 0;
}

/* From now on we may run on each processor that our control group leaves us. */
static int unbind(void)
{
	struct processors all;
	int r;

	memset(&all, 0xff, sizeof(all));
	r = set_processors(&all);
	return r < 0 ? log_errno(r, "cannot ask for every processor") : 0;
}

/* What the kernel tells is never more than what is online. */
static bool all_processors(const struct processors *set)
{
	return CPU_COUNT_S(sizeof(*set), (const cpu_set_t *)set->words) >=
	       sysconf(_SC_NPROCESSORS_ONLN);
}

static int dump_processors(struct dump *d, const struct task *t, const struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	struct processors set = {};
	size_t n = RESTORER_PROCESSOR_WORDS;
	int r = get_processors(th->tid, &set);

	if (r < 0)
		return log_errno(r, "pid %d: thread %d: cannot read which processors it may use",
				 t->pid, th->tid);
	if (all_processors(&set))
		return 0;
	while (n && !set.words[n - 1])
		n--;
	tc->processors = arena_memdup(d->arena, set.words, n * sizeof(*set.words));
	tc->n_processors = n;
	return 0;
}

static int dump_io_priority(const struct task *t, const struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	int value = sys_ioprio_get(SYS_IOPRIO_WHO_PROCESS, th->tid);

	if (value == -ENOSYS)		/* a kernel without block devices */
		return 0;
	if (value < 0)
		return log_errno(value, "pid %d: thread %d: cannot read its I/O priority", t->pid,
				 th->tid);
	tc->has_io_priority = value != 0;
	tc->io_priority = value;
	return 0;
}

static int dump_timer_slack(const struct task *t, const struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	const int policy = sched_getscheduler(th->tid) & ~SCHED_RESET_ON_FORK;
	_cleanup_free_ char *text = NULL;
	const char *cursor;
	uint64_t slack;
	int r = proc_read(th->tid, &text, NULL, "timerslack_ns");

	if (r == -ENOENT)		/* before Linux 4.6 */
		return 0;
	if (r < 0)
		return log_errno(r, "pid %d: thread %d: cannot read its timer slack", t->pid,
				 th->tid);
	cursor = text;
	if (!scan_u64(&cursor, 10, &slack))
		return log_errno(-EINVAL, "pid %d: thread %d: its timer slack is \"%s\"", t->pid,
				 th->tid, text);
	if (!slack && (policy == SCHED_FIFO || policy == SCHED_RR))
		return 0;
	if (!slack) {
		log_warn("pid %d: thread %d: its timer slack of 0 will be 1 ns after a restore",
			 t->pid, th->tid);
		slack = TIMER_SLACK_LEAST;
	}
	tc->has_timer_slack = slack != TIMER_SLACK_DEFAULT;
	tc->timer_slack = slack;
	return 0;
}

static int thread_settings_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	int r;

	if (!thread_runs(t, th))
		return 0;
	r = dump_processors(d, t, th);
	if (r >= 0)
		r = dump_io_priority(t, th);
	return r < 0 ? r : dump_timer_slack(t, th);
}

/* The processors that a task may have, tried out on ourselves. */
static int usable_processors(struct processors *usable)
{
	struct processors before = {};
	int r = get_processors(0, &before), back;

	if (r < 0)
		return log_errno(r, "cannot read which processors we may use");
	r = unbind();
	if (r < 0)
		return r;
	r = get_processors(0, usable);
	back = set_processors(&before);
	if (r < 0)
		return log_errno(r, "cannot read which processors a task may use");
	return back < 0 ? log_errno(back, "cannot go back to our own processors") : 0;
}

static int check_processors(const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	struct processors usable = {};
	bool some = false;
	int ret;

	if (!tc->n_processors)
		return 0;
	if (tc->n_processors > RESTORER_PROCESSOR_WORDS)
		return log_errno(-EINVAL, "core-%d: a set of %zu processors is too long", th->tid,
				 tc->n_processors * 64);
	ret = usable_processors(&usable);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < tc->n_processors; i++) {
		uint64_t missing = tc->processors[i] & ~usable.words[i];

		if (missing)
			return log_errno(-ENOTSUP, "core-%d: it is bound to processor %zu, which "
					 "is not there or not ours: restore where it is", th->tid,
					 i * 64 + __builtin_ctzll(missing));
		some |= tc->processors[i];
	}
	return some ? 0 : log_errno(-EINVAL, "core-%d: a set of no processor", th->tid);
}

static int check_thread(const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	if (tc->has_io_priority && (tc->io_priority >> IO_PRIORITY_BITS ||
				    IO_PRIORITY_CLASS(tc->io_priority) > IO_PRIORITY_CLASS_MAX))
		return log_errno(-EINVAL, "core-%d: I/O priority %#x", th->tid, tc->io_priority);
	if (tc->has_timer_slack && (!tc->timer_slack || tc->timer_slack > INT64_MAX))
		return log_errno(-EINVAL, "core-%d: a timer slack of %lu ns", th->tid,
				 (unsigned long)tc->timer_slack);
	return check_processors(th);
}

static int thread_settings_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		int ret = check_thread(&t->threads[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Its threads, made later, begin with what it has then. */
static int thread_settings_apply(struct restore *r, struct task *t)
{
	return unbind();
}

static int thread_settings_plan_thread(struct restore *r, struct task *t, struct thread *th,
				       struct restorer_thread *args)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	args->n_processors = tc->n_processors;
	for (size_t i = 0; i < tc->n_processors; i++)
		args->processors[i] = tc->processors[i];
	args->io_priority = tc->has_io_priority ? tc->io_priority : 0;
	args->timer_slack = tc->has_timer_slack ? tc->timer_slack : TIMER_SLACK_DEFAULT;
	return 0;
}

const struct task_kind task_thread_settings_kind = {
	.name = "thread settings",
	.test = "task/processors",
	.dump_thread = thread_settings_dump_thread,
	.check = thread_settings_check,
	.apply = thread_settings_apply,
	.plan_thread = thread_settings_plan_thread,
};
