// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: what the task does on each, which ones a thread blocks, and those
 * that are queued and not delivered yet, to the process or to one thread.
 *
 * Queued signals are kept as the kernel has them, sender and value included,
 * in their order; they are queued again when every thread blocks everything,
 * so that even those which would be ignored stay until the mask is loaded.
 * Those of POSIX timers come from the timers again (kinds/task/timer-signal.c).
 * The mask itself comes with the registers (kinds/task/regs.c).
 *
 * SIGKILL and SIGSTOP have no action that could be set, so that the image has
 * 62. Queued they are refused: neither can be blocked until the task runs. But a SIGSTOP
 * that was sent to a stopped task is left out: nothing can come of it, since the
 * SIGCONT that lets the task go on takes it away.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "kinds/task/kinds.h"
#include "kinds/task/timer-signal.h"
#include "sys/proc_status.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

#define N_SIGNALS PARASITE_NSIG
/* Without SIGKILL and SIGSTOP. */
#define N_ACTIONS (N_SIGNALS - 2)

_Static_assert(sizeof(siginfo_t) == 128, "the image has it as the kernel has it");

static bool has_action(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP;
}

static void dump_actions(struct dump *d, const struct parasite_sigaction *actions,
			 TaskCoreEntry *tc)
{
	tc->sigactions = arena_new_array(d->arena, SaEntry *, N_ACTIONS);
	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		const struct parasite_sigaction *action = &actions[sig - 1];
		SaEntry *sa;

		if (!has_action(sig))
			continue;
		sa = arena_message(d->arena, SaEntry, sa_entry__init);
		sa->sigaction = action->handler;
		sa->flags = action->flags;
		sa->restorer = action->restorer;
		sa->mask = action->mask;
		tc->sigactions[tc->n_sigactions++] = sa;
	}
}

/* A stop signal stops a task that does nothing else on it. */
static int check_stop(const struct task *t, int err)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	uint32_t sig = tc->has_stop_signo ? tc->stop_signo : SIGSTOP;

	if (t->state != TASK_STOPPED || sig == SIGSTOP)
		return 0;
	/* Without SIGKILL, SIGSTOP and the signal 0. */
	if (tc->sigactions[sig - 3]->sigaction)
		return log_errno(err, "core-%d: was stopped by signal %u, which has an action of "
				 "its own", t->pid, sig);
	return 0;
}

static void add_signal(struct dump *d, SignalQueueEntry *queue, const siginfo_t *info)
{
	SiginfoEntry *entry = arena_message(d->arena, SiginfoEntry, siginfo_entry__init);

	entry->siginfo.len = sizeof(*info);
	entry->siginfo.data = arena_memdup(d->arena, info, sizeof(*info));
	queue->signals[queue->n_signals++] = entry;
}

/*
 * A signal that found no room in the queue (RLIMIT_SIGPENDING) is pending all
 * the same, and will be delivered as one from nobody.
 */
static void add_unqueued(struct dump *d, SignalQueueEntry *queue, uint64_t pending)
{
	for (size_t i = 0; i < queue->n_signals; i++) {
		const siginfo_t *info = (const void *)queue->signals[i]->siginfo.data;

		pending &= ~(1ULL << (info->si_signo - 1));
	}
	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		const siginfo_t info = { .si_signo = sig, .si_code = SI_USER };

		if (has_action(sig) && pending >> (sig - 1) & 1)
			add_signal(d, queue, &info);
	}
}

static int dump_queue(struct dump *d, const struct task *t, const struct thread *th, bool shared,
		      SignalQueueEntry **out)
{
	const struct proc_status *status = th->dump->status;
	SignalQueueEntry *queue = arena_message(d->arena, SignalQueueEntry,
						signal_queue_entry__init);
	_cleanup_free_ siginfo_t *infos = NULL;
	size_t n = 0;
	int r = 0;

	/* What nobody can take any more nobody can read either: signals without a sender. */
	if (th->dump->tracee)
		r = tracee_signals(th->dump->tracee, shared, &infos, &n);

	if (r < 0)
		return r;
	queue->signals = arena_new_array(d->arena, SiginfoEntry *, n + N_SIGNALS);
	for (size_t i = 0; i < n; i++) {
		if (infos[i].si_signo == SIGSTOP && t->state == TASK_STOPPED)
			continue;
		if (!has_action(infos[i].si_signo) ||
		    (infos[i].si_signo == SIGCONT && t->state == TASK_STOPPED))
			return log_errno(-EAGAIN, "thread %d: signal %d was sent to it this "
					 "moment: dump again", th->tid, infos[i].si_signo);
		add_signal(d, queue, &infos[i]);
	}
	add_unqueued(d, queue, shared ? status->shared_pending : status->sig_pending);
	*out = queue;
	return 0;
}

