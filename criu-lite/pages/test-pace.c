// SPDX-License-Identifier: GPL-2.0-only
/* What is found out of a road, by a model of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pages/pace.h"
#include "util/macro.h"

#define MS 1000000ULL
#define CHUNK 32768ULL
#define WINDOW_MIN (4 * CHUNK)
#define DEPTH_MAX 1024

/* Each chunk takes its time on the wire, behind those before it, and @delay_ns to come. */
struct road {
	uint64_t rate, delay_ns;
	uint64_t now_ns, free_ns;
	uint64_t asked_ns[DEPTH_MAX], due_ns[DEPTH_MAX];
	size_t first, last;
};

static void ask(struct road *r)
{
	const uint64_t wire = CHUNK * 1000000000 / r->rate;

	r->free_ns = MAX(r->free_ns, r->now_ns) + wire;
	r->asked_ns[r->last % DEPTH_MAX] = r->now_ns;
	r->due_ns[r->last % DEPTH_MAX] = r->free_ns + r->delay_ns;
	r->last++;
}

/* Keeps half more than the road holds on its way for @ns. Bytes a second that came. */
static uint64_t run(struct road *r, struct pace *p, uint64_t ns)
{
	const uint64_t began = r->now_ns;
	uint64_t bytes = 0;

	while (r->now_ns - began < ns) {
		uint64_t window = MAX(pace_full(p) * 3 / 2, WINDOW_MIN), asked;

		while ((r->last - r->first) * CHUNK < window && r->last - r->first < DEPTH_MAX)
			ask(r);
		asked = r->asked_ns[r->first % DEPTH_MAX];
		r->now_ns = MAX(r->now_ns, r->due_ns[r->first++ % DEPTH_MAX]);
		pace_arrived(p, r->now_ns, r->now_ns - asked, CHUNK);
		bytes += CHUNK;
	}
	return bytes * 1000000000 / (r->now_ns - began);
}

static void near(uint64_t found, uint64_t right)
{
	assert_in_range(found, right - right / 10, right + right / 10);
}

static void test_roads(void **state)
{
	static const struct {
		uint64_t rate, delay_ns;
	} roads[] = {
		{ 125000000, 1 * MS }, { 125000000, 20 * MS }, { 12500000, 5 * MS },
		{ 1250000000, 1 * MS }, { 1250000, 100 * MS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(roads); i++) {
		struct road r = { .rate = roads[i].rate, .delay_ns = roads[i].delay_ns, .now_ns = MS };
		struct pace p = {};
		const uint64_t wire_ns = CHUNK * 1000000000 / r.rate;

		/* It finds the road out, and then fills it. */
		run(&r, &p, 100 * roads[i].delay_ns + 100 * wire_ns);
		near(run(&r, &p, 100 * roads[i].delay_ns + 100 * wire_ns), r.rate);
		near(p.rate, r.rate);
		near(p.least_ns, r.delay_ns + wire_ns);
		near(pace_full(&p), r.rate * (r.delay_ns + wire_ns) / 1000000000);
	}
}

/* A road that becomes slower, and a pause, which is none. */
static void test_changes(void **state)
{
	struct road r = { .rate = 125000000, .delay_ns = 10 * MS, .now_ns = MS };
	struct pace p = {};
	uint64_t full;

	run(&r, &p, 2000 * MS);
	full = pace_full(&p);
	r.now_ns += 60000 * MS;
	run(&r, &p, 200 * MS);
	near(pace_full(&p), full);
	r.rate /= 10;
	run(&r, &p, 5000 * MS);
	near(p.rate, r.rate);
}

static void test_nothing_known(void **state)
{
	struct pace p = {};

	assert_int_equal(pace_full(&p), 0);
	pace_arrived(&p, 5 * MS, MS, CHUNK);
	assert_int_equal(pace_full(&p), 0);
	/* An answer that takes no time. */
	pace_arrived(&p, 15 * MS, 0, CHUNK);
	assert_int_equal(p.least_ns, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roads),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_nothing_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
