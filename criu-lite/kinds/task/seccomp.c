// SPDX-License-Identifier: GPL-2.0-only
/*
 * seccomp(2), which is not covered: a thread that filters its system calls is
 * refused, at dump and at restore. To leave the filter out would restore a
 * task with more rights than it had.
 */
#include <errno.h>
#include <linux/seccomp.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/task/kinds.h"
#include "sys/proc_status.h"
#include "util/log.h"

static int seccomp_admit(struct dump *d, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct proc_status *status = t->threads[i].dump->status;

		if (status->seccomp != SECCOMP_MODE_DISABLED)
			return log_errno(-ENOTSUP, "pid %d: thread %d runs under seccomp (mode %u, "
					 "%u filters): not covered", t->pid, t->threads[i].tid,
					 status->seccomp, status->seccomp_filters);
	}
	return 0;
}

static int seccomp_check(struct restore *r, struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;

	if (tc->has_old_seccomp_mode && tc->old_seccomp_mode != SECCOMP_MODE__disabled)
		return log_errno(-ENOTSUP, "core-%d: seccomp mode %d is not covered", t->pid,
				 tc->old_seccomp_mode);
	for (size_t i = 0; i < t->n_threads; i++) {
		const ThreadCoreEntry *thc = t->threads[i].core->thread_core;

		if (thc->has_seccomp_mode && thc->seccomp_mode != SECCOMP_MODE__disabled)
			return log_errno(-ENOTSUP, "core-%d: seccomp mode %d is not covered",
					 t->threads[i].tid, thc->seccomp_mode);
	}
	return 0;
}

const struct task_kind task_seccomp_kind = {
	.name = "seccomp",
	.test = "task/caps",
	.admit = seccomp_admit,
	.check = seccomp_check,
};