static int signals_dump_task(struct dump *d, struct task *t)
{
	TaskCoreEntry *tc = task_core(t)->tc;
	int r;

	if (!task_is_live(t))
		return 0;
	dump_actions(d, t->dump->misc->sigactions, tc);
	r = check_stop(t, -ENOTSUP);
	if (r < 0)
		return r;
	tc->blk_sigset = t->leader_ended ? t->threads[0].dump->status->sig_blocked :
			 t->threads[0].dump->tracee->sigmask;
	return dump_queue(d, t, task_runner(t), true, &tc->signals_s);
}

static int signals_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;

	if (!task_is_live(t))
		return 0;
	/* The leader's stands in the task part. */
	if (th != &t->threads[0]) {
		tc->has_blk_sigset = true;
		tc->blk_sigset = th->dump->tracee->sigmask;
	}
	return dump_queue(d, t, th, false, &tc->signals_p);
}

static int check_queue(int tid, const SignalQueueEntry *queue)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		const ProtobufCBinaryData *raw = &queue->signals[i]->siginfo;
		siginfo_t info;

		if (raw->len != sizeof(info))
			return log_errno(-EINVAL, "core-%d: queued signal %zu: %zu bytes of "
					 "siginfo, not %zu", tid, i, raw->len, sizeof(info));
		memcpy(&info, raw->data, sizeof(info));
		if (info.si_signo < 1 || info.si_signo > N_SIGNALS || !has_action(info.si_signo))
			return log_errno(-EINVAL, "core-%d: queued signal %zu: signal %d", tid, i,
					 info.si_signo);
	}
	return 0;
}

static int signals_check(struct restore *r, struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	int ret;

	if (tc->n_sigactions != N_ACTIONS)
		return log_errno(-EINVAL, "core-%d: %zu signal actions, not %d", t->pid,
				 tc->n_sigactions, N_ACTIONS);
	for (size_t i = 0; i < N_ACTIONS; i++)
		if (tc->sigactions[i]->has_compat_sigaction && tc->sigactions[i]->compat_sigaction)
			return log_errno(-ENOTSUP, "core-%d: signal actions of a 32-bit task: not "
					 "covered", t->pid);
	ret = check_stop(t, -EINVAL);
	if (ret >= 0)
		ret = check_queue(t->pid, tc->signals_s);
	for (size_t i = 0; ret >= 0 && i < t->n_threads; i++)
		ret = check_queue(t->threads[i].tid,
				  t->threads[i].core->thread_core->signals_p);
	return ret;
}

/* All but what a timer will send again itself. @tid: whose queue it is; 0: the process's. */
static int plan_queue(const struct task *t, int tid, const SignalQueueEntry *queue,
		      struct restorer_args *args, void **infos, uint64_t *n)
{
	char *to;

	if (!queue || !queue->n_signals)
		return 0;
	*infos = to = restorer_alloc(args, queue->n_signals * sizeof(siginfo_t));
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < queue->n_signals; i++) {
		if (timer_signal_sender(t, queue, i, tid))
			continue;
		memcpy(to + *n * sizeof(siginfo_t), queue->signals[i]->siginfo.data,
		       sizeof(siginfo_t));
		++*n;
	}
	return 0;
}

static int plan_actions(struct task *t, struct restorer_args *args)
{
	SaEntry **from = task_core(t)->tc->sigactions;

	if (task_shares_sighand(t))
		return 0;
	args->sigactions = restorer_alloc(args, N_SIGNALS * sizeof(*args->sigactions));
	if (!args->sigactions)
		return -ENOMEM;
	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		struct restorer_sigaction *action = &args->sigactions[sig - 1];

		if (!has_action(sig))
			continue;
		action->handler = (*from)->sigaction;
		action->flags = (*from)->flags;
		action->restorer = (*from)->restorer;
		action->mask = (*from)->mask;
		from++;
	}
	return 0;
}

static int signals_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	int ret = plan_actions(t, args);

	if (ret < 0)
		return ret;
	return plan_queue(t, 0, task_core(t)->tc->signals_s, args, &args->siginfos,
			  &args->n_siginfos);
}

static int signals_plan_thread(struct restore *r, struct task *t, struct thread *th,
			       struct restorer_thread *args)
{
	return plan_queue(t, th->tid, th->core->thread_core->signals_p, args->args,
			  &args->siginfos, &args->n_siginfos);
}

const struct task_kind task_signals_kind = {
	.name = "signals",
	.test = "task/sigpending",
	.dump_task = signals_dump_task,
	.dump_thread = signals_dump_thread,
	.check = signals_check,
	.plan = signals_plan,
	.plan_thread = signals_plan_thread,
};
