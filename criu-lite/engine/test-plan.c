// SPDX-License-Identifier: GPL-2.0-only
/* The plan of a restore, on trees written down as rows. */
#include "engine/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/restore.h"
#include "util/arena.h"

struct row {
	int pid, ppid, pgid, sid;
	enum task_state state;
	int tid;			/* of a second thread; 0: there is none */
};

struct fixture {
	struct arena *arena;
	struct task_list tasks;
};

static void make(struct fixture *f, const struct row *rows, size_t n)
{
	f->arena = arena_new();
	TAILQ_INIT(&f->tasks);
	for (size_t i = 0; i < n; i++) {
		struct task *t = arena_new_object(f->arena, struct task);

		t->restore = arena_new_object(f->arena, struct task_restore);
		t->n_threads = rows[i].tid ? 2 : 1;
		t->threads = arena_new_array(f->arena, struct thread, t->n_threads);
		t->pid = t->threads[0].tid = rows[i].pid;
		if (rows[i].tid)
			t->threads[1].tid = rows[i].tid;
		t->ppid = rows[i].ppid;
		t->pgid = rows[i].pgid;
		t->sid = rows[i].sid;
		t->state = rows[i].state ? rows[i].state : TASK_ALIVE;
		TAILQ_INSERT_TAIL(&f->tasks, t, link);
	}
}

static int plan(struct fixture *f, bool shell_job)
{
	int r = plan_tree(&f->tasks, shell_job);

	return r < 0 ? r : plan_births(&f->tasks, f->arena);
}

/* Makes a tree, plans it, and expects a result. */
#define PLAN(f, shell_job, expected, ...) do {					\
	const struct row rows_[] = { __VA_ARGS__ };				\
	make((f), rows_, sizeof(rows_) / sizeof(rows_[0]));			\
	assert_int_equal(plan((f), (shell_job)), (expected));			\
} while (0)

static const struct task_birth *birth(struct fixture *f, int pid)
{
	return &task_find(&f->tasks, pid)->restore->birth;
}

static void test_one_session(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 11, 10, 10, 10 }, { 12, 11, 12, 10 });
	assert_false(birth(&f, 11)->before_setsid);
	assert_int_equal(birth(&f, 10)->session, -1);
	arena_free(f.arena);
}

/* 20 had 21 while it was of session 10, and then founded its own. */
static void test_child_of_the_older_session(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 20, 10, 20, 20 }, { 21, 20, 10, 10 },
	     { 22, 20, 20, 20 });
	assert_true(birth(&f, 21)->before_setsid);
	assert_false(birth(&f, 22)->before_setsid);
	assert_int_equal(birth(&f, 20)->session, 10);
	arena_free(f.arena);
}

/* The same, two levels of leaders deep. */
static void test_older_session_through_leaders(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 20, 10, 20, 20 }, { 30, 20, 30, 30 },
	     { 31, 30, 10, 10 });
	assert_true(birth(&f, 31)->before_setsid);
	assert_true(birth(&f, 30)->before_setsid);
	arena_free(f.arena);
}

/* A helper founds it, and makes its members as children of their parent. */
static void test_session_without_leader(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 11, 10, 11, 99 }, { 12, 11, 11, 99 });
	assert_int_equal(task_find(&f.tasks, 99)->state, TASK_HELPER);
	assert_int_equal(birth(&f, 11)->maker->pid, 99);
	assert_int_equal(birth(&f, 12)->maker->pid, 11);
	arena_free(f.arena);
	PLAN(&f, false, -ENOTSUP, { 10, 0, 10, 9 });
	arena_free(f.arena);
}

/* Orphans of a session that a child of their parent leads, also if it is a zombie. */
static void test_session_of_a_sibling(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 12, 10, 12, 11 }, { 11, 10, 11, 11 },
	     { 13, 10, 13, 13, TASK_DEAD }, { 14, 10, 13, 13 });
	assert_int_equal(birth(&f, 12)->maker->pid, 11);
	assert_int_equal(birth(&f, 14)->maker->pid, 13);
	arena_free(f.arena);
}

