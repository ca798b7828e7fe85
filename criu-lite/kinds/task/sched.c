// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a thread is scheduled: policy, static priority, nice value, whether its
 * children start with the default (SCHED_RESET_ON_FORK, which the image keeps as
 * a bit of the policy), and a time slice of its own (Linux 6.12), which is one
 * that differs from ours. Of the leader of a session, also the nice value that the
 * whole session has among others (/proc/PID/autogroup).
 *
 * Refused are policies that need more than these (SCHED_DEADLINE, SCHED_EXT),
 * and limits of utilization (uclamp).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "sys/proc.h"
#include "sys/syscall.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

/* sched_attr.flags; its other flags belong to policies that are refused. */
#define ATTR_RESET_ON_FORK 1u
/* In sched_policy of the image, as sched_setscheduler() has it. */
#define POLICY_RESET_ON_FORK 0x40000000u

#define NICE_MIN (-20)
#define NICE_MAX 19
#define PRIORITY_MAX 99
#define UTIL_MAX 1024
/* The kernel cuts a time slice to these; ns. */
#define SLICE_MIN 100000u
#define SLICE_MAX 100000000u

static const struct policy {
	uint32_t number;
	bool realtime;
} policy_table[] = {
	{ SCHED_OTHER, false },
	{ SCHED_FIFO, true },
	{ SCHED_RR, true },
	{ SCHED_BATCH, false },
	{ SCHED_IDLE, false },
};

static const struct policy *find_policy(uint32_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(policy_table); i++)
		if (policy_table[i].number == number)
			return &policy_table[i];
	return NULL;
}

/* Without uclamp in the kernel both limits are 0; without a limit, 0 and the most. */
static bool has_uclamp(const struct sys_sched_attr *attr, const struct sys_sched_attr *own)
{
	if (!attr->util_max)
		return own->util_max;
	/* The least of a real-time thread is a sysctl's: at least then it is none of its own. */
	return attr->util_max != UTIL_MAX ||
	       (attr->util_min && !(find_policy(attr->policy)->realtime &&
				    attr->util_min == UTIL_MAX));
}

/* Others may change it at any time: a policy is looked at wherever it is read. */
static int read_attr(const struct task *t, const struct thread *th, struct sys_sched_attr *attr,
		     struct sys_sched_attr *own)
{
	int r = sys_sched_getattr(th->tid, attr);

	if (r >= 0)
		r = sys_sched_getattr(0, own);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read how thread %d is scheduled", t->pid,
				 th->tid);
	if (!find_policy(attr->policy))
		return log_errno(-ENOTSUP, "pid %d: thread %d: scheduling policy %u is not covered",
				 t->pid, th->tid, attr->policy);
	if (has_uclamp(attr, own))
		return log_errno(-ENOTSUP, "pid %d: thread %d: its utilization is limited to %u to "
				 "%u (uclamp): not covered; reset it before the dump", t->pid,
				 th->tid, attr->util_min, attr->util_max);
	return 0;
}

/* Early, for a task of SCHED_DEADLINE can't even make a thread. */
static int sched_admit(struct dump *d, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		struct sys_sched_attr attr = {}, own = {};
		int r = read_attr(t, &t->threads[i], &attr, &own);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A real-time thread's too, which waits for another policy: sched_getattr() has it not. */
static int read_nice(const struct task *t, const struct thread *th, int *nice)
{
	errno = 0;
	*nice = getpriority(PRIO_PROCESS, th->tid);
	return errno ? log_errno(-errno, "pid %d: cannot read the nice value of thread %d", t->pid,
				 th->tid) : 0;
}

static int sched_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	struct sys_sched_attr attr = {}, own = {};
	int r;

	if (!task_is_live(t))
		return 0;
	r = read_attr(t, th, &attr, &own);
	if (r >= 0)
		r = read_nice(t, th, &tc->sched_nice);
	if (r < 0)
		return r;
	tc->has_sched_policy = true;
	tc->sched_policy = attr.policy;
	if (attr.flags & ATTR_RESET_ON_FORK)
		tc->sched_policy |= POLICY_RESET_ON_FORK;
	tc->has_sched_nice = true;
	if (find_policy(attr.policy)->realtime) {
		tc->has_sched_prio = true;
		tc->sched_prio = attr.priority;
		return 0;
	}
	tc->has_sched_slice = attr.runtime != own.runtime;
	tc->sched_slice = attr.runtime;
	return 0;
}

