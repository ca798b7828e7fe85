// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histories are made of hits that come in any order, and events find the changes that they
 * tell of. Times are counted in small numbers, places in pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lazy-pages/history.h"
#include "lazy-pages/place.h"
#include "util/macro.h"

#define MM 0xa000
#define CHILD 0xb000
#define OTHER 0xc000
#define AT(page) ((uint64_t)(page) * PAGE_SIZE)
#define NEVER UINT64_MAX

static struct histories all;
static struct history *history;

static int setup(void **state)
{
	all = (struct histories){ .list = TAILQ_HEAD_INITIALIZER(all.list) };
	return history_claim(&all, MM, &history);
}

static int teardown(void **state)
{
	histories_close(&all);
	return 0;
}

static void hit(uint64_t time, unsigned int which, pid_t tid, uint64_t field, uint64_t arg0,
		uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4)
{
	assert_int_equal(histories_note(&all, &(struct tracepoint_hit){
		.time_ns = time, .pid = 1, .tid = tid, .which = which, .field = field,
		.args = { arg0, arg1, arg2, arg3, arg4 },
	}), 0);
}

static void did_munmap(uint64_t time, pid_t tid, unsigned int page, unsigned int n)
{
	hit(time, HISTORY_LOCK, tid, MM, AT(page), AT(n), 0, 0, 0);
}

/* @to: where the kernel found room. */
static void did_mremap(uint64_t time, pid_t tid, unsigned int page, unsigned int n,
		       unsigned int to, unsigned int new_n, unsigned int flags)
{
	hit(time, HISTORY_LOCK, tid, MM, AT(page), AT(n), AT(new_n), MREMAP_MAYMOVE | flags, 0);
	hit(time + 1, HISTORY_ROOM, tid, AT(to), AT(page), AT(n), AT(new_n),
	    MREMAP_MAYMOVE | flags, 0);
}

static void did_mremap_onto(uint64_t time, pid_t tid, unsigned int page, unsigned int n,
			    unsigned int to)
{
	hit(time, HISTORY_LOCK, tid, MM, AT(page), AT(n), AT(n), MREMAP_MAYMOVE | MREMAP_FIXED,
	    AT(to));
}

static void did_fork(uint64_t time, pid_t tid, uint64_t child)
{
	hit(time, HISTORY_LOCK, tid, MM, 0x1200011, 0, 0, 0, 0);
	hit(time + 1, HISTORY_LOCK, tid, child, 0x1200011, 0, 0, 0, 0);
}

static struct placed_event remap(uint64_t read, unsigned int from, unsigned int to,
				 unsigned int n)
{
	struct placed_event event = { .from_ns = read, .to_ns = read };

	event.msg.event = UFFD_EVENT_REMAP;
	event.msg.arg.remap.from = AT(from);
	event.msg.arg.remap.to = AT(to);
	event.msg.arg.remap.len = AT(n);
	return event;
}

static struct placed_event ranged(unsigned int type, uint64_t read, unsigned int page,
				  unsigned int n)
{
	struct placed_event event = { .from_ns = read, .to_ns = read };

	event.msg.event = type;
	event.msg.arg.remove.start = AT(page);
	event.msg.arg.remove.end = AT(page + n);
	return event;
}

static struct placed_event unmap(uint64_t read, unsigned int page, unsigned int n)
{
	return ranged(UFFD_EVENT_UNMAP, read, page, n);
}

static struct placed_event forked(uint64_t read, uint64_t child)
{
	struct placed_event event = { .from_ns = read, .to_ns = read, .child = child };

	event.msg.event = UFFD_EVENT_FORK;
	return event;
}

static void place(struct placed_event *events, size_t n)
{
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	place_events(history, events, n);
}

/* Events are told apart by when they were read. */
static void expect(const struct placed_event *events, size_t n, const uint64_t *read,
		   const uint64_t *changed)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(events[i].from_ns, read[i]);
		assert_int_equal(events[i].time_ns, changed[i]);
	}
}

