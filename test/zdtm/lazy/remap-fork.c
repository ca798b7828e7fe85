// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves and forks of missing memory, mixed: the child inherits a mapping that has
 * moved, moves it again, and unmaps what the parent keeps. Events of both are under
 * way at the same time.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (8 * MIB)
#define HALF (SIZE / 2)
#define ROUNDS 8
#define SEED 0x10000

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pattern_fill(s->map, SIZE, SEED);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->map[HALF + 3 * PAGE] ^= 1;
}

static char *move(char *from, size_t size)
{
	char *to = map_anon(size, MAP_PRIVATE);

	return MUST(mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
}

static void child(char *map, size_t piece)
{
	char *second;

	pattern_check(map + piece, PAGE, SEED + piece);
	second = move(map + HALF, HALF);
	MUST(munmap(map, piece));
	pattern_check(second, HALF, SEED + HALF);
	pattern_check(map + piece, HALF - piece, SEED + piece);
	pattern_fill(second, HALF, 1);
	_exit(0);
}

static void check(void *arg)
{
	struct state *s = arg;
	pid_t children[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		s->map = move(s->map, SIZE);
		children[i] = MUST(fork());
		if (!children[i])
			child(s->map, (i + 1) * (HALF / ROUNDS / 2));
	}
	for (int i = 0; i < ROUNDS; i++)
		zdtm_join(children[i]);
	pattern_check(s->map, SIZE, SEED);
}

const struct zdtm_test zdtm_test = {
	.about = "moves and forks of missing memory, mixed",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
