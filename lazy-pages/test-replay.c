// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the server brings unasked: a working set that was recorded, saved and
 * read, and what follows a fault. The server's own steps, one by one, on memory
 * of this very process that nobody touches.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/dir.h"
#include "image/writer.h"
#include "images/working-set.pb-c.h"
#include "lazy-pages/replay.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "lazy-pages/test-rig.h"
#include "sys/uffd.h"
#include "util/cleanup.h"
#include "util/macro.h"

#define N_PAGES 512

struct fixture {
	struct rig rig;
	struct server server;
	struct lazy_space *space;
};

static uint64_t page_addr(size_t i)
{
	return RIG_BASE + i * PAGE_SIZE;
}

/* A page of the image that has content: the @nth. */
static size_t nth_data(size_t nth)
{
	size_t i = 0;

	while (!rig_tag(page_addr(i)) || nth--)
		i++;
	return i;
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	int uffd;

	if (!rig_possible()) {
		print_message("not root, or no userfaultfd here\n");
		exit(77);
	}
	rig_init(&fx->rig);
	rig_write_task(&fx->rig, RIG_PID, 1, N_PAGES);
	rig_commit(&fx->rig);
	rig_map_areas(1, N_PAGES);
	uffd = uffd_open(0, NULL);
	rig_check(uffd >= 0 && !uffd_register(uffd, RIG_BASE, N_PAGES * PAGE_SIZE,
					      UFFDIO_REGISTER_MODE_MISSING, NULL), "register");
	fx->space = rig_serve(&fx->rig, &fx->server, &fill_uffd_ops, uffd);
	for (size_t i = 0; i < N_PAGES; i++)
		rig_check(!space_add(&fx->space->space, &(struct range){
			.start = page_addr(i), .end = page_addr(i + 1), .source = page_addr(i),
			.kind = rig_tag(page_addr(i)) ? RANGE_PENDING : RANGE_SETTLED,
		}), "space_add");
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	rig_serve_end(&fx->server);
	munmap((void *)RIG_BASE, N_PAGES * PAGE_SIZE);
	rig_fini(&fx->rig);
	free(fx);
	return 0;
}

static size_t n_resident(void)
{
	unsigned char in[N_PAGES];
	size_t n = 0;

	assert_int_equal(mincore((void *)RIG_BASE, N_PAGES * PAGE_SIZE, in), 0);
	for (size_t i = 0; i < N_PAGES; i++)
		n += in[i] & 1;
	return n;
}

static bool is_resident(size_t page)
{
	unsigned char in;

	assert_int_equal(mincore((void *)page_addr(page), PAGE_SIZE, &in), 0);
	return in & 1;
}

static void touch(struct fixture *fx, size_t page)
{
	assert_int_equal(serve_queue_fault(fx->space, page_addr(page)), 0);
	assert_int_equal(serve_faults(&fx->server, fx->space), 0);
	assert_true(is_resident(page));
}

static void add(struct fixture *fx, size_t page, uint32_t n)
{
	struct working_set *ws = &fx->server.working_set;

	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(working_set_note(ws, false, RIG_PID, page_addr(page + i)), 0);
}

static void replay_all(struct fixture *fx)
{
	bool worked = true;

	for (int i = 0; fx->server.working_set.n; i++) {
		worked = false;
		assert_int_equal(replay(&fx->server, &worked), 0);
		assert_true(i < N_PAGES);
	}
}

static void test_recorded_in_order(void **state)
{
	struct fixture *fx = *state;
	struct working_set *ws = &fx->server.working_set, read;
	size_t a = nth_data(100), b = nth_data(3);

	fx->server.recording = true;
	touch(fx, a);
	touch(fx, b);
	/* A second touch, and one where there is nothing, are none. */
	touch(fx, a);
	for (size_t hole = 0; hole < N_PAGES; hole++)
		if (!rig_tag(page_addr(hole))) {
			touch(fx, hole);
			break;
		}
	assert_int_equal(ws->n, 2);
	assert_int_equal(ws->pieces[0].addr, page_addr(a));
	assert_int_equal(ws->pieces[1].addr, page_addr(b));
	assert_int_equal(working_set_save(ws, fx->rig.images), 0);
	assert_int_equal(working_set_load(&read, fx->rig.images), 0);
	assert_int_equal(read.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read.pieces[i].id, RIG_PID);
		assert_int_equal(read.pieces[i].addr, ws->pieces[i].addr);
		assert_int_equal(read.pieces[i].n_pages, 1);
		assert_false(read.pieces[i].shared);
	}
	working_set_fini(&read);
}

