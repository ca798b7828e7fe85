// SPDX-License-Identifier: GPL-2.0-only
/*
 * madvise(MADV_REMOVE) of shared anonymous memory that is missing: a hole for all
 * who map the object, while the rest of it keeps what it had.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (8 * MIB)
#define PIECE (32 * PAGE)

struct state {
	char *map;
	pid_t child;
};

static bool is_hole(size_t piece)
{
	return piece % 3 == 1;
}

static void check_pieces(const char *map)
{
	for (size_t i = 0; i < SIZE / PIECE; i++) {
		if (is_hole(i))
			pattern_check_zero(map + i * PIECE, PIECE);
		else
			pages_check(map + i * PIECE, PIECE, 1);
	}
}

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	check_pieces(s->map);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_SHARED);
	pages_fill(s->map, SIZE, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(madvise(s->map, PIECE, MADV_REMOVE));
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < SIZE / PIECE; i++)
		if (is_hole(i))
			MUST(madvise(s->map + i * PIECE, PIECE, MADV_REMOVE));
	check_pieces(s->map);
	zdtm_finish(s->child);
	usleep(100000);
	check_pieces(s->map);
}

const struct zdtm_test zdtm_test = {
	.about = "holes punched into missing shared memory",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
