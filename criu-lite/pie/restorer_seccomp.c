// SPDX-License-Identifier: GPL-2.0-only
/*
 * seccomp(2) of a restored thread: the very last of its state, and the last
 * that happens before rt_sigreturn.
 *
 * Installing a filter takes CAP_SYS_ADMIN, or no_new_privs, which must not stay
 * behind where it was not. So the threads of such a task keep their
 * capabilities until here. From its first filter on a thread is silenced only
 * by its tracer (PTRACE_O_SUSPEND_SECCOMP, inject/release.c): this runs when
 * the last gate is open, which it opens.
 *
 * Threads that came from one another share their filters, and the kernel
 * synchronizes threads (TSYNC) only where they do. What all threads of a task
 * have in common is therefore installed once, for all. The last thread does it:
 * the tracer serves threads from the last to the first, and the others wait.
 */
#include "pie/restorer.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "pie/syscall.h"

static void must(const struct restorer_thread *th, long result)
{
	restorer_must(th->args, RESTORER_STEP_SECCOMP, result, th->tid);
}

static void install(const struct restorer_thread *th, const struct restorer_filter *f,
		    uint32_t flags)
{
	long r = pie_call(seccomp, SECCOMP_SET_MODE_FILTER, f->flags | flags, &f->program);

	/* A thread that could not follow is told by its id. */
	must(th, r > 0 ? -EBUSY : r);
}

static void install_common(const struct restorer_thread *th)
{
	struct restorer_args *args = th->args;
	uint32_t flags = args->n_threads > 1 ? SECCOMP_FILTER_FLAG_TSYNC : 0;

	for (uint64_t i = 0; i < args->n_filters; i++)
		install(th, &args->filters[i], flags);
	__atomic_store_n(&args->filters_ready, 1, __ATOMIC_SEQ_CST);
	pie_call(futex, &args->filters_ready, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

static void wait_common(struct restorer_args *args)
{
	while (!__atomic_load_n(&args->filters_ready, __ATOMIC_SEQ_CST))
		pie_call(futex, &args->filters_ready, FUTEX_WAIT, 0, 0, 0, 0);
}

void restorer_seccomp(struct restorer_thread *th)
{
	struct restorer_args *args = th->args;

	if (!args->seccomp)
		return;
	if (th == &args->threads[args->n_threads - 1])
		install_common(th);
	else
		wait_common(args);
	for (uint64_t i = 0; i < th->n_filters; i++)
		install(th, &th->filters[i], 0);
	restorer_creds_end(th);
	if (th->seccomp_strict)
		must(th, pie_call(prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
}
