// SPDX-License-Identifier: GPL-2.0-only
/*
 * The restorer: from a task that still is a copy of its maker to the dumped
 * one (inject/abi/restorer.h says where everything lies).
 *
 *	leader		other threads
 *	memory, actions
 *	makes threads ->
 *	-------------- MEMORY: userfaultfds are armed, their server takes charge
 *	own state	own state
 *	    <------------- count
 *	process state
 *	credentials	credentials
 *	    <------------- count
 *	dumpable, closes service descriptors
 *	-------------- CREDS: only seccomp and the signal frame are left
 *	filters		filters		(restorer_seccomp.c)
 *	rt_sigreturn	rt_sigreturn
 *
 * Restored memory may be armed: before MEMORY is open nobody answers for a
 * missing page, so nothing above that line may touch it, nor make the kernel
 * do so (rseq). Credentials come last in each thread, and resource limits when
 * all threads have queued their signals, since both take away what the rest
 * needs. All signals are blocked until the signal frame loads the mask.
 */
#include "pie/restorer.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/time_types.h>
#include <stddef.h>

#include "pie/syscall.h"

#define EXIT_FAILED 127
#define PRCTL_SET_MDWE 65		/* newer than the headers of some distributions */
#define NSIG_WORDS_SIZE sizeof(uint64_t)