/*
 *	1: |AAAA|    |BBBB|
 *	2:           |BBBB|  |AAAA|		A moves
 *	3: |BBBB|            |AAAA|		B moves to where A was, and is heard of first
 *	4:                   |AAAA|  |BBBB|	and moves on
 */
static void test_a_late_move(void **state)
{
	struct placed_event events[] = {
		remap(50, 20, 10, 4), unmap(60, 20, 4), remap(80, 10, 40, 4), unmap(90, 10, 4),
		remap(100, 10, 30, 4), unmap(110, 10, 4),
	};

	did_mremap(1, 1, 10, 4, 30, 4, 0);
	did_mremap(3, 2, 20, 4, 10, 4, 0);
	did_mremap(70, 2, 10, 4, 40, 4, 0);
	place(events, ARRAY_SIZE(events));
	expect(events, ARRAY_SIZE(events), (uint64_t[]){ 100, 110, 50, 60, 80, 90 },
	       (uint64_t[]){ 1, 1, 3, 3, 70, 70 });
}

/* The kernel aligned what it had found room for. */
static void test_a_move_to_a_huge_page(void **state)
{
	struct placed_event events[] = { remap(50, 10, 1536, 600), unmap(51, 10, 600) };

	did_mremap(1, 1, 10, 600, 1100, 600, 0);
	did_mremap(3, 2, 10, 600, 5000, 600, 0);
	place(events, 2);
	expect(events, 2, (uint64_t[]){ 50, 51 }, (uint64_t[]){ 1, 1 });
}

/* Of one that has done something since, it can't be. */
static void test_who_went_on_is_not_meant(void **state)
{
	struct placed_event events[] = { unmap(50, 10, 4) };

	did_munmap(1, 1, 10, 4);
	did_munmap(3, 2, 8, 20);
	did_munmap(5, 2, 100, 1);
	place(events, 1);
	expect(events, 1, (uint64_t[]){ 50 }, (uint64_t[]){ 1 });
}

static void test_onto_something(void **state)
{
	struct placed_event events[] = {
		unmap(50, 20, 2), remap(51, 10, 20, 4), unmap(52, 10, 4),
		remap(53, 20, 60, 2), unmap(54, 20, 2),
	};

	did_mremap(1, 1, 20, 2, 60, 2, 0);
	did_mremap_onto(3, 2, 10, 4, 20);
	place(events, ARRAY_SIZE(events));
	/* The first unmapping is that of the move onto it: the other one's is still to come. */
	expect(events, ARRAY_SIZE(events), (uint64_t[]){ 53, 54, 50, 51, 52 },
	       (uint64_t[]){ 1, 1, 3, 3, 3 });
}

/* Others have anything at all where the arguments are looked for. */
static void test_what_fits_by_accident(void **state)
{
	struct placed_event events[] = { unmap(50, 20, 4), remap(51, 10, 20, 4) };

	did_mremap_onto(1, 1, 10, 4, 20);
	/* clone(), brk(), a stack that grows; and what covers it, but has done something else. */
	hit(3, HISTORY_LOCK, 2, MM, 0x1200011, 1UL << 46, 0, 0, 0);
	hit(4, HISTORY_LOCK, 3, MM, AT(5), UINT64_MAX - AT(4), 0, 0, 0);
	hit(5, HISTORY_LOCK, 4, MM, AT(15) + 8, AT(40), AT(1), MREMAP_FIXED, AT(20));
	did_munmap(6, 5, 15, 30);
	place(events, 2);
	expect(events, 2, (uint64_t[]){ 50, 51 }, (uint64_t[]){ 1, 1 });
}

static void test_moved_and_left_behind(void **state)
{
	struct placed_event events[] = { remap(50, 10, 30, 4), unmap(60, 10, 4) };

	did_mremap(1, 1, 10, 4, 30, 4, MREMAP_DONTUNMAP);
	did_munmap(55, 1, 10, 4);
	place(events, 2);
	expect(events, 2, (uint64_t[]){ 50, 60 }, (uint64_t[]){ 1, 55 });
}