static void test_neighbours_are_one_piece(void **state)
{
	struct working_set ws = {};

	for (size_t i = 0; i < 100; i++)
		assert_int_equal(working_set_note(&ws, true, 7, i * PAGE_SIZE), 0);
	assert_int_equal(working_set_note(&ws, true, 8, 100 * PAGE_SIZE), 0);
	assert_int_equal(working_set_note(&ws, false, 8, 101 * PAGE_SIZE), 0);
	assert_int_equal(ws.n, 3);
	assert_int_equal(ws.pieces[0].n_pages, 100);
	working_set_fini(&ws);
}

static void test_brings_that_and_no_more(void **state)
{
	struct fixture *fx = *state;
	size_t a = nth_data(200), b = nth_data(1);

	add(fx, a, 1);
	add(fx, b, 1);
	replay_all(fx);
	assert_true(is_resident(a) && is_resident(b));
	assert_int_equal(n_resident(), 2);
	assert_int_equal(rig_page_tag((void *)page_addr(a)), rig_tag(page_addr(a)));
	assert_int_equal(rig_page_tag((void *)page_addr(b)), rig_tag(page_addr(b)));
	assert_int_equal(fx->server.stats.background_pages, 2);
}

/* A chunk of it at once, in the order in which it was recorded. */
static void test_first_to_last(void **state)
{
	struct fixture *fx = *state;
	const size_t chunk = 64, late = nth_data(0);
	bool worked = false;

	/* Downwards, so that each page is a piece of its own. */
	for (size_t i = 0; i < chunk; i++)
		add(fx, nth_data(300 - i), 1);
	add(fx, late, 1);
	assert_int_equal(serve_background(&fx->server, &worked), 0);
	assert_true(worked && !is_resident(late));
	assert_int_equal(n_resident(), chunk);
	assert_int_equal(serve_background(&fx->server, &worked), 0);
	assert_true(is_resident(late));
}

/* All of it as one piece: with holes, in many steps, and some of it touched meanwhile. */
static void test_one_large_piece(void **state)
{
	struct fixture *fx = *state;
	size_t n = 0;

	add(fx, 0, N_PAGES);
	assert_int_equal(fx->server.working_set.n, 1);
	touch(fx, nth_data(50));
	replay_all(fx);
	for (size_t i = 0; i < N_PAGES; i++) {
		n += rig_tag(page_addr(i)) != 0;
		assert_int_equal(is_resident(i), rig_tag(page_addr(i)) != 0);
	}
	assert_int_equal(fx->server.stats.background_pages, n - 1);
	assert_null(space_pending_from(&fx->space->space, 0));
}

/* Nobody has that: another task's, a segment's, and memory that has moved away. */
static void test_passes_over(void **state)
{
	struct fixture *fx = *state;
	struct working_set *ws = &fx->server.working_set;
	size_t there = nth_data(9);

	assert_int_equal(working_set_note(ws, false, RIG_PID + 1, page_addr(0)), 0);
	assert_int_equal(working_set_note(ws, true, RIG_SHMID, 0), 0);
	assert_int_equal(working_set_note(ws, false, RIG_PID, RIG_BASE + RIG_STRIDE), 0);
	add(fx, there, 1);
	replay_all(fx);
	assert_int_equal(n_resident(), 1);
	assert_true(is_resident(there));
}

