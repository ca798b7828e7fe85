// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heap that brk() makes: its content, and that it can grow and shrink from
 * where it was, with malloc going on on top of it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define GROWTH (32 * PAGE)
#define N_BLOCKS 200

struct state {
	char *blocks[N_BLOCKS];
	char *start, *end;
};

static size_t block_size(int i)
{
	return 64 + (i * 37 % 50) * 8;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_BLOCKS; i++) {
		s->blocks[i] = malloc(block_size(i));
		CHECK(s->blocks[i], "no memory");
		pattern_fill(s->blocks[i], block_size(i), i);
	}
	/* Page-aligned, so that the pages can be verified whole. */
	MUST(sbrk(-(uintptr_t)sbrk(0) & (PAGE - 1)));
	s->start = MUST(sbrk(GROWTH));
	s->end = sbrk(0);
	pages_fill(s->start, GROWTH, 1);
}

static void spoil(void *arg)
{
	MUST(sbrk(PAGE));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(sbrk(0) == s->end, "the break is %p, was %p", sbrk(0), s->end);
	pages_check(s->start, GROWTH, 1);
	MUST(sbrk(GROWTH));
	pattern_check_zero(s->end, GROWTH);
	pages_fill(s->end, GROWTH, 2);
	pages_check(s->start, GROWTH, 1);
	pages_check(s->end, GROWTH, 2);
	MUST(sbrk(-2 * (intptr_t)GROWTH));
	MUST(sbrk(GROWTH));
	pattern_check_zero(s->start, GROWTH);
	for (int i = 0; i < N_BLOCKS; i++) {
		pattern_check(s->blocks[i], block_size(i), i);
		s->blocks[i] = realloc(s->blocks[i], 3 * block_size(i));
		CHECK(s->blocks[i], "no memory");
		pattern_check(s->blocks[i], block_size(i), i);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "the heap keeps its content and its break",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
