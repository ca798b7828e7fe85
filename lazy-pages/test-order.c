// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events come out by their numbers, whatever the order in which they were read; and
 * then a space is what the memory is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lazy-pages/order.h"
#include "lazy-pages/space.h"
#include "util/macro.h"

static int take(struct event_order *order, uint32_t number)
{
	const struct uffd_msg msg = { .event = UFFD_EVENT_UNMAP, .reserved3 = number };

	return order_take(order, &msg);
}

static void expect(struct event_order *order, uint32_t number)
{
	struct uffd_msg msg;

	assert_true(order_next(order, &msg));
	assert_int_equal(msg.reserved3, number);
}

static void expect_none(struct event_order *order)
{
	struct uffd_msg msg;

	assert_false(order_next(order, &msg));
}

static void test_in_order(void **state)
{
	struct event_order order;

	order_init(&order, true);
	expect_none(&order);
	for (uint32_t i = 1; i < 4; i++) {
		assert_int_equal(take(&order, i), 0);
		assert_true(order_waits(&order));
		expect(&order, i);
		assert_false(order_waits(&order));
	}
	order_fini(&order);
}

static void test_early_ones_wait(void **state)
{
	static const uint32_t early[] = { 4, 2, 5, 3 };
	struct event_order order;

	order_init(&order, true);
	for (size_t i = 0; i < ARRAY_SIZE(early); i++) {
		assert_int_equal(take(&order, early[i]), 0);
		expect_none(&order);
	}
	assert_true(order_waits(&order));
	assert_int_equal(take(&order, 1), 0);
	for (uint32_t i = 1; i < 6; i++)
		expect(&order, i);
	expect_none(&order);
	assert_false(order_waits(&order));
	order_fini(&order);
}

static void test_numbers_wrap(void **state)
{
	struct event_order order;

	order_init(&order, true);
	order.next = UINT32_MAX;
	assert_int_equal(take(&order, 1), 0);
	assert_int_equal(take(&order, 0), 0);
	expect_none(&order);
	assert_int_equal(take(&order, UINT32_MAX), 0);
	expect(&order, UINT32_MAX);
	expect(&order, 0);
	expect(&order, 1);
	order_fini(&order);
}

static void test_a_number_comes_once(void **state)
{
	struct event_order order;

	order_init(&order, true);
	assert_int_equal(take(&order, 3), 0);
	assert_int_equal(take(&order, 3), -EPROTO);
	assert_int_equal(take(&order, 1), 0);
	expect(&order, 1);
	assert_int_equal(take(&order, 1), -EPROTO);
	assert_int_equal(take(&order, 0), -EPROTO);
	order_fini(&order);
}

/* Permutations of a window, as threads that overtake each other make them. */
static void test_shuffled(void **state)
{
	enum { N = 64, ROUNDS = 200 };
	struct event_order order;
	uint32_t numbers[N], next = 1;

	srandom(1);
	order_init(&order, true);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < N; i++) {
			size_t j = random() % (i + 1);

			numbers[i] = numbers[j];
			numbers[j] = round * N + i + 1;
		}
		for (size_t i = 0; i < N; i++) {
			struct uffd_msg msg;

			assert_int_equal(take(&order, numbers[i]), 0);
			while (order_next(&order, &msg))
				assert_int_equal(msg.reserved3, next++);
		}
		assert_int_equal(next, (round + 1) * N + 1);
		assert_false(order_waits(&order));
	}
	order_fini(&order);
}

#define PLACES 32
#define AT(place) ((uint64_t)(place) * PAGE_SIZE)
/* What a place holds beside page N of the image, which is N + 1. */
enum { NOT_THERE = -1, ZERO };

/* Memory, as the changes make it, and the events of changes that are not read yet. */
static struct memory {
	int content[PLACES];
	struct uffd_msg unread[8];
	size_t n_unread;
	uint32_t changes;
	struct child {
		int content[PLACES];	/* when it was forked */
		struct space space;
	} children[4];
	size_t n_forks;
} memory;

static struct uffd_msg *add_event(uint8_t event)
{
	struct uffd_msg *msg = &memory.unread[memory.n_unread++];

	*msg = (struct uffd_msg){ .event = event, .reserved3 = ++memory.changes };
	return msg;
}

/* Nothing is said where there was nothing. */
static void unmap(int start, int n)
{
	bool any = false;

	for (int i = start; i < start + n; i++) {
		any |= memory.content[i] != NOT_THERE;
		memory.content[i] = NOT_THERE;
	}
	if (!any)
		return;
	struct uffd_msg *msg = add_event(UFFD_EVENT_UNMAP);

	msg->arg.remove.start = AT(start);
	msg->arg.remove.end = AT(start + n);
}

