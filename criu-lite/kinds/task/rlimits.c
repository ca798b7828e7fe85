// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resource limits, which all threads of a process share.
 *
 * The restorer sets them late, for a low limit would get in its own way. A hard
 * limit can only be raised with CAP_SYS_RESOURCE: who restores without it and
 * with a lower limit is told so before any task runs.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "sys/proc_limits.h"
#include "sys/proc_status.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/macro.h"

static const char *const name_table[PROC_LIMIT_COUNT] = {
	[RLIMIT_AS] = "RLIMIT_AS",
	[RLIMIT_CORE] = "RLIMIT_CORE",
	[RLIMIT_CPU] = "RLIMIT_CPU",
	[RLIMIT_DATA] = "RLIMIT_DATA",
	[RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[RLIMIT_LOCKS] = "RLIMIT_LOCKS",
	[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
	[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
	[RLIMIT_NICE] = "RLIMIT_NICE",
	[RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[RLIMIT_NPROC] = "RLIMIT_NPROC",
	[RLIMIT_RSS] = "RLIMIT_RSS",
	[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
	[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
	[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[RLIMIT_STACK] = "RLIMIT_STACK",
};

_Static_assert(PROC_LIMIT_COUNT == ARRAY_SIZE(((struct restorer_args *)0)->rlimits),
	       "the restorer has room for each of them");

static int rlimits_dump_task(struct dump *d, struct task *t)
{
	TaskRlimitsEntry *limits;

	if (!task_is_live(t))
		return 0;
	limits = arena_message(d->arena, TaskRlimitsEntry, task_rlimits_entry__init);
	limits->rlimits = arena_new_array(d->arena, RlimitEntry *, PROC_LIMIT_COUNT);
	limits->n_rlimits = PROC_LIMIT_COUNT;
	for (size_t i = 0; i < PROC_LIMIT_COUNT; i++) {
		RlimitEntry *entry = arena_message(d->arena, RlimitEntry, rlimit_entry__init);

		entry->cur = t->dump->limits->limit[i].cur;
		entry->max = t->dump->limits->limit[i].max;
		limits->rlimits[i] = entry;
	}
	task_core(t)->tc->rlimits = limits;
	return 0;
}

static int may_raise(bool *may)
{
	struct proc_status own = {};
	int r = proc_status_read(getpid(), 0, &own);

	if (r < 0)
		return log_errno(r, "cannot read our own capabilities");
	*may = own.cap_eff & 1ULL << CAP_SYS_RESOURCE;
	proc_status_fini(&own);
	return 0;
}

static int check_limit(int pid, size_t i, const RlimitEntry *limit, bool raise)
{
	struct rlimit ours;

	if (limit->cur > limit->max)
		return log_errno(-EINVAL, "core-%d: %s: the soft limit %lu is above the hard limit "
				 "%lu", pid, name_table[i], (unsigned long)limit->cur,
				 (unsigned long)limit->max);
	if (raise)
		return 0;
	if (getrlimit(i, &ours) < 0)
		return log_errno(-errno, "cannot read our own %s", name_table[i]);
	if (limit->max > ours.rlim_max)
		return log_errno(-EPERM, "core-%d: %s: its hard limit %lu is above ours, %lu: "
				 "restore with CAP_SYS_RESOURCE or a higher limit", pid,
				 name_table[i], (unsigned long)limit->max,
				 (unsigned long)ours.rlim_max);
	return 0;
}

static int rlimits_check(struct restore *r, struct task *t)
{
	const TaskRlimitsEntry *limits = task_core(t)->tc->rlimits;
	bool raise = false;
	int ret;

	if (!limits || limits->n_rlimits > PROC_LIMIT_COUNT)
		return log_errno(-EINVAL, "core-%d: %zu resource limits", t->pid,
				 limits ? limits->n_rlimits : 0);
	ret = may_raise(&raise);
	for (size_t i = 0; ret >= 0 && i < limits->n_rlimits; i++)
		ret = check_limit(t->pid, i, limits->rlimits[i], raise);
	return ret;
}

static int rlimits_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	const TaskRlimitsEntry *limits = task_core(t)->tc->rlimits;

	args->n_rlimits = limits->n_rlimits;
	for (size_t i = 0; i < limits->n_rlimits; i++) {
		args->rlimits[i][0] = limits->rlimits[i]->cur;
		args->rlimits[i][1] = limits->rlimits[i]->max;
	}
	return 0;
}

const struct task_kind task_rlimits_kind = {
	.name = "resource limits",
	.test = "task/rlimits",
	.dump_task = rlimits_dump_task,
	.check = rlimits_check,
	.plan = rlimits_plan,
};
