// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signal that a thread gets when its parent ends (PR_SET_PDEATHSIG). Any
 * change of credentials forgets it, and during a restore it is SIGKILL: the
 * restorer sets the saved one at the very end.
 */
#include <errno.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "util/log.h"

static int death_signal_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	if (!thread_runs(t, th))
		return 0;
	th->core->thread_core->has_pdeath_sig = true;
	th->core->thread_core->pdeath_sig = th->dump->facts->pdeath_sig;
	return 0;
}

static int death_signal_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const ThreadCoreEntry *tc = t->threads[i].core->thread_core;

		if (tc->has_pdeath_sig && tc->pdeath_sig > PARASITE_NSIG)
			return log_errno(-EINVAL, "core-%d: signal %u for the death of its parent",
					 t->threads[i].tid, tc->pdeath_sig);
	}
	return 0;
}

static int death_signal_plan_thread(struct restore *r, struct task *t, struct thread *th,
				    struct restorer_thread *args)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	args->pdeath_sig = tc->has_pdeath_sig ? tc->pdeath_sig : 0;
	return 0;
}

const struct task_kind task_death_signal_kind = {
	.name = "parent death signal",
	.test = "task/pdeathsig",
	.dump_thread = death_signal_dump_thread,
	.check = death_signal_check,
	.plan_thread = death_signal_plan_thread,
};
