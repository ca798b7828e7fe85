// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a thread's memory comes from on a NUMA machine (set_mempolicy). Only
 * the thread itself can tell. Mappings with a policy of their own (mbind) are
 * the engine's: engine/memory-policy.c.
 *
 * Pages that a restore fills are placed by the policy of their mapping, or as
 * the restore's own memory is: where they were is not kept.
 */
#include <errno.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/mempolicy.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "util/log.h"

static int mempolicy_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	if (thread_runs(t, th))
		th->core->thread_core->mempolicy =
			mempolicy_entry_new(d->arena, &th->dump->facts->mempolicy);
	return 0;
}

static int mempolicy_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const ThreadCoreEntry *tc = t->threads[i].core->thread_core;
		const char *fault = mempolicy_entry_fault(tc->mempolicy);

		if (fault)
			return log_errno(-EINVAL, "core-%d: %s", t->threads[i].tid, fault);
	}
	return 0;
}

static int mempolicy_plan_thread(struct restore *r, struct task *t, struct thread *th,
				 struct restorer_thread *args)
{
	mempolicy_from_entry(th->core->thread_core->mempolicy, &args->mempolicy);
	return 0;
}

const struct task_kind task_mempolicy_kind = {
	.name = "memory policy",
	.test = "task/mempolicy",
	.dump_thread = mempolicy_dump_thread,
	.check = mempolicy_check,
	.plan_thread = mempolicy_plan_thread,
};