static void write_entry(struct fixture *fx, uint64_t addr, uint32_t n_pages)
{
	WorkingSetEntry e = WORKING_SET_ENTRY__INIT;
	struct image_writer *writer;

	e.id = RIG_PID;
	e.vaddr = addr;
	e.nr_pages = n_pages;
	assert_int_equal(image_writer_open(fx->rig.images, IMAGE_WORKING_SET, 0, &writer), 0);
	assert_int_equal(image_write(writer, &e.base), 0);
	assert_int_equal(image_writer_close(writer), 0);
}

static void test_damaged(void **state)
{
	static const struct { uint64_t addr; uint32_t n_pages; } bad[] = {
		{ RIG_BASE, 0 }, { RIG_BASE + 1, 1 }, { 1ULL << 47, 1 }, { (1ULL << 47) - PAGE_SIZE, 2 },
		{ UINT64_MAX - PAGE_SIZE + 1, 1 },
	};
	struct fixture *fx = *state;
	struct working_set ws;

	assert_int_equal(working_set_load(&ws, fx->rig.images), 0);
	assert_int_equal(ws.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_entry(fx, bad[i].addr, bad[i].n_pages);
		assert_int_equal(working_set_load(&ws, fx->rig.images), -EINVAL);
		assert_int_equal(ws.n, 0);
	}
	write_entry(fx, RIG_BASE, 1);
	assert_int_equal(working_set_load(&ws, fx->rig.images), 0);
	assert_int_equal(ws.n, 1);
	working_set_fini(&ws);
}

/* The first page of the @nth run of data, and its length in pages. */
static size_t nth_run(size_t nth, size_t *len)
{
	size_t at = 0;

	for (;; at += *len) {
		while (!rig_tag(page_addr(at)))
			at++;
		for (*len = 0; rig_tag(page_addr(at + *len)); ++*len)
			;
		assert_true(at + *len < N_PAGES);
		if (!nth--)
			return at;
	}
}

/* As many pages come as are expected when the task touches the first page of a run. */
static void touch_first(struct fixture *fx, size_t nth, bool all)
{
	size_t len, page = nth_run(nth, &len), before = n_resident();
	uint64_t brought = fx->server.stats.background_pages, asked = fx->server.stats.demand_pages;

	len = MIN(len, SERVE_CHUNK_MIN / PAGE_SIZE);
	assert_true(len > 2);
	touch(fx, page);
	assert_int_equal(n_resident() - before, all ? len : 1);
	assert_int_equal(fx->server.stats.background_pages - brought, all ? len - 1 : 0);
	assert_int_equal(fx->server.stats.demand_pages - asked, 1);
	assert_int_equal(fx->space->cursor, page_addr(page + (all ? len : 1)));
}

/* Who reads where all before it is there gets what follows as well. */
static void test_reads_on(void **state)
{
	struct fixture *fx = *state;
	size_t len, page;

	touch_first(fx, 0, true);
	/* In the middle nothing says so; but the page behind that one follows it. */
	page = nth_run(1, &len) + 2;
	assert_true(len > 5);
	touch(fx, page);
	assert_false(is_resident(page + 1));
	touch(fx, page + 1);
	assert_true(is_resident(page + 2));
}

static void test_reads_on_for_nobody(void **state)
{
	struct fixture *fx = *state;
	size_t len;

	fx->server.demand_only = true;
	touch_first(fx, 0, false);
	fx->server.demand_only = false;
	fx->server.recording = true;
	touch_first(fx, 1, false);
	fx->server.recording = false;
	fx->server.complete = false;
	touch_first(fx, 2, false);
	fx->server.complete = true;
	/* The second of two that wait; the first is not kept from it. */
	assert_int_equal(serve_queue_fault(fx->space, page_addr(nth_run(3, &len))), 0);
	touch(fx, nth_run(4, &len) + 2);
	assert_false(is_resident(nth_run(3, &len) + 1));
	assert_false(is_resident(nth_run(4, &len) + 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recorded_in_order, setup, teardown),
		cmocka_unit_test(test_neighbours_are_one_piece),
		cmocka_unit_test_setup_teardown(test_brings_that_and_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_to_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_large_piece, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passes_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reads_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reads_on_for_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
