// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a thread is scheduled: policy, static priority, nice value, and whether
 * its children start with the default (SCHED_RESET_ON_FORK, which the image
 * keeps as a bit of the policy).
 *
 * Refused are policies that need more than these (SCHED_DEADLINE, SCHED_EXT).
 * A time slice of a thread's own (Linux 6.12) looks like the default one and is
 * not kept.
 */
#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "sys/syscall.h"
#include "util/log.h"
#include "util/macro.h"

/* sched_attr.flags; its other flags belong to policies that are refused. */
#define ATTR_RESET_ON_FORK 1u
/* In sched_policy of the image, as sched_setscheduler() has it. */
#define POLICY_RESET_ON_FORK 0x40000000u

#define NICE_MIN (-20)
#define NICE_MAX 19
#define PRIORITY_MAX 99

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

/* Others may change it at any time: a policy is looked at wherever it is read. */
static int read_attr(const struct task *t, const struct thread *th, struct sys_sched_attr *attr)
{
	int r = sys_sched_getattr(th->tid, attr);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read how thread %d is scheduled", t->pid,
				 th->tid);
	if (!find_policy(attr->policy))
		return log_errno(-ENOTSUP, "pid %d: thread %d: scheduling policy %u is not covered",
				 t->pid, th->tid, attr->policy);
	return 0;
}

/* Early, for a task of SCHED_DEADLINE can't even make a thread. */
static int sched_admit(struct dump *d, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		struct sys_sched_attr attr = {};
		int r = read_attr(t, &t->threads[i], &attr);

		if (r < 0)
			return r;
	}
	return 0;
}

static int sched_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	struct sys_sched_attr attr = {};
	int r;

	if (!task_is_live(t))
		return 0;
	r = read_attr(t, th, &attr);
	if (r < 0)
		return r;
	tc->has_sched_policy = true;
	tc->sched_policy = attr.policy;
	if (attr.flags & ATTR_RESET_ON_FORK)
		tc->sched_policy |= POLICY_RESET_ON_FORK;
	tc->has_sched_nice = true;
	tc->sched_nice = attr.nice;
	if (find_policy(attr.policy)->realtime) {
		tc->has_sched_prio = true;
		tc->sched_prio = attr.priority;
	}
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
	return 0;
}

static int sched_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		int ret = check_thread(&t->threads[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
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
	return 0;
}

const struct task_kind task_sched_kind = {
	.name = "scheduling",
	.test = "task/nice",
	.admit = sched_admit,
	.dump_thread = sched_dump_thread,
	.check = sched_check,
	.plan_thread = sched_plan_thread,
};
