// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of robust futexes that a thread holds (get_robust_list(2)): the
 * kernel walks it when the thread dies. It lies in the thread's own memory;
 * saved is where it begins.
 */
#include <errno.h>
#include <linux/futex.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "sys/syscall.h"
#include "util/log.h"

/* The only length that the kernel takes. */
#define HEAD_SIZE sizeof(struct robust_list_head)

static int robust_list_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	uint64_t head, len;
	int r;

	if (!thread_runs(t, th))
		return 0;
	r = sys_get_robust_list(th->tid, &head, &len);
	if (r == -ENOSYS)
		return 0;
	if (r < 0)
		return log_errno(r, "pid %d: cannot get the robust list of thread %d", t->pid,
				 th->tid);
	tc->futex_rla = head;
	tc->futex_rla_len = head ? len : 0;
	return 0;
}

static int robust_list_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const ThreadCoreEntry *tc = t->threads[i].core->thread_core;

		if (tc->futex_rla_len && tc->futex_rla_len != HEAD_SIZE)
			return log_errno(-EINVAL,
					 "core-%d: a robust list head of %u bytes, not %zu",
					 t->threads[i].tid, tc->futex_rla_len, HEAD_SIZE);
	}
	return 0;
}

static int robust_list_plan_thread(struct restore *r, struct task *t, struct thread *th,
				   struct restorer_thread *args)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	args->robust_len = tc->futex_rla_len;
	args->robust_list = tc->futex_rla_len ? tc->futex_rla : 0;
	return 0;
}

const struct task_kind task_robust_list_kind = {
	.name = "robust list",
	.test = "task/robust-list",
	.dump_thread = robust_list_dump_thread,
	.check = robust_list_check,
	.plan_thread = robust_list_plan_thread,
};