static void wake(uint32_t *word)
{
	pie_call(futex, word, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

static void ring(struct restore_sync *sync)
{
	__atomic_add_fetch(&sync->bell, 1, __ATOMIC_SEQ_CST);
	wake(&sync->bell);
}

/*
 * Whoever sees the failure ends the task with all its threads, the one that
 * failed among them: each rings before it does so.
 */
__attribute__((noreturn))
static void leave(struct restore_sync *sync)
{
	ring(sync);
	wake(&sync->open);
	for (;;)
		pie_call(exit_group, EXIT_FAILED);
}

void restorer_fail(struct restorer_args *args, enum restorer_step step, long err, uint64_t arg)
{
	struct restore_sync *sync = args->sync;
	uint32_t unset = 0;

	if (__atomic_compare_exchange_n(&sync->claimed, &unset, 1, 0, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		sync->fail_pid = args->threads[0].tid;
		sync->fail_errno = err;
		sync->fail_step = step;
		sync->fail_arg = arg;
		__atomic_store_n(&sync->failed, 1, __ATOMIC_SEQ_CST);
	}
	leave(sync);
}

static void arrive(struct restorer_args *args, enum restore_stage stage)
{
	__atomic_add_fetch(&args->sync->arrived[stage], 1, __ATOMIC_SEQ_CST);
	ring(args->sync);
}

/*
 * Waits until @stage may be left. The signal of the parent's death is gone
 * with the first change of credentials: who waits looks for itself whether
 * there still is somebody to open.
 */
static void wait_stage(struct restorer_args *args, enum restore_stage stage)
{
	const struct __kernel_timespec while_alive = { .tv_sec = 1 };
	struct restore_sync *sync = args->sync;

	for (;;) {
		uint32_t open = __atomic_load_n(&sync->open, __ATOMIC_SEQ_CST);

		if (__atomic_load_n(&sync->failed, __ATOMIC_SEQ_CST))
			leave(sync);
		if (open > stage)
			return;
		if (pie_call(futex, &sync->open, FUTEX_WAIT, open, &while_alive, 0, 0) ==
		    -ETIMEDOUT && pie_call(getppid) != args->maker)
			restorer_fail(args, RESTORER_STEP_PARENT, 0, 0);
	}
}

/* Says that one more thread but the leader came so far. */
static void count_thread(struct restorer_args *args)
{
	__atomic_add_fetch(&args->tasks_wait, 1, __ATOMIC_SEQ_CST);
	wake(&args->tasks_wait);
}

/* For the leader: waits until all other threads passed count_thread() @times. */
static void wait_threads(struct restorer_args *args, uint32_t times)
{
	uint32_t now;

	while ((now = __atomic_load_n(&args->tasks_wait, __ATOMIC_SEQ_CST)) <
	       times * (args->n_threads - 1))
		pie_call(futex, &args->tasks_wait, FUTEX_WAIT, now, 0, 0, 0);
}

/* SIGKILL and SIGSTOP can't have an action, which the image leaves zeroed. */
static void set_sigactions(struct restorer_args *args)
{
	if (!args->sigactions)
		return;
	for (int sig = 1; sig <= 64; sig++) {
		const struct restorer_sigaction *action = &args->sigactions[sig - 1];

		if (sig == 9 || sig == 19)
			continue;
		restorer_must(args, RESTORER_STEP_SIGACTION,
			      pie_call(rt_sigaction, sig, action, 0, NSIG_WORDS_SIZE), sig);
	}
}

static void set_prctl(struct restorer_args *args, int option, uint64_t value)
{
	restorer_must(args, RESTORER_STEP_PRCTL, pie_call(prctl, option, value, 0, 0, 0), option);
}

/* The threads that are made later inherit it. */
static void set_personality(struct restorer_args *args, uint32_t value)
{
	restorer_must(args, RESTORER_STEP_PERSONALITY, pie_call(personality, value), value);
}

static void register_membarriers(struct restorer_args *args)
{
	for (uint32_t bit = 1; bit; bit <<= 1)
		if (args->membarrier & bit)
			restorer_must(args, RESTORER_STEP_MEMBARRIER,
				      pie_call(membarrier, bit, 0, 0), bit);
}

static void set_rlimits(struct restorer_args *args)
{
	for (uint32_t i = 0; i < args->n_rlimits; i++)
		restorer_must(args, RESTORER_STEP_RLIMIT,
			      pie_call(prlimit64, 0, i, args->rlimits[i], 0), i);
}

/* All tasks have mapped their memory. */
static void seal_memfds(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_seals; i++) {
		const struct restorer_seal *s = &args->mm.seals[i];

		restorer_must(args, RESTORER_STEP_MEMFD_SEAL,
			      pie_call(fcntl, s->fd, F_ADD_SEALS, s->seals), s->fd);
	}
}

static void process_state(struct restorer_args *args)
{
	seal_memfds(args);
	set_prctl(args, PR_SET_CHILD_SUBREAPER, args->child_subreaper);
	if (args->mdwe)
		set_prctl(args, PRCTL_SET_MDWE, args->mdwe);
	register_membarriers(args);
	restorer_signals(args);
	restorer_timers(args);
	set_rlimits(args);
}

static void close_services(struct restorer_args *args)
{
	if (args->close_service)
		restorer_must(args, RESTORER_STEP_CLOSE,
			      pie_call(close_range, args->service_base, args->service_last, 0),
			      0);
}

static void leader_rest(struct restorer_args *args)
{
	struct restorer_thread *leader = &args->threads[0];

	wait_threads(args, 1);
	process_state(args);
	wait_threads(args, 2);
	restorer_dumpable_by_change(args);
	restorer_creds(leader);
	restorer_dumpable(args);
	close_services(args);
}

static void thread_main(struct restorer_thread *th)
{
	struct restorer_args *args = th->args;

	arrive(args, RESTORE_STAGE_MEMORY);
	wait_stage(args, RESTORE_STAGE_MEMORY);
	restorer_thread_state(th);
	if (th == &args->threads[0]) {
		leader_rest(args);
	} else {
		count_thread(args);
		restorer_creds(th);
		count_thread(args);
	}
	arrive(args, RESTORE_STAGE_CREDS);
	wait_stage(args, RESTORE_STAGE_CREDS);
	restorer_seccomp(th);
	restorer_sigreturn(th);
}

__attribute__((section(".text.entry"), noreturn, used))
void restorer_entry(struct restorer_args *args);

void restorer_entry(struct restorer_args *args)
{
	args->maker = pie_call(getppid);
	/* Ours, or the dumped one, would change what is mapped: READ_IMPLIES_EXEC. */
	set_personality(args, 0);
	restorer_memory(args);
	set_personality(args, args->personality);
	set_sigactions(args);
	restorer_start_threads(args, thread_main);
	restorer_make_timers(args);
	thread_main(&args->threads[0]);
	__builtin_unreachable();
}
