// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restored thread: all but its registers and signal mask, which the signal
 * frame brings, and its credentials (restorer_creds.c).
 *
 * Robust list, rseq area and the word that the kernel clears at the thread's
 * end are addresses that the kernel remembers: a new thread has none of them,
 * and the leader none either, since its maker's have been withdrawn.
 */
#include "pie/restorer.h"

#include <asm/signal.h>
#include <errno.h>
#include <linux/ioprio.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "pie/arch/x86_64/restorer-thread.h"
#include "pie/syscall.h"

void restorer_start_threads(struct restorer_args *args, void (*main)(struct restorer_thread *))
{
	for (uint64_t i = 1; i < args->n_threads; i++) {
		struct restorer_thread *th = &args->threads[i];
		int32_t tid = th->tid;
		struct clone_args clone = {
			.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
				 CLONE_THREAD | CLONE_SYSVSEM,
			/* All below the top: the kernel only adds the two. */
			.stack = args->area_start,
			.stack_size = th->stack_top - args->area_start,
			.set_tid = (uintptr_t)&tid,
			.set_tid_size = 1,
		};

		restorer_must(args, RESTORER_STEP_THREAD, arch_clone_thread(&clone, main, th),
			      th->tid);
	}
}

static void set_sigaltstack(const struct restorer_thread *th)
{
	const stack_t sas = {
		.ss_sp = (void *)th->sas_sp,
		.ss_size = th->sas_size,
		.ss_flags = th->sas_flags,
	};

	restorer_must(th->args, RESTORER_STEP_SIGALTSTACK, pie_call(sigaltstack, &sas, 0),
		      th->sas_sp);
}

static void register_addresses(const struct restorer_thread *th)
{
	pie_call(set_tid_address, th->clear_tid_addr);
	if (th->robust_len)
		restorer_must(th->args, RESTORER_STEP_ROBUST_LIST,
			      pie_call(set_robust_list, th->robust_list, th->robust_len),
			      th->robust_list);
	if (th->rseq_len)
		restorer_must(th->args, RESTORER_STEP_RSEQ,
			      pie_call(rseq, th->rseq_addr, th->rseq_len, 0, th->rseq_sig),
			      th->rseq_addr);
}

/*
 * The nice value and the timer slack first: a thread of a real-time policy keeps
 * the one for later, and has no other slack than 0.
 */
static void set_sched(const struct restorer_thread *th)
{
	const struct sched_attr attr = {
		.size = SCHED_ATTR_SIZE_VER0,
		.sched_policy = th->sched_policy & ~SCHED_RESET_ON_FORK,
		.sched_flags = th->sched_policy & SCHED_RESET_ON_FORK ?
			SCHED_FLAG_RESET_ON_FORK : 0,
		.sched_nice = th->sched_nice,
		.sched_priority = th->sched_prio,
		.sched_runtime = th->sched_slice,
	};

	restorer_must(th->args, RESTORER_STEP_SCHED,
		      pie_call(setpriority, PRIO_PROCESS, 0, th->sched_nice), th->tid);
	restorer_must(th->args, RESTORER_STEP_PRCTL,
		      pie_call(prctl, PR_SET_TIMERSLACK, th->timer_slack, 0, 0, 0),
		      PR_SET_TIMERSLACK);
	restorer_must(th->args, RESTORER_STEP_SCHED, pie_call(sched_setattr, 0, &attr, 0),
		      th->tid);
}

static void set_processors(const struct restorer_thread *th)
{
	if (th->n_processors)
		restorer_must(th->args, RESTORER_STEP_PROCESSORS,
			      pie_call(sched_setaffinity, 0,
				       th->n_processors * sizeof(*th->processors),
				       th->processors), th->tid);
}

/* Only where it differs, which spares most threads a context of the block layer. */
static void set_io_priority(const struct restorer_thread *th)
{
	const long now = pie_call(ioprio_get, IOPRIO_WHO_PROCESS, 0);

	/* A kernel without any has none to take back. */
	if (now == th->io_priority || (now < 0 && !th->io_priority))
		return;
	restorer_must(th->args, RESTORER_STEP_IO_PRIORITY,
		      pie_call(ioprio_set, IOPRIO_WHO_PROCESS, 0, th->io_priority),
		      th->io_priority);
}

/* Whoever restores may have another. A kernel without NUMA has the default. */
static void set_mempolicy(const struct restorer_thread *th)
{
	long result = pie_call(set_mempolicy, th->mempolicy.mode, th->mempolicy.nodes,
			       MEMPOLICY_NODES_MAX + 1);

	if (result != -ENOSYS || th->mempolicy.mode)
		restorer_must(th->args, RESTORER_STEP_MEMPOLICY, result, th->tid);
}

/* To itself a thread may send anything, also what only the kernel sends. */
static void queue_signals(const struct restorer_thread *th)
{
	const char *info = th->siginfos;

	for (uint64_t i = 0; i < th->n_siginfos; i++, info += 128)
		restorer_must(th->args, RESTORER_STEP_SIGNALS,
			      pie_call(rt_tgsigqueueinfo, th->args->threads[0].tid, th->tid,
				       *(const int32_t *)info, info), *(const int32_t *)info);
}

static void set_prctl(const struct restorer_thread *th, int option, uint64_t a, uint64_t b)
{
	restorer_must(th->args, RESTORER_STEP_PRCTL, pie_call(prctl, option, a, b, 0, 0), option);
}

static void set_hazards(const struct restorer_thread *th)
{
	set_prctl(th, PR_MCE_KILL, PR_MCE_KILL_SET, th->mce_kill);
	if (th->tsc == PR_TSC_SIGSEGV)
		set_prctl(th, PR_SET_TSC, th->tsc, 0);
	if (th->store_bypass)
		set_prctl(th, PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, th->store_bypass);
	if (th->indirect_branch)
		set_prctl(th, PR_SET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH,
			  th->indirect_branch);
}

void restorer_thread_state(struct restorer_thread *th)
{
	restorer_must(th->args, RESTORER_STEP_THREAD, arch_set_bases(th), th->tid);
	register_addresses(th);
	set_sigaltstack(th);
	restorer_must(th->args, RESTORER_STEP_PRCTL,
		      pie_call(prctl, PR_SET_NAME, th->comm, 0, 0, 0), PR_SET_NAME);
	set_hazards(th);
	set_sched(th);
	set_mempolicy(th);
	set_processors(th);
	set_io_priority(th);
	restorer_overruns(th);
	queue_signals(th);
}

void restorer_sigreturn(const struct restorer_thread *th)
{
	/* Its tracer sees to it that it is the last that this thread does. */
	while (th->ends)
		pie_call(exit, th->exit_code);
	arch_sigreturn(th->sigframe);
}