static void test_the_younger_of_two_unmappings(void **state)
{
	struct placed_event one[] = { unmap(50, 10, 4) };
	struct placed_event two[] = { unmap(50, 10, 4), unmap(51, 10, 4) };

	did_munmap(1, 1, 10, 4);
	did_munmap(3, 2, 10, 4);
	place(one, 1);
	expect(one, 1, (uint64_t[]){ 50 }, (uint64_t[]){ 3 });
	place_events(history, two, 2);
	expect(two, 2, (uint64_t[]){ 51, 50 }, (uint64_t[]){ 1, 3 });
}

static void test_remove_is_when_it_is_read(void **state)
{
	struct placed_event events[] = {
		ranged(UFFD_EVENT_REMOVE, 50, 10, 4), unmap(60, 40, 1), unmap(61, 44, 1),
	};

	did_munmap(1, 1, 40, 1);
	did_munmap(55, 2, 44, 1);
	place(events, ARRAY_SIZE(events));
	expect(events, ARRAY_SIZE(events), (uint64_t[]){ 60, 50, 61 },
	       (uint64_t[]){ 1, 50, 55 });
}

static void test_fork(void **state)
{
	struct placed_event events[] = { unmap(50, 10, 4), forked(60, CHILD), unmap(70, 20, 4) };
	struct history *child;

	did_munmap(1, 1, 20, 4);
	did_fork(3, 2, CHILD);
	did_munmap(5, 3, 10, 4);
	/* What the child does, once its parent's event has been read. */
	hit(65, HISTORY_LOCK, 9, CHILD, AT(10), AT(1), 0, 0, 0);
	place(events, ARRAY_SIZE(events));
	expect(events, ARRAY_SIZE(events), (uint64_t[]){ 70, 60, 50 },
	       (uint64_t[]){ 1, 3, 5 });
	assert_int_equal(history_claim(&all, CHILD, &child), 0);
	assert_int_equal(child->n_changes, 1);
	assert_int_equal(child->changes[0].time_ns, 65);
}

static void test_an_unknown_change(void **state)
{
	struct placed_event events[] = { unmap(50, 10, 4), unmap(60, 20, 4) };

	did_munmap(55, 1, 20, 4);
	place(events, 2);
	assert_null(events[0].change);
	expect(events, 2, (uint64_t[]){ 50, 60 }, (uint64_t[]){ 50, 55 });
}

/* Several mappings that one system call moves together: an event for each. */
static void test_several_moved_together(void **state)
{
	struct placed_event events[] = { remap(50, 10, 30, 2), remap(51, 14, 34, 2) };

	did_mremap_onto(1, 1, 10, 6, 30);
	place(events, 2);
	expect(events, 2, (uint64_t[]){ 50, 51 }, (uint64_t[]){ 1, 1 });
	assert_non_null(events[1].change);
}

static void test_hits_in_any_order(void **state)
{
	did_munmap(30, 1, 3, 1);
	did_munmap(10, 2, 1, 1);
	assert_int_equal(histories_bring_in(&all, 20), 0);
	assert_int_equal(history->n_changes, 1);
	assert_int_equal(history->changes[0].time_ns, 10);
	/* Written slowly. */
	did_munmap(5, 3, 2, 1);
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	assert_int_equal(history->n_changes, 3);
	assert_int_equal(history->changes[0].time_ns, 5);
	assert_int_equal(history->changes[2].time_ns, 30);
}

static void test_what_is_over_is_forgotten(void **state)
{
	did_munmap(10, 1, 1, 1);
	did_fork(12, 2, CHILD);
	did_munmap(30, 1, 2, 1);
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	history_forget(&all, history, (struct moment){ 20, 0 });
	assert_int_equal(history->n_changes, 1);
	assert_int_equal(history->changes[0].time_ns, 30);
	/* Nobody has claimed the child. */
	assert_null(TAILQ_NEXT(history, link));
	did_munmap(15, 1, 1, 1);
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	assert_int_equal(history->n_changes, 1);
}

