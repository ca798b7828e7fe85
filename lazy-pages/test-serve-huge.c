// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serving huge pages, step by step. A model stands in for the kernel, since few
 * machines have huge pages to give away: it takes whole pages at their place, once,
 * and nothing else.
 *
 * A quarter of the image's small pages are holes, so that every huge page is put
 * together.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lazy-pages/replay.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "lazy-pages/test-rig.h"
#include "sys/uffd.h"
#include "util/macro.h"

#define HUGE_PAGE (2UL << 20)
#define SMALL (HUGE_PAGE / PAGE_SIZE)
#define N 3
#define AT(page) (RIG_BASE + (page) * HUGE_PAGE)

static struct model {
	uint64_t page;			/* the size of its pages */
	bool full;			/* none is free */
	bool there[N];
	char *memory;
	unsigned int copies, refused;
	uint64_t last_dst;
	uint64_t woken, woken_len;
} model;

static int model_copy(int uffd, uint64_t dst, const void *src, uint64_t len, uint64_t mode,
		      uint64_t *done)
{
	size_t at = (dst - RIG_BASE) / HUGE_PAGE;

	*done = 0;
	if (dst % model.page || len != model.page) {
		model.refused++;
		return -EINVAL;
	}
	if (model.full)
		return -ENOMEM;
	model.copies++;
	model.last_dst = dst;
	*done = len;
	/* That pages are larger is all that is asked of those. */
	if (model.page != HUGE_PAGE)
		return 0;
	assert_true(at < N);
	if (model.there[at]) {
		*done = 0;
		return -EEXIST;
	}
	model.there[at] = true;
	memcpy(model.memory + at * HUGE_PAGE, src, len);
	return 0;
}

static int model_zeropage(int uffd, uint64_t dst, uint64_t len, uint64_t mode, uint64_t *done)
{
	*done = 0;
	model.refused++;
	return -EINVAL;
}

static int model_wake(int uffd, uint64_t start, uint64_t len)
{
	model.woken = start;
	model.woken_len = len;
	return 0;
}

static const struct fill_ops model_ops = { model_copy, model_zeropage, model_wake };

struct fixture {
	struct rig rig;
	struct server server;
	struct lazy_space *space;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	int uffd;

	if (!rig_possible()) {
		print_message("not root, or no userfaultfd here\n");
		exit(77);
	}
	model = (struct model){ .page = HUGE_PAGE, .memory = malloc(N * HUGE_PAGE) };
	rig_init(&fx->rig);
	rig_write_task(&fx->rig, RIG_PID, 1, N * SMALL);
	rig_commit(&fx->rig);
	uffd = uffd_open(0, NULL);
	fx->space = rig_serve(&fx->rig, &fx->server, &model_ops, uffd);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	rig_serve_end(&fx->server);
	rig_fini(&fx->rig);
	free(model.memory);
	free(fx);
	return 0;
}

static void arm(struct fixture *fx, size_t first, size_t n, enum range_kind kind)
{
	assert_int_equal(space_add(&fx->space->space, &(struct range){
		.start = AT(first), .end = AT(first + n), .source = AT(first), .kind = kind,
		.huge = 21,
	}), 0);
}

static int touch(struct fixture *fx, uint64_t addr)
{
	assert_int_equal(serve_queue_fault(fx->space, addr), 0);
	return serve_faults(&fx->server, fx->space);
}

static void check_page(size_t page, bool zero)
{
	assert_true(model.there[page]);
	for (size_t i = 0; i < SMALL; i++)
		assert_int_equal(rig_page_tag(model.memory + page * HUGE_PAGE + i * PAGE_SIZE),
				 zero ? 0 : rig_tag(AT(page) + i * PAGE_SIZE));
}

/* A fault anywhere in a huge page brings all of it, and nothing of its neighbours. */
static void test_fault(void **state)
{
	struct fixture *fx = *state;

	arm(fx, 0, N, RANGE_PENDING);
	assert_int_equal(touch(fx, AT(1) + 77 * PAGE_SIZE), 0);
	check_page(1, false);
	assert_int_equal(model.copies, 1);
	assert_false(model.there[0] || model.there[2]);
	assert_int_equal(fx->server.stats.demand_pages, SMALL);
	assert_int_equal(fx->space->space.map.pending, 2 * HUGE_PAGE);
	/* Two that wait for one page. */
	assert_int_equal(touch(fx, AT(1) + HUGE_PAGE - 1), 0);
	assert_int_equal(model.woken, AT(1));
	assert_int_equal(model.woken_len, HUGE_PAGE);
	check_page(1, false);
}