static void remove_pages(int start, int n)
{
	struct uffd_msg *msg = add_event(UFFD_EVENT_REMOVE);

	for (int i = start; i < start + n; i++)
		if (memory.content[i] != NOT_THERE)
			memory.content[i] = ZERO;
	msg->arg.remove.start = AT(start);
	msg->arg.remove.end = AT(start + n);
}

/* Onto whatever is at @to. The old place goes, or stays and is empty. */
static void move(int from, int to, int n, bool stays)
{
	struct uffd_msg *msg;
	int moved[PLACES];

	for (int i = 0; i < n; i++)
		if (memory.content[from + i] == NOT_THERE)
			return;
	if (from + n > to && to + n > from)
		return;
	unmap(to, n);
	msg = add_event(UFFD_EVENT_REMAP);
	msg->arg.remap.from = AT(from);
	msg->arg.remap.to = AT(to);
	msg->arg.remap.len = AT(n);
	for (int i = 0; i < n; i++)
		moved[i] = memory.content[from + i];
	for (int i = 0; i < n; i++) {
		memory.content[to + i] = moved[i];
		memory.content[from + i] = ZERO;
	}
	if (!stays)
		unmap(from, n);
}

static void fork_child(void)
{
	if (memory.n_forks == ARRAY_SIZE(memory.children))
		return;
	memcpy(memory.children[memory.n_forks].content, memory.content, sizeof(memory.content));
	add_event(UFFD_EVENT_FORK)->arg.fork.ufd = memory.n_forks++;
}

static void change_at_random(void)
{
	int n = 1 + random() % 4, from = random() % (PLACES - n), to = random() % (PLACES - n);

	switch (random() % 8) {
	case 0:
		return unmap(from, n);
	case 1:
		return remove_pages(from, n);
	case 2:
		return move(from, to, n, true);
	case 3:
		return fork_child();
	default:
		return move(from, to, n, false);
	}
}

static void apply(struct space *space, const struct uffd_msg *msg)
{
	int err;

	if (msg->event == UFFD_EVENT_REMAP)
		err = space_move(space, msg->arg.remap.from, msg->arg.remap.to,
				 msg->arg.remap.len);
	else if (msg->event == UFFD_EVENT_FORK)
		err = space_clone(&memory.children[msg->arg.fork.ufd].space, space);
	else if (msg->event == UFFD_EVENT_UNMAP)
		err = space_unmap(space, msg->arg.remove.start, msg->arg.remove.end);
	else
		err = space_remove(space, msg->arg.remove.start, msg->arg.remove.end);
	assert_int_equal(err, 0);
	space_quiet(space);
}

/* Any of those that are not read: the threads are free to overtake each other. */
static void read_at_random(struct space *space, struct event_order *order)
{
	size_t i = random() % memory.n_unread;
	struct uffd_msg msg;

	assert_int_equal(order_take(order, &memory.unread[i]), 0);
	memory.unread[i] = memory.unread[--memory.n_unread];
	while (order_next(order, &msg))
		apply(space, &msg);
}

static void compare(const struct space *space, const int *content)
{
	for (int i = 0; i < PLACES; i++) {
		const struct range *r = range_find(&space->map, AT(i));
		int want = content[i], got = ZERO;

		if (r && r->kind == RANGE_PENDING)
			got = (r->source + (AT(i) - r->start)) / PAGE_SIZE + 1;
		assert_int_equal(got, want == NOT_THERE ? ZERO : want);
	}
}

static void test_space_is_the_memory(void **state)
{
	enum { SPACES = 2000, CHANGES = 60 };

	srandom(2);
	for (int i = 0; i < SPACES; i++) {
		struct event_order order;
		struct space space;

		memory = (struct memory){};
		space_init(&space);
		order_init(&order, true);
		assert_int_equal(space_add(&space, &(struct range){
			.end = AT(PLACES), .kind = RANGE_PENDING,
		}), 0);
		for (int j = 0; j < PLACES; j++)
			memory.content[j] = j + 1;
		for (size_t j = 0; j < ARRAY_SIZE(memory.children); j++)
			space_init(&memory.children[j].space);
		for (int j = 0; j < CHANGES; j++) {
			change_at_random();
			while (memory.n_unread > 5 || (memory.n_unread && random() % 2))
				read_at_random(&space, &order);
		}
		while (memory.n_unread)
			read_at_random(&space, &order);
		assert_false(order_waits(&order));
		compare(&space, memory.content);
		for (size_t j = 0; j < memory.n_forks; j++) {
			compare(&memory.children[j].space, memory.children[j].content);
			space_fini(&memory.children[j].space);
		}
		space_fini(&space);
		order_fini(&order);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_early_ones_wait),
		cmocka_unit_test(test_numbers_wrap),
		cmocka_unit_test(test_a_number_comes_once),
		cmocka_unit_test(test_shuffled),
		cmocka_unit_test(test_space_is_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
