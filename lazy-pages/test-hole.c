// SPDX-License-Identifier: GPL-2.0-only
/* How much is zeroed around touches of memory that holds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lazy-pages/hole.h"
#include "util/macro.h"

#define AT(n) (0x7f0000000000UL + (n) * PAGE_SIZE)
#define FIRST 16
#define MOST 64

static const struct hole_streams fresh = { .first = FIRST * PAGE_SIZE, .max = MOST * PAGE_SIZE };

/* Page @at of a hole of pages [@start, @end) is touched, and [@from, @to) is to be zeroed. */
static void touched(struct hole_streams *streams, unsigned int at, unsigned int start,
		    unsigned int end, unsigned int from, unsigned int to)
{
	struct hole_run run = hole_touched(streams, AT(at), AT(start), AT(end));

	assert_int_equal((run.start - AT(0)) / PAGE_SIZE, from);
	assert_int_equal((run.end - AT(0)) / PAGE_SIZE, to);
}

static void test_up(void **state)
{
	struct hole_streams s = fresh;

	touched(&s, 5, 0, 1000, 5, 16);
	touched(&s, 16, 0, 1000, 16, 38);
	touched(&s, 38, 0, 1000, 38, 82);
	touched(&s, 82, 0, 1000, 82, 146);
	touched(&s, 146, 0, 1000, 146, 210);
	/* The end of the hole; what comes behind it is another matter. */
	touched(&s, 210, 0, 220, 210, 220);
	touched(&s, 221, 221, 1000, 221, 224);
	/* After a little at the end of a block there is no less than of a first touch. */
	touched(&s, 224, 221, 1000, 224, 240);
}

static void test_down(void **state)
{
	struct hole_streams s = fresh;

	touched(&s, 500, 0, 501, 500, 501);
	touched(&s, 499, 0, 500, 484, 500);
	touched(&s, 483, 0, 500, 452, 484);
	touched(&s, 451, 0, 500, 388, 452);
	touched(&s, 387, 0, 500, 324, 388);
	touched(&s, 323, 300, 500, 300, 324);
}

/* Here and there is nowhere in particular. */
static void test_random(void **state)
{
	struct hole_streams s = fresh;

	for (unsigned int i = 0; i < 100; i++) {
		unsigned int at = (i * 7919 + 3) % 1009 * FIRST * 2;

		touched(&s, at, 0, 1u << 20, at, at + FIRST);
	}
}

/* Threads do not disturb each other, as many as there are streams. */
static void test_streams(void **state)
{
	struct hole_streams s = fresh;
	unsigned int at[HOLE_STREAMS + 1];

	for (unsigned int i = 0; i < HOLE_STREAMS; i++) {
		at[i] = i * 10000;
		touched(&s, at[i], 0, 1u << 20, at[i], at[i] + FIRST);
		at[i] += FIRST;
	}
	for (unsigned int n = 2 * FIRST; n <= MOST; n *= 2)
		for (unsigned int i = 0; i < HOLE_STREAMS; i++) {
			touched(&s, at[i], 0, 1u << 20, at[i], at[i] + n);
			at[i] += n;
		}
	/* One more, and the oldest is forgotten. */
	touched(&s, 500000, 0, 1u << 20, 500000, 500000 + FIRST);
	touched(&s, at[1], 0, 1u << 20, at[1], at[1] + MOST);
	touched(&s, at[0], 0, 1u << 20, at[0], ALIGN_DOWN(at[0], FIRST) + FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
