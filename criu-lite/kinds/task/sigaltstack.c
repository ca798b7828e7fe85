// SPDX-License-Identifier: GPL-2.0-only
/*
 * The alternate signal stack of each thread (sigaltstack(2)), which only the
 * thread itself can tell.
 *
 * SS_ONSTACK says that the thread runs on it right now. That follows from its
 * stack pointer, so it is saved for those who read images and not set.
 */
#include <errno.h>
#include <signal.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "util/arena.h"
#include "util/log.h"

/* Not in every libc; as linux/signal.h has it. */
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static int sigaltstack_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	const struct thread_facts *facts = th->dump->facts;
	ThreadSasEntry *sas;

	if (!thread_runs(t, th))
		return 0;
	sas = arena_message(d->arena, ThreadSasEntry, thread_sas_entry__init);
	sas->ss_sp = facts->sas_sp;
	sas->ss_size = facts->sas_size;
	sas->ss_flags = facts->sas_flags;
	th->core->thread_core->sas = sas;
	return 0;
}

static int check_stack(int tid, const ThreadSasEntry *sas)
{
	if (!sas)
		return 0;
	if (sas->ss_flags & ~(SS_ONSTACK | SS_DISABLE | SS_AUTODISARM))
		return log_errno(-EINVAL, "core-%d: unknown flags %#x of its signal stack", tid,
				 sas->ss_flags);
	if (sas->ss_flags & SS_DISABLE)
		return 0;
	if (sas->ss_sp + sas->ss_size < sas->ss_sp)
		return log_errno(-EINVAL, "core-%d: a signal stack of %#lx bytes at %#lx", tid,
				 (unsigned long)sas->ss_size, (unsigned long)sas->ss_sp);
	return 0;
}

static int sigaltstack_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct thread *th = &t->threads[i];
		int ret = check_stack(th->tid, th->core->thread_core->sas);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int sigaltstack_plan_thread(struct restore *r, struct task *t, struct thread *th,
				   struct restorer_thread *args)
{
	const ThreadSasEntry *sas = th->core->thread_core->sas;

	if (!sas || sas->ss_flags & SS_DISABLE) {
		args->sas_flags = SS_DISABLE;
		return 0;
	}
	args->sas_sp = sas->ss_sp;
	args->sas_size = sas->ss_size;
	args->sas_flags = sas->ss_flags & ~SS_ONSTACK;
	return 0;
}

const struct task_kind task_sigaltstack_kind = {
	.name = "signal stack",
	.test = "task/sigaltstack",
	.dump_thread = sigaltstack_dump_thread,
	.check = sigaltstack_check,
	.plan_thread = sigaltstack_plan_thread,
};
