// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of each thread: general, FPU and SIMD, segment bases, and the word
 * that the kernel clears when the thread ends.
 *
 * A thread goes on from a signal frame: rt_sigreturn(2) loads its registers,
 * its signal mask and its alternate stack in one step, the last one of a
 * restore. The bases of fs and gs are no part of a frame: the restorer sets
 * them. What the processor here can't hold is refused before any task runs.
 *
 * An interrupted system call ends or starts over as the next signal decides:
 * the dump comes after that of the signals in the table.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/arch/x86_64/sigframe.h"
#include "inject/arch/x86_64/xstate.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "kinds/task/kinds.h"
#include "sys/proc_status.h"
#include "util/arena.h"
#include "util/cleanup.h"

/* The lowest signal of a queue that is not blocked and has a handler; 0: none. */
static int first_handled(const SignalQueueEntry *queue, uint64_t blocked,
			 const struct parasite_sigaction *actions)
{
	int first = 0;

	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		int sig = ((const siginfo_t *)queue->signals[i]->siginfo.data)->si_signo;

		if (blocked >> (sig - 1) & 1)
			continue;
		if (actions[sig - 1].handler > (uintptr_t)SIG_IGN && (!first || sig < first))
			first = sig;
	}
	return first;
}

/*
 * What the thread will find when it goes on: a signal that came while it stood
 * still. One that is queued to the process may go to another thread; a call
 * that fails with EINTR for nothing is better than one that sleeps on.
 */
static enum sigframe_signal next_signal(const struct task *t, const struct thread *th)
{
	const struct parasite_sigaction *actions = t->dump->misc->sigactions;
	/* Not the mask of the image: inside of sigsuspend() another one is in force. */
	uint64_t blocked = th->dump->status->sig_blocked;
	int sig = first_handled(th->core->thread_core->signals_p, blocked, actions);

	if (!sig)
		sig = first_handled(task_core(t)->tc->signals_s, blocked, actions);
	if (!sig)
		return SIGFRAME_SIGNAL_NONE;
	return actions[sig - 1].flags & SA_RESTART ? SIGFRAME_SIGNAL_RESTARTING :
	       SIGFRAME_SIGNAL_HANDLED;
}

static const struct xstate_layout *probe_layout(struct arena *arena)
{
	struct xstate_layout *layout = arena_new_object(arena, struct xstate_layout);

	xstate_layout_probe(layout);
	return layout;
}

static int regs_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	const struct tracee *tracee = th->dump ? th->dump->tracee : NULL;
	_cleanup_free_ void *xstate = NULL;
	size_t len;
	int r;

	if (!thread_runs(t, th))
		return 0;
	r = tracee_xstate(tracee, &xstate, &len);
	if (r < 0)
		return r;
	if (!d->xstate)
		d->xstate = probe_layout(d->arena);
	r = sigframe_dump(d->arena, d->xstate, th->tid, &tracee->regs, next_signal(t, th), xstate,
			  len, th->core);
	if (r < 0)
		return r;
	th->core->thread_info->clear_tid_addr = th->dump->facts->clear_tid_addr;
	return 0;
}

static int regs_check(struct restore *r, struct task *t)
{
	if (!r->xstate)
		r->xstate = probe_layout(r->arena);
	for (size_t i = 0; i < t->n_threads; i++) {
		int ret = !thread_runs(t, &t->threads[i]) ? 0 :
			  sigframe_check(r->xstate, t->threads[i].tid, t->threads[i].core);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The frame brings the mask; the leader's stands in the task's own part. */
static uint64_t mask_of(const struct thread *th)
{
	if (th->core->tc)
		return th->core->tc->blk_sigset;
	return th->core->thread_core->has_blk_sigset ? th->core->thread_core->blk_sigset : 0;
}

static stack_t signal_stack_of(const struct thread *th)
{
	const ThreadSasEntry *sas = th->core->thread_core->sas;

	if (!sas || sas->ss_flags & SS_DISABLE)
		return (stack_t){ .ss_flags = SS_DISABLE };
	return (stack_t){
		.ss_sp = (void *)sas->ss_sp,
		.ss_size = sas->ss_size,
		.ss_flags = sas->ss_flags & ~SS_ONSTACK,
	};
}

static int regs_plan_thread(struct restore *r, struct task *t, struct thread *th,
			    struct restorer_thread *args)
{
	const ThreadInfoX86 *info = th->core->thread_info;
	const stack_t sas = signal_stack_of(th);
	void *room;

	/* It leaves by exit(). */
	if (!thread_runs(t, th)) {
		args->ends = 1;
		args->exit_code = th->core->tc->exit_code >> 8;
		return 0;
	}
	room = restorer_alloc(args->args, SIGFRAME_ROOM);
	if (!room)
		return -ENOMEM;
	args->sigframe = sigframe_build(r->xstate, th->core, mask_of(th), &sas, room);
	args->clear_tid_addr = info->clear_tid_addr;
	args->fs_base = info->gpregs->fs_base;
	args->gs_base = info->gpregs->gs_base;
	return 0;
}

const struct task_kind task_regs_kind = {
	.name = "registers",
	.test = "task/registers",
	.dump_thread = regs_dump_thread,
	.check = regs_check,
	.plan_thread = regs_plan_thread,
};
