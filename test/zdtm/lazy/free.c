// SPDX-License-Identifier: GPL-2.0-only
/*
 * madvise(MADV_FREE) of memory that is missing: the kernel may drop the pages at any
 * time, until they are written again. Each page is its old self or zero, and what is
 * written afterwards stays.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * MIB)
#define PIECE (32 * PAGE)

struct state {
	char *map;
	bool spoilt;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

/* The first word tells which of the two it is; the others must agree. */
static void check_old_or_zero(const char *page)
{
	if (*(const uint64_t *)page)
		pages_check(page, PAGE, 1);
	else
		pattern_check_zero(page, PAGE);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t at = 0; at < SIZE; at += 2 * PIECE)
		MUST(madvise(s->map + at, PIECE, MADV_FREE));
	for (size_t at = 0; at < SIZE; at += 4 * PIECE)
		pages_fill(s->map + at, PIECE, 2);
	if (s->spoilt)
		pages_fill(s->map + 4 * PIECE, PAGE, 1);
	for (size_t at = 0; at < SIZE; at += PAGE) {
		size_t piece = at / PIECE;

		if (piece % 4 == 0)
			pages_check(s->map + at, PAGE, 2);
		else if (piece % 2 == 0)
			check_old_or_zero(s->map + at);
		else
			pages_check(s->map + at, PAGE, 1);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "memory freed while missing is old or zero, never mixed",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
