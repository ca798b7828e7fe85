// SPDX-License-Identifier: GPL-2.0-only
/* Seccomp images: bad ones are refused, and what a thread is under is found in good ones. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "kinds/task/kinds.h"
#include "kinds/task/seccomp-image.h"
#include "sys/features.h"
#include "sys/seccomp_filter.h"
#include "util/arena.h"
#include "util/macro.h"

enum { N_FILTERS = 6, N_THREADS = 3, NONE = -1 };

static struct sock_filter programs[N_FILTERS][2];

struct fixture {
	SeccompFilter filters[N_FILTERS];
	SeccompFilter *list[N_FILTERS];
	SeccompEntry image;
	struct kernel_features features;
	struct restore restore;
	struct task task;
	struct task_restore task_restore;
	struct thread threads[N_THREADS];
	CoreEntry cores[N_THREADS];
	ThreadCoreEntry thread_cores[N_THREADS];
	TaskCoreEntry tc;
};

/*
 *	0 <- 1 <- 2		number 5 is number 1 once more
 *	     1 <- 3
 *	0 <- 5 <- 4
 */
static const int prevs[N_FILTERS] = { NONE, 0, 1, 1, 5, 0 };

static void fill_filter(struct fixture *f, int i)
{
	SeccompFilter *e = &f->filters[i];

	programs[i][0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, i == 5 ? 1 : i);
	programs[i][1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	seccomp_filter__init(e);
	e->filter.data = (uint8_t *)programs[i];
	e->filter.len = sizeof(programs[i]);
	e->has_prev = prevs[i] != NONE;
	e->prev = e->has_prev ? prevs[i] : 0;
	f->list[i] = e;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	for (int i = 0; i < N_FILTERS; i++)
		fill_filter(f, i);
	seccomp_entry__init(&f->image);
	f->image.seccomp_filters = f->list;
	f->image.n_seccomp_filters = N_FILTERS;
	for (int i = 0; i < N_THREADS; i++) {
		core_entry__init(&f->cores[i]);
		thread_core_entry__init(&f->thread_cores[i]);
		f->cores[i].thread_core = &f->thread_cores[i];
		f->threads[i] = (struct thread){ .tid = 10 + i, .core = &f->cores[i] };
	}
	task_core_entry__init(&f->tc);
	f->cores[0].tc = &f->tc;
	assert_int_equal(features_probe(&f->features), 0);
	f->restore.arena = arena_new();
	f->restore.filters = &f->image;
	f->restore.features = &f->features;
	f->task = (struct task){
		.pid = 10, .threads = f->threads, .n_threads = N_THREADS,
		.restore = &f->task_restore,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(f->restore.arena);
	free(f);
	return 0;
}

static void name_filter(struct fixture *f, int thread, uint32_t filter)
{
	ThreadCoreEntry *tc = &f->thread_cores[thread];

	tc->has_seccomp_mode = tc->has_seccomp_filter = true;
	tc->seccomp_mode = SECCOMP_MODE__filter;
	tc->seccomp_filter = filter;
}

static void test_good(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(seccomp_image_check(&f->image), 0);
	f->filters[1].has_flags = true;
	f->filters[1].flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
			      SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	assert_int_equal(seccomp_image_check(&f->image), 0);
	f->image.n_seccomp_filters = 0;
	assert_int_equal(seccomp_image_check(&f->image), 0);
}

#define DAMAGE(name, ...)							\
	static void damage_##name(struct fixture *f) { __VA_ARGS__; }

DAMAGE(prev_nowhere, f->filters[1].prev = N_FILTERS)
DAMAGE(prev_itself, f->filters[2].prev = 2)
DAMAGE(prev_cycle, f->filters[0].has_prev = true; f->filters[0].prev = 2)
DAMAGE(empty, f->filters[3].filter.len = 0)
DAMAGE(odd_length, f->filters[3].filter.len = 15)
DAMAGE(half_instruction, f->filters[3].filter.len = 12)
DAMAGE(too_long, static struct sock_filter many[SECCOMP_PROGRAM_MAX + 1];
       for (size_t i = 0; i < ARRAY_SIZE(many); i++) many[i] = programs[0][1];
       f->filters[3].filter.data = (uint8_t *)many; f->filters[3].filter.len = sizeof(many))
DAMAGE(no_end, f->filters[3].filter.len = 8)
DAMAGE(bad_code, programs[4][0].code = BPF_LD | BPF_B | BPF_IND)
DAMAGE(bad_jump, programs[4][0].code = BPF_JMP | BPF_JA; programs[4][0].k = 1)
DAMAGE(listener, f->filters[0].flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
       f->filters[0].has_flags = true)
DAMAGE(unknown_flag, f->filters[0].flags = 1U << 31; f->filters[0].has_flags = true)

static const struct {
	const char *name;
	void (*apply)(struct fixture *f);
	int err;
} damage_table[] = {
#define ROW(name, err) { #name, damage_##name, err }
	ROW(bad_code, -EINVAL),
	ROW(bad_jump, -EINVAL),
	ROW(empty, -EINVAL),
	ROW(half_instruction, -EINVAL),
	ROW(listener, -ENOTSUP),
	ROW(no_end, -EINVAL),
	ROW(odd_length, -EINVAL),
	ROW(prev_cycle, -EINVAL),
	ROW(prev_itself, -EINVAL),
	ROW(prev_nowhere, -EINVAL),
	ROW(too_long, -EINVAL),
	ROW(unknown_flag, -ENOTSUP),
#undef ROW
};

static void test_damage(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(damage_table); i++) {
		void *fresh;
		int r;

		setup(&fresh);
		damage_table[i].apply(fresh);
		r = seccomp_image_check(&((struct fixture *)fresh)->image);
		if (r != damage_table[i].err)
			fail_msg("%s: %d, not %d", damage_table[i].name, r, damage_table[i].err);
		teardown(&fresh);
	}
}

static int find(struct fixture *f, int i, const struct seccomp_chain *leader,
		struct seccomp_chain *chain)
{
	return seccomp_chain_find(f->restore.arena, &f->image, &f->task, i, leader, chain);
}

static void check_chain(const struct seccomp_chain *chain, size_t n, const uint32_t *filters)
{
	assert_int_equal(chain->mode, n ? SECCOMP_MODE__filter : SECCOMP_MODE__disabled);
	assert_int_equal(chain->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(chain->filters[i], filters[i]);
}

static void test_chains(void **state)
{
	struct fixture *f = *state;
	struct seccomp_chain chains[N_THREADS];

	name_filter(f, 0, 2);
	name_filter(f, 1, 4);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(find(f, i, i ? chains : NULL, &chains[i]), 0);
	check_chain(&chains[0], 3, (uint32_t[]){ 0, 1, 2 });
	check_chain(&chains[1], 3, (uint32_t[]){ 0, 5, 4 });
	check_chain(&chains[2], 0, NULL);
	assert_int_equal(seccomp_chain_common(&f->image, &chains[0], &chains[1]), 2);
	assert_int_equal(seccomp_chain_common(&f->image, &chains[0], &chains[2]), 0);
	/* What is logged differs: not the same any more. */
	f->filters[5].flags = SECCOMP_FILTER_FLAG_LOG;
	assert_int_equal(seccomp_chain_common(&f->image, &chains[0], &chains[1]), 1);
	name_filter(f, 1, N_FILTERS);
	assert_int_equal(find(f, 1, chains, &chains[1]), -EINVAL);
	f->thread_cores[1].has_seccomp_filter = false;
	assert_int_equal(find(f, 1, chains, &chains[1]), -EINVAL);
}

/* Threads that name no filter follow the leader as far as it says so. */
static void test_tsync(void **state)
{
	struct fixture *f = *state;
	struct seccomp_chain leader, chain;

	name_filter(f, 0, 2);
	name_filter(f, 2, 3);
	f->filters[1].flags = SECCOMP_FILTER_FLAG_TSYNC;
	f->thread_cores[1].has_seccomp_mode = true;
	assert_int_equal(find(f, 0, NULL, &leader), 0);
	assert_int_equal(find(f, 1, &leader, &chain), 0);
	check_chain(&chain, 2, (uint32_t[]){ 0, 1 });
	assert_int_equal(find(f, 2, &leader, &chain), 0);
	check_chain(&chain, 3, (uint32_t[]){ 0, 1, 3 });
}

/* Fields of older writers are for all threads, unless the leader has new ones. */
static void test_old_fields(void **state)
{
	struct fixture *f = *state;
	struct seccomp_chain leader, chain;

	f->tc.has_old_seccomp_mode = f->tc.has_old_seccomp_filter = true;
	f->tc.old_seccomp_mode = SECCOMP_MODE__filter;
	f->tc.old_seccomp_filter = 1;
	for (int i = 0; i < N_THREADS; i++) {
		assert_int_equal(find(f, i, i ? &leader : NULL, i ? &chain : &leader), 0);
		check_chain(i ? &chain : &leader, 2, (uint32_t[]){ 0, 1 });
	}
	f->tc.old_seccomp_filter = 77;
	assert_int_equal(find(f, 0, NULL, &leader), -EINVAL);
	f->tc.old_seccomp_mode = SECCOMP_MODE__strict;
	assert_int_equal(find(f, 0, NULL, &leader), 0);
	assert_int_equal(leader.mode, SECCOMP_MODE__strict);
	name_filter(f, 0, 0);
	assert_int_equal(find(f, 0, NULL, &leader), 0);
	check_chain(&leader, 1, (uint32_t[]){ 0 });
}

/* More instructions than the kernel allows a thread in all. */
static void test_long_chain(void **state)
{
	enum { LINKS = 9 };
	static struct sock_filter long_program[SECCOMP_PROGRAM_MAX];
	SeccompFilter filters[LINKS], *list[LINKS];
	SeccompEntry image = SECCOMP_ENTRY__INIT;
	struct fixture *f = *state;
	struct seccomp_chain chain;

	for (size_t i = 0; i < ARRAY_SIZE(long_program); i++)
		long_program[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (int i = 0; i < LINKS; i++) {
		seccomp_filter__init(&filters[i]);
		filters[i].filter.data = (uint8_t *)long_program;
		filters[i].filter.len = sizeof(long_program);
		filters[i].has_prev = i > 0;
		filters[i].prev = i ? i - 1 : 0;
		list[i] = &filters[i];
	}
	image.seccomp_filters = list;
	image.n_seccomp_filters = LINKS;
	assert_int_equal(seccomp_image_check(&image), 0);
	name_filter(f, 0, 6);
	assert_int_equal(seccomp_chain_find(f->restore.arena, &image, &f->task, 0, NULL, &chain),
			 0);
	name_filter(f, 0, 7);
	assert_int_equal(seccomp_chain_find(f->restore.arena, &image, &f->task, 0, NULL, &chain),
			 -EINVAL);
}

/* What the restorer gets: the common part once, the rest by thread. */
static void test_plan(void **state)
{
	static char heap[65536] __attribute__((aligned(16)));
	struct restorer_thread threads[N_THREADS] = {};
	struct restorer_args args = {
		.heap_next = (uintptr_t)heap, .heap_end = (uintptr_t)heap + sizeof(heap),
	};
	struct fixture *f = *state;
	uint64_t used;

	name_filter(f, 0, 2);
	name_filter(f, 1, 4);
	name_filter(f, 2, 1);
	f->filters[2].flags = SECCOMP_FILTER_FLAG_LOG;
	assert_int_equal(task_seccomp_kind.check(&f->restore, &f->task), 0);
	assert_int_equal(task_seccomp_kind.plan(&f->restore, &f->task, &args), 0);
	for (int i = 0; i < N_THREADS; i++) {
		threads[i].args = &args;
		assert_int_equal(task_seccomp_kind.plan_thread(&f->restore, &f->task,
							       &f->threads[i], &threads[i]), 0);
	}
	used = args.heap_next - (uintptr_t)heap;
	assert_in_range(used, 1, f->task_restore.kinds_room);
	assert_true(args.seccomp);
	assert_int_equal(args.n_filters, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(args.filters[i].program.len, 2);
		assert_memory_equal(args.filters[i].program.insns, programs[i],
				    sizeof(programs[i]));
	}
	assert_int_equal(threads[0].n_filters, 1);
	assert_int_equal(threads[0].filters[0].flags, SECCOMP_FILTER_FLAG_LOG);
	assert_memory_equal(threads[0].filters[0].program.insns, programs[2], sizeof(programs[2]));
	assert_int_equal(threads[1].n_filters, 1);
	assert_memory_equal(threads[1].filters[0].program.insns, programs[4], sizeof(programs[4]));
	assert_int_equal(threads[2].n_filters, 0);
}

static void test_plan_strict(void **state)
{
	static char heap[4096] __attribute__((aligned(16)));
	struct restorer_args args = {
		.heap_next = (uintptr_t)heap, .heap_end = (uintptr_t)heap + sizeof(heap),
	};
	struct restorer_thread threads[2] = { { .args = &args }, { .args = &args } };
	struct fixture *f = *state;

	f->thread_cores[1].has_seccomp_mode = true;
	f->thread_cores[1].seccomp_mode = SECCOMP_MODE__strict;
	assert_int_equal(task_seccomp_kind.check(&f->restore, &f->task), 0);
	assert_int_equal(task_seccomp_kind.plan(&f->restore, &f->task, &args), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(task_seccomp_kind.plan_thread(&f->restore, &f->task,
							       &f->threads[i], &threads[i]), 0);
	assert_true(args.seccomp && threads[1].seccomp_strict && !threads[0].seccomp_strict);
	assert_int_equal(args.n_filters + threads[0].n_filters + threads[1].n_filters, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test(test_damage),
		cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tsync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plan_strict, setup, teardown),
	};

	return cmocka_run_group_tests_name("kinds/task/seccomp", tests, NULL, NULL);
}
