// SPDX-License-Identifier: GPL-2.0-only
/*
 * madvise(MADV_DONTNEED) of memory that is missing, there, and partly so: from then
 * on it reads as zero, for ever. An old page that is delivered late would show.
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

static bool is_dropped(size_t piece)
{
	return piece % 2;
}

static void check_pieces(const struct state *s, unsigned int version)
{
	for (size_t i = 0; i < SIZE / PIECE; i++) {
		if (!is_dropped(i))
			pages_check(s->map + i * PIECE, PIECE, 1);
		else if (version)
			pages_check(s->map + i * PIECE, PIECE, version);
		else
			pattern_check_zero(s->map + i * PIECE, PIECE);
	}
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < SIZE / PIECE; i++) {
		char *piece = s->map + i * PIECE;

		/* Of some pieces a page is fetched before they are dropped. */
		if (i % 5 == 3)
			pages_check(piece + 5 * PAGE, PAGE, 1);
		if (is_dropped(i))
			MUST(madvise(piece, PIECE, MADV_DONTNEED));
		/* As if the server had delivered after the drop. */
		if (is_dropped(i) && s->spoilt)
			pages_fill(piece, PAGE, 1);
	}
	check_pieces(s, 0);
	/* What is delivered late comes late: look again. */
	usleep(100000);
	check_pieces(s, 0);
	for (size_t i = 0; i < SIZE / PIECE; i++)
		if (is_dropped(i))
			pages_fill(s->map + i * PIECE, PIECE, 2);
	check_pieces(s, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "memory given up while missing reads as zero",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
