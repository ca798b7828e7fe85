// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan of a restore, on trees that random histories left behind.
 *
 *	history		a small model of the kernel (test-plan-model.h): fork, setsid,
 *			setpgid, exit and wait, by tasks drawn at random
 *	plan		of the tree that is there at the end
 *	restore		what restored tasks do with the plan, on the same model, in the
 *			stages of engine/restore-task.c
 *
 * The restored tree must be the one that was planned, or the plan must refuse by
 * -ENOTSUP: -EINVAL says that an image is broken, and these trees are real ones.
 */
#include "engine/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/restore.h"
#include "engine/test-plan-model.h"
#include "util/arena.h"
#include "util/log.h"

enum {
	N_HISTORIES = 4000,
	N_STEPS = 60,
	N_MAX = 64,			/* processes of a history */
	ROOT = 10,
};

/* Children go to the nearest subreaper, or out of the tree. */
static void model_exit(struct model *m, struct process *p)
{
	struct process *reaper = model_find(m, p->ppid);

	while (reaper && (reaper->ended || !reaper->subreaper))
		reaper = model_find(m, reaper->ppid);
	p->ended = true;
	for (int i = 0; i < m->n; i++)
		if (m->p[i].ppid == p->pid)
			m->p[i].ppid = reaper ? reaper->pid : MODEL_INIT;
}

static struct process *draw(struct model *m)
{
	struct process *p;

	do
		p = &m->p[rand() % m->n];
	while (p->ended);
	return p;
}

static void step(struct model *m, int *next_pid)
{
	struct process *p = draw(m);

	switch (rand() % 10) {
	case 0: case 1: case 2: case 3:
		if (m->n < N_MAX)
			model_fork(m, p, p->pid, (*next_pid)++)->subreaper = rand() % 6 == 0;
		break;
	case 4:
		model_setsid(m, p);
		break;
	case 5:
		model_setpgid(m, p, p->pid);
		break;
	case 6: case 7:
		model_setpgid(m, p, m->p[rand() % m->n].pgid);
		break;
	case 8:
		if (p->pid != ROOT)
			model_exit(m, p);
		break;
	case 9:
		p = &m->p[rand() % m->n];
		p->gone = p->ended;
		break;
	}
}

static void live_through(struct model *m)
{
	int next_pid = ROOT + 1;

	*m = (struct model){ .n = 1 };
	m->p[0] = (struct process){ .pid = ROOT, .ppid = MODEL_INIT, .pgid = ROOT, .sid = ROOT,
				    .subreaper = rand() % 2 };
	for (int i = 0; i < N_STEPS; i++)
		step(m, &next_pid);
}

static void add_tree(struct model *m, const struct process *p, struct task_list *tasks,
		     struct arena *arena)
{
	struct task *t = arena_new_object(arena, struct task);

	t->restore = arena_new_object(arena, struct task_restore);
	t->threads = arena_new_array(arena, struct thread, 1);
	t->n_threads = 1;
	t->pid = t->threads[0].tid = p->pid;
	t->ppid = p->pid == ROOT ? 0 : p->ppid;
	t->pgid = p->pgid;
	t->sid = p->sid;
	t->state = p->ended ? TASK_DEAD : TASK_ALIVE;
	TAILQ_INSERT_TAIL(tasks, t, link);
	for (int i = 0; i < m->n; i++)
		if (m->p[i].ppid == p->pid && !m->p[i].gone)
			add_tree(m, &m->p[i], tasks, arena);
}

/* Whether there is a plan. */
static bool try_history(void)
{
	struct arena *arena = arena_new();
	struct task_list tasks;
	struct model before, after;
	int r;

	TAILQ_INIT(&tasks);
	live_through(&before);
	add_tree(&before, model_find(&before, ROOT), &tasks, arena);
	assert_int_equal(plan_tree(&tasks, false), 0);
	/* A dump would say the same, and change nothing. */
	r = plan_check(&tasks, false);
	assert_int_equal(plan_births(&tasks, arena), r);
	assert_true(!r || r == -ENOTSUP);
	if (!r)
		assert_null(model_restore(&after, &tasks));
	arena_free(arena);
	return !r;
}

static void test_histories(void **state)
{
	int planned = 0;

	for (int i = 0; i < N_HISTORIES; i++) {
		srand(i);
		planned += try_history();
	}
	print_message("%d of %d trees have a plan\n", planned, N_HISTORIES);
	assert_true(planned > N_HISTORIES / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histories),
	};

	/* Refusals are many, and expected. */
	log_set_threshold(LOG_LEVEL_MSG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
