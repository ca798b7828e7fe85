// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name of each thread (PR_SET_NAME), at most 15 bytes of any value but 0.
 * A zombie has one too; it takes it before it ends again (engine/restore-task.c).
 */
#include <bsd/string.h>
#include <errno.h>
#include <string.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "sys/proc.h"
#include "sys/proc_stat.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

#define COMM_SIZE sizeof(((struct restorer_thread *)0)->comm)

static int comm_dump_task(struct dump *d, struct task *t)
{
	task_core(t)->tc->comm = arena_strdup(d->arena, t->dump->stat->comm);
	return 0;
}

static int comm_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	_cleanup_free_ char *comm = NULL;
	size_t len;
	int r;

	if (!task_is_live(t))
		return 0;
	r = proc_read(t->pid, &comm, &len, "task/%d/comm", th->tid);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read the name of thread %d", t->pid, th->tid);
	/* One newline ends it; others are the name's own. */
	if (len && comm[len - 1] == '\n')
		comm[len - 1] = 0;
	th->core->thread_core->comm = arena_strdup(d->arena, comm);
	return 0;
}

/* What it is called: writers before thread names only have the leader's. */
static const char *name_of(const struct task *t, const struct thread *th)
{
	const char *comm = th->core->thread_core->comm;

	return comm ? comm : task_core(t)->tc->comm;
}

static int comm_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct thread *th = &t->threads[i];

		if (strlen(name_of(t, th)) >= COMM_SIZE)
			return log_errno(-EINVAL, "core-%d: a name of %zu bytes", th->tid,
					 strlen(name_of(t, th)));
	}
	return 0;
}

static int comm_plan_thread(struct restore *r, struct task *t, struct thread *th,
			    struct restorer_thread *args)
{
	strlcpy(args->comm, name_of(t, th), sizeof(args->comm));
	return 0;
}

const struct task_kind task_comm_kind = {
	.name = "name",
	.test = "task/comm",
	.dump_task = comm_dump_task,
	.dump_thread = comm_dump_thread,
	.check = comm_check,
	.plan_thread = comm_plan_thread,
};
