// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan of a restore, of any tree: whether its sessions are from outside, and for each
 * task what struct row says. A plan that was made must lead to the tree; one that can't is a
 * restore that fails when tasks run already. A dump must have said the same.
 */
#include <stdlib.h>

#include "core/restore.h"
#include "engine/plan.h"
#include "engine/test-plan-model.h"
#include "test/fuzz/target.h"
#include "util/arena.h"
#include "util/macro.h"

#define TASKS_MAX 48
#define TID_STEP 3

struct row {
	uint8_t pid, ppid, pgid, sid;
	uint8_t state;			/* one of states[] */
	uint8_t threads;		/* how many more (2 bits), from which id on (6 bits) */
};

static const enum task_state states[] = { TASK_ALIVE, TASK_DEAD, TASK_STOPPED };

static void demand(bool condition)
{
	if (!condition)
		abort();
}

/* 0, small ones above those of the model's own, and two that no kernel has. */
static int id_of(uint8_t byte)
{
	static const int no_ids[] = { -1, (1 << 22) + 1 };

	if (byte >= 254)
		return no_ids[byte - 254];
	return byte ? MODEL_OUTSIDE + byte : 0;
}

static void add_task(struct task_list *tasks, struct arena *arena, const struct row *row)
{
	struct task *t = arena_new_object(arena, struct task);

	t->restore = arena_new_object(arena, struct task_restore);
	t->n_threads = 1 + row->threads % 4;
	t->threads = arena_new_array(arena, struct thread, t->n_threads);
	t->pid = t->threads[0].tid = id_of(row->pid);
	for (size_t i = 1; i < t->n_threads; i++)
		t->threads[i].tid = id_of((row->threads / 4 + i * TID_STEP) % 256);
	t->ppid = id_of(row->ppid);
	t->pgid = id_of(row->pgid);
	t->sid = id_of(row->sid);
	t->state = states[row->state % ARRAY_SIZE(states)];
	TAILQ_INSERT_TAIL(tasks, t, link);
}

/* Helpers are threads too. */
static void check_ids(const struct task_list *tasks)
{
	const struct task *t, *other;

	TAILQ_FOREACH(t, tasks, link)
		TAILQ_FOREACH(other, tasks, link)
			for (size_t i = 0; other != t && i < other->n_threads; i++)
				demand(other->threads[i].tid != t->pid);
}

static void make_plan(struct task_list *tasks, struct arena *arena, bool shell_job)
{
	struct model model;
	struct task *t;
	int said, made;
	size_t n = 0;

	if (plan_tree(tasks, shell_job) < 0)
		return;
	said = plan_check(tasks, shell_job);
	made = plan_births(tasks, arena);
	demand((made < 0) == (said < 0));
	if (made < 0)
		return;
	TAILQ_FOREACH(t, tasks, link)
		n++;
	demand(n <= MODEL_MAX);
	check_ids(tasks);
	demand(!model_restore(&model, tasks));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena;
	struct task_list tasks;

	target_silence();
	if (!size)
		return 0;
	arena = arena_new();
	TAILQ_INIT(&tasks);
	for (size_t i = 0; i < TASKS_MAX && 1 + (i + 1) * sizeof(struct row) <= size; i++)
		add_task(&tasks, arena, (const struct row *)(data + 1) + i);
	make_plan(&tasks, arena, data[0] & 1);
	arena_free(arena);
	return 0;
}