/* Its parent execs before the event is placed: what that locks is not the child's. */
static void test_a_fork_and_an_exec(void **state)
{
	struct placed_event events[] = { forked(60, CHILD) };

	did_fork(1, 2, CHILD);
	hit(70, HISTORY_LOCK, 2, OTHER, 0, 0, 0, 0, 0);
	place(events, 1);
	expect(events, 1, (uint64_t[]){ 60 }, (uint64_t[]){ 1 });
}

/* A child that ended before anybody claimed it, and another one's mm at the same address. */
static void test_an_address_used_again(void **state)
{
	struct placed_event events[] = { forked(60, CHILD) };
	struct history *child;

	did_fork(1, 2, CHILD);
	hit(4, HISTORY_LOCK, 9, CHILD, AT(10), AT(1), 0, 0, 0);
	did_fork(20, 2, CHILD);
	place(events, 1);
	expect(events, 1, (uint64_t[]){ 60 }, (uint64_t[]){ 20 });
	assert_int_equal(history_claim(&all, CHILD, &child), 0);
	assert_int_equal(child->n_changes, 0);
	assert_int_equal(history_claim(&all, CHILD, &child), -EBUSY);
}

/* Which of two children an event brings is known by their memory. */
static void test_two_forks(void **state)
{
	struct placed_event events[] = { forked(50, OTHER), unmap(60, 10, 4), forked(70, CHILD) };

	did_fork(1, 1, CHILD);
	did_munmap(5, 3, 10, 4);
	did_fork(10, 2, OTHER);
	place(events, ARRAY_SIZE(events));
	expect(events, ARRAY_SIZE(events), (uint64_t[]){ 70, 60, 50 },
	       (uint64_t[]){ 1, 5, 10 });
}

static void test_one_thread_or_several(void **state)
{
	assert_true(history_is_of_one(&all, history));
	did_munmap(1, 1, 10, 1);
	did_munmap(2, 1, 11, 1);
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	assert_true(history_is_of_one(&all, history));
	did_munmap(3, 2, 12, 1);
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	assert_false(history_is_of_one(&all, history));
	history_forget(&all, history, (struct moment){ 3, 0 });
	assert_true(history_is_of_one(&all, history));
	all.losses = 1;
	assert_false(history_is_of_one(&all, history));
	history_forget(&all, history, (struct moment){ 0, 1 });
	assert_false(history_is_of_one(&all, history));
	history_forget(&all, history, (struct moment){ 5, 1 });
	assert_true(history_is_of_one(&all, history));
}

static void test_strangers_are_not_followed(void **state)
{
	hit(1, HISTORY_LOCK, 7, OTHER, AT(1), AT(1), 0, 0, 0);
	hit(2, HISTORY_ROOM, 7, AT(1), AT(1), AT(1), 0, 0, 0);
	assert_int_equal(histories_bring_in(&all, NEVER), 0);
	assert_int_equal(history->n_changes, 0);
	assert_null(TAILQ_NEXT(history, link));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_fork_and_an_exec),
		TEST(test_a_late_move),
		TEST(test_a_move_to_a_huge_page),
		TEST(test_an_address_used_again),
		TEST(test_an_unknown_change),
		TEST(test_fork),
		TEST(test_hits_in_any_order),
		TEST(test_moved_and_left_behind),
		TEST(test_one_thread_or_several),
		TEST(test_onto_something),
		TEST(test_remove_is_when_it_is_read),
		TEST(test_several_moved_together),
		TEST(test_strangers_are_not_followed),
		TEST(test_the_younger_of_two_unmappings),
		TEST(test_two_forks),
		TEST(test_what_fits_by_accident),
		TEST(test_what_is_over_is_forgotten),
		TEST(test_who_went_on_is_not_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