/* "/autogroup-12 nice 0" */
static int sched_dump_task(struct dump *d, struct task *t)
{
	TaskCoreEntry *tc = task_core(t)->tc;
	_cleanup_free_ char *text = NULL;
	const char *cursor;
	int32_t nice;
	int r;

	if (!task_is_live(t) || t->sid != t->pid)
		return 0;
	r = proc_read(task_proc(t), &text, NULL, "autogroup");
	if (r == -ENOENT)		/* a kernel without */
		return 0;
	if (r < 0)
		return log_errno(r, "pid %d: cannot read the nice value of its session", t->pid);
	/* The root group of a system that never made another has no line. */
	cursor = strstr(text, " nice ");
	if (!cursor)
		return 0;
	if (!scan_text(&cursor, " nice ") || !scan_i32(&cursor, &nice))
		return log_errno(-EINVAL, "pid %d: its session's group is \"%s\"", t->pid, text);
	tc->has_autogroup_nice = nice != 0;
	tc->autogroup_nice = nice;
	return 0;
}

static int check_thread(const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	uint32_t number = tc->has_sched_policy ? tc->sched_policy & ~POLICY_RESET_ON_FORK : 0;
	const struct policy *policy = find_policy(number);

	if (!policy)
		return log_errno(-ENOTSUP, "core-%d: scheduling policy %u is not covered", th->tid,
				 number);
	if (policy->realtime && (!tc->has_sched_prio || tc->sched_prio < 1 ||
				 tc->sched_prio > PRIORITY_MAX))
		return log_errno(-EINVAL, "core-%d: scheduling policy %u with priority %u", th->tid,
				 number, tc->sched_prio);
	if (tc->has_sched_nice && (tc->sched_nice < NICE_MIN || tc->sched_nice > NICE_MAX))
		return log_errno(-EINVAL, "core-%d: nice value %d", th->tid, tc->sched_nice);
	if (tc->has_sched_slice && (tc->sched_slice < SLICE_MIN || tc->sched_slice > SLICE_MAX))
		return log_errno(-EINVAL, "core-%d: a time slice of %lu ns", th->tid,
				 (unsigned long)tc->sched_slice);
	return 0;
}

static int sched_check(struct restore *r, struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;

	if (tc->has_autogroup_nice && (tc->autogroup_nice < NICE_MIN ||
				       tc->autogroup_nice > NICE_MAX || t->sid != t->pid))
		return log_errno(-EINVAL, "core-%d: nice value %d of its session", t->pid,
				 tc->autogroup_nice);
	for (size_t i = 0; i < t->n_threads; i++) {
		int ret = check_thread(&t->threads[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The session is new, and so is its group, with a nice value of 0. */
static int sched_apply(struct restore *r, struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	_cleanup_close_ int fd = -1;
	char text[16];
	int ret;

	if (!tc->has_autogroup_nice)
		return 0;
	fd = proc_open(getpid(), O_WRONLY | O_CLOEXEC, "autogroup");
	ret = fd < 0 ? fd : write_all(fd, text, snprintf(text, sizeof(text), "%d",
							 tc->autogroup_nice));
	return ret < 0 ? log_errno(ret, "pid %d: cannot set the nice value of its session to %d",
				   t->pid, tc->autogroup_nice) : 0;
}

static int sched_plan_thread(struct restore *r, struct task *t, struct thread *th,
			     struct restorer_thread *args)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	const struct policy *policy;

	args->sched_policy = tc->has_sched_policy ? tc->sched_policy : SCHED_OTHER;
	policy = find_policy(args->sched_policy & ~POLICY_RESET_ON_FORK);
	/* The kernel insists on 0 where there is none. */
	args->sched_prio = policy->realtime ? tc->sched_prio : 0;
	args->sched_nice = tc->has_sched_nice ? tc->sched_nice : 0;
	args->sched_slice = tc->has_sched_slice ? tc->sched_slice : 0;
	return 0;
}

const struct task_kind task_sched_kind = {
	.name = "scheduling",
	.test = "task/nice",
	.admit = sched_admit,
	.dump_task = sched_dump_task,
	.dump_thread = sched_dump_thread,
	.check = sched_check,
	.apply = sched_apply,
	.plan_thread = sched_plan_thread,
};