/* Children of two older sessions; and one of a session that its parent can't have been in. */
static void test_two_births_at_once(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 20, 10, 20, 20 }, { 21, 20, 10, 10 },
	     { 22, 20, 22, 5 });
	arena_free(f.arena);
	PLAN(&f, false, -ENOTSUP, { 10, 0, 10, 10 }, { 15, 10, 15, 15 }, { 20, 10, 20, 20 },
	     { 21, 20, 10, 10 }, { 22, 20, 15, 15 });
	arena_free(f.arena);
	/* Each needs the other's session to be born in. */
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 10, 11, 11 }, { 12, 10, 12, 12 },
	     { 13, 11, 12, 12 }, { 14, 12, 11, 11 });
	arena_free(f.arena);
}

/* 11 founded a group and went to another one. */
static void test_leaves_group(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 11, 10, 10, 10 }, { 12, 10, 11, 10 });
	assert_true(birth(&f, 11)->leaves_group);
	assert_false(birth(&f, 12)->leaves_group);
	arena_free(f.arena);
	/* 11 and 12 changed places; nobody holds their groups meanwhile. */
	PLAN(&f, false, -ENOTSUP, { 10, 0, 10, 10 }, { 11, 10, 12, 10 }, { 12, 10, 11, 10 });
	arena_free(f.arena);
}

static void test_group_helper(void **state)
{
	struct fixture f;
	struct task *helper;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 11, 10, 15, 10 }, { 12, 10, 15, 10 });
	helper = task_find(&f.tasks, 15);
	assert_non_null(helper);
	assert_int_equal(helper->state, TASK_HELPER);
	assert_int_equal(helper->parent->pid, 10);
	assert_ptr_equal(TAILQ_LAST(&f.tasks, task_list), helper);
	arena_free(f.arena);
}

/* A zombie can lead a group: it joins before it ends. */
static void test_group_of_a_zombie(void **state)
{
	struct fixture f;

	PLAN(&f, false, 0, { 10, 0, 10, 10 }, { 11, 10, 11, 10, TASK_DEAD }, { 12, 10, 11, 10 });
	assert_int_equal(TAILQ_LAST(&f.tasks, task_list)->pid, 12);
	arena_free(f.arena);
}

static void test_shell_job(void **state)
{
	struct fixture f;

	PLAN(&f, false, -EINVAL, { 10, 0, 10, 0 });
	arena_free(f.arena);
	PLAN(&f, true, 0, { 10, 0, 10, 0 }, { 11, 10, 0, 0 });
	arena_free(f.arena);
	/* An orphan of the session from outside: its parent is of another one. */
	PLAN(&f, true, -ENOTSUP, { 10, 0, 10, 0 }, { 12, 10, 12, 99 }, { 44, 12, 44, 0 });
	arena_free(f.arena);
	/* A group from outside is of a session from outside. */
	PLAN(&f, true, -EINVAL, { 10, 0, 10, 0 }, { 11, 10, 0, 78 });
	arena_free(f.arena);
}

static void test_broken_trees(void **state)
{
	struct fixture f;

	PLAN(&f, false, -EINVAL, { 10, 1, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 10, 10, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 12, 10, 10 }, { 12, 10, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 11, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 0, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 10, 11, 10, TASK_DEAD },
	     { 12, 11, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { -3, 0, 10, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 10, 11, 11 }, { 12, 10, 11, 10 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 10, 10, 11 });
	arena_free(f.arena);
	/* No helper can have the id of a thread. */
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10 }, { 11, 10, 12, 10, TASK_ALIVE, 12 });
	arena_free(f.arena);
	PLAN(&f, false, -EINVAL, { 10, 0, 10, 10, TASK_ALIVE, 99 }, { 11, 10, 11, 99 });
	arena_free(f.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_session),
		cmocka_unit_test(test_child_of_the_older_session),
		cmocka_unit_test(test_older_session_through_leaders),
		cmocka_unit_test(test_session_without_leader),
		cmocka_unit_test(test_session_of_a_sibling),
		cmocka_unit_test(test_two_births_at_once),
		cmocka_unit_test(test_leaves_group),
		cmocka_unit_test(test_group_helper),
		cmocka_unit_test(test_group_of_a_zombie),
		cmocka_unit_test(test_shell_job),
		cmocka_unit_test(test_broken_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