/* Somebody else brought it first: that stays. */
static void test_present(void **state)
{
	struct fixture *fx = *state;

	arm(fx, 0, 1, RANGE_PENDING);
	model.there[0] = true;
	memset(model.memory, 0, HUGE_PAGE);
	assert_int_equal(touch(fx, AT(0) + PAGE_SIZE), 0);
	assert_int_equal(model.woken, AT(0));
	assert_int_equal(model.woken_len, HUGE_PAGE);
	check_page(0, true);
	assert_int_equal(fx->space->space.map.pending, 0);
}

static void test_zero(void **state)
{
	struct fixture *fx = *state;

	/* What was put together before is not what a hole gets. */
	arm(fx, 0, 1, RANGE_PENDING);
	assert_int_equal(touch(fx, AT(0)), 0);
	arm(fx, 1, 1, RANGE_SETTLED);
	assert_int_equal(touch(fx, AT(1) + 3 * PAGE_SIZE), 0);
	check_page(1, true);
	assert_int_equal(model.refused, 0);
	assert_int_equal(fx->server.stats.zero_pages, SMALL);
}

/* Of memory that no range covers only the kernel knows how large its pages are. */
static void test_forgotten(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(touch(fx, AT(2) + 5 * PAGE_SIZE), 0);
	check_page(2, true);
	model.page = 1UL << 30;
	assert_int_equal(touch(fx, RIG_BASE + RIG_STRIDE + 5 * PAGE_SIZE), 0);
	assert_int_equal(model.last_dst, RIG_BASE + RIG_STRIDE);
	/* Of no size that there is. */
	model.page = 1UL << 40;
	assert_int_equal(touch(fx, AT(0)), -EPROTO);
}

static void drain(struct fixture *fx)
{
	bool worked = true;

	for (int i = 0; worked; i++) {
		worked = false;
		assert_int_equal(serve_background(&fx->server, &worked), 0);
		assert_true(i <= N);
	}
}

static void test_background(void **state)
{
	struct fixture *fx = *state;

	arm(fx, 0, N, RANGE_PENDING);
	assert_int_equal(touch(fx, AT(1)), 0);
	drain(fx);
	for (size_t i = 0; i < N; i++)
		check_page(i, false);
	assert_int_equal(model.copies, N);
	assert_true(space_done(&fx->space->space));
}

/* The background waits until one is free, but who touches it can't. */
static void test_none_free(void **state)
{
	struct fixture *fx = *state;

	arm(fx, 0, N, RANGE_PENDING);
	model.full = true;
	drain(fx);
	assert_true(fx->space->deferred);
	assert_int_equal(fx->space->space.map.pending, N * HUGE_PAGE);
	model.full = false;
	assert_int_equal(serve_faults(&fx->server, fx->space), 0);
	drain(fx);
	check_page(0, false);
	assert_true(space_done(&fx->space->space));
}

static void test_none_free_touched(void **state)
{
	struct fixture *fx = *state;

	arm(fx, 0, 1, RANGE_PENDING);
	arm(fx, 1, 1, RANGE_SETTLED);
	model.full = true;
	assert_int_equal(touch(fx, AT(0)), -ENOMEM);
	fx->space->n_faults = 0;
	assert_int_equal(touch(fx, AT(1)), -ENOMEM);
	assert_int_equal(model.copies, 0);
}

/* A record names the small page that was touched. */
static void test_replay(void **state)
{
	struct fixture *fx = *state;
	struct working_set *ws = &fx->server.working_set;

	arm(fx, 0, N, RANGE_PENDING);
	assert_int_equal(working_set_note(ws, false, RIG_PID, AT(2) + HUGE_PAGE - PAGE_SIZE), 0);
	assert_int_equal(working_set_note(ws, false, RIG_PID, AT(0) + 9 * PAGE_SIZE), 0);
	for (int i = 0; ws->n; i++) {
		bool worked = false;

		assert_int_equal(replay(&fx->server, &worked), 0);
		assert_true(i <= N);
	}
	check_page(0, false);
	check_page(2, false);
	assert_false(model.there[1]);
}

static void test_recorded(void **state)
{
	struct fixture *fx = *state;
	const struct working_set *ws = &fx->server.working_set;

	fx->server.recording = true;
	arm(fx, 0, 1, RANGE_PENDING);
	assert_int_equal(touch(fx, AT(0) + 9 * PAGE_SIZE), 0);
	assert_int_equal(ws->n, 1);
	assert_int_equal(ws->pieces[0].addr, AT(0) + 9 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_background, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none_free_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_present, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
