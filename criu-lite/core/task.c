// SPDX-License-Identifier: GPL-2.0-only
/* The task tree. */
#include "core/task.h"

#include <signal.h>

struct task *task_find(const struct task_list *tasks, int pid)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, link)
		if (t->pid == pid)
			return t;
	return NULL;
}

int task_exit_signal(const struct task *t)
{
	const TaskCoreEntry *tc = task_core(t) ? task_core(t)->tc : NULL;

	return tc && tc->has_exit_signal ? (int)tc->exit_signal : SIGCHLD;
}

bool task_shares_files(const struct task *t)
{
	return t->parent && t->ids && t->parent->ids &&
	       t->ids->files_id == t->parent->ids->files_id;
}

bool task_shares_fs(const struct task *t)
{
	return t->parent && t->ids && t->parent->ids && t->ids->fs_id == t->parent->ids->fs_id;
}

bool task_shares_sighand(const struct task *t)
{
	return t->parent && t->ids && t->parent->ids &&
	       t->ids->sighand_id == t->parent->ids->sighand_id;
}
