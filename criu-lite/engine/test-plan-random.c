// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan of a restore, on trees that random histories left behind.
 *
 *	history		a small model of the kernel: fork, setsid, setpgid, exit and
 *			wait, by tasks drawn at random
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
#include "util/arena.h"
#include "util/log.h"

enum {
	N_HISTORIES = 4000,
	N_STEPS = 60,
	N_MAX = 64,			/* processes of a model, ended ones too */
	ROOT = 10,
};

struct process {
	int pid, ppid, pgid, sid;
	bool ended, gone;		/* zombie; waited for */
	bool subreaper;
};

struct model {
	struct process p[N_MAX];
	int n;
};

static struct process *find(struct model *m, int pid)
{
	for (int i = 0; i < m->n; i++)
		if (m->p[i].pid == pid && !m->p[i].gone)
			return &m->p[i];
	return NULL;
}

/* A zombie holds its group too. */
static struct process *group_member(struct model *m, int pgid)
{
	for (int i = 0; i < m->n; i++)
		if (m->p[i].pgid == pgid && !m->p[i].gone)
			return &m->p[i];
	return NULL;
}

static struct process *model_fork(struct model *m, const struct process *maker, int ppid, int pid)
{
	struct process *child = &m->p[m->n++];

	*child = (struct process){ .pid = pid, .ppid = ppid, .pgid = maker->pgid,
				   .sid = maker->sid };
	return child;
}

static bool model_setsid(struct model *m, struct process *p)
{
	if (group_member(m, p->pid))
		return false;
	p->sid = p->pgid = p->pid;
	return true;
}

static bool model_setpgid(struct model *m, struct process *p, int pgid)
{
	struct process *member = group_member(m, pgid);

	if (p->sid == p->pid)
		return false;
	if (pgid != p->pid && (!member || member->sid != p->sid))
		return false;
	p->pgid = pgid;
	return true;
}

/* Children go to the nearest subreaper, or out of the tree. */
static void model_exit(struct model *m, struct process *p)
{
	struct process *reaper = find(m, p->ppid);

	while (reaper && (reaper->ended || !reaper->subreaper))
		reaper = find(m, reaper->ppid);
	p->ended = true;
	for (int i = 0; i < m->n; i++)
		if (m->p[i].ppid == p->pid)
			m->p[i].ppid = reaper ? reaper->pid : 1;
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
	m->p[0] = (struct process){ .pid = ROOT, .ppid = 1, .pgid = ROOT, .sid = ROOT,
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

static void run(struct model *m, struct task *t);

static void make(struct model *m, struct task *t, bool before_setsid)
{
	struct task *child;

	TAILQ_FOREACH(child, &t->restore->birth.makes, made) {
		if (child->restore->birth.before_setsid != before_setsid)
			continue;
		assert_true(m->n < N_MAX);
		model_fork(m, find(m, t->pid), child->parent->pid, child->pid);
		run(m, child);
	}
}

/* As found_family(). Restored tasks do this at the same time, for none needs another. */
static void run(struct model *m, struct task *t)
{
	struct process *p = find(m, t->pid);

	make(m, t, true);
	if (t->sid == t->pid)
		assert_true(model_setsid(m, p));
	make(m, t, false);
	if ((t->pgid == t->pid && t->sid != t->pid) || t->restore->birth.leaves_group)
		assert_true(model_setpgid(m, p, t->pid));
}

static void join_groups(struct model *m, struct task_list *tasks, bool leaving)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, link)
		if (t->restore->birth.leaves_group == leaving && t->pgid != t->pid &&
		    find(m, t->pid)->pgid != t->pgid)
			assert_true(model_setpgid(m, find(m, t->pid), t->pgid));
}

static void restore(struct model *m, struct task_list *tasks)
{
	struct task *root = TAILQ_FIRST(tasks), *t;

	*m = (struct model){ .n = 1 };
	/* Of the group and session of who restores. */
	m->p[0] = (struct process){ .pid = ROOT, .ppid = 1, .pgid = 5, .sid = 5 };
	run(m, root);
	join_groups(m, tasks, false);
	join_groups(m, tasks, true);
	TAILQ_FOREACH(t, tasks, link)
		if (t->state == TASK_HELPER)
			find(m, t->pid)->gone = true;
}

static void compare(struct model *m, struct task_list *tasks)
{
	struct task *t;
	int n = 0;

	TAILQ_FOREACH(t, tasks, link) {
		const struct process *p = find(m, t->pid);

		if (t->state == TASK_HELPER) {
			assert_null(p);
			continue;
		}
		n++;
		assert_non_null(p);
		assert_int_equal(p->ppid, t->ppid ? t->ppid : 1);
		assert_int_equal(p->pgid, t->pgid);
		assert_int_equal(p->sid, t->sid);
	}
	for (int i = 0; i < m->n; i++)
		n -= !m->p[i].gone;
	assert_int_equal(n, 0);
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
	add_tree(&before, find(&before, ROOT), &tasks, arena);
	assert_int_equal(plan_tree(&tasks, false), 0);
	/* A dump would say the same, and change nothing. */
	r = plan_check(&tasks, false);
	assert_int_equal(plan_births(&tasks, arena), r);
	assert_true(!r || r == -ENOTSUP);
	if (!r) {
		restore(&after, &tasks);
		compare(&after, &tasks);
	}
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
