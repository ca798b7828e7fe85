// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared anonymous memory of a parent and its child: one object, mapped by both,
 * by the child also in part and at another address. What one writes after the
 * restore, the others see.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (2 * MIB)
#define PART_AT (64 * PAGE)
#define PART_SIZE (16 * PAGE)

struct state {
	char *map;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	char *part;

	/* The tail of the mapping moves away and stays what it was. */
	part = MUST(mremap(s->map + SIZE - PART_SIZE, PART_SIZE, PART_SIZE,
			   MREMAP_MAYMOVE | MREMAP_FIXED, map_anon(PART_SIZE, MAP_PRIVATE)));
	MUST(munmap(s->map + PART_AT, PART_SIZE));
	zdtm_wait();
	pattern_check(s->map, PAGE, 2);
	pattern_check(part, PART_SIZE, 1);
	pattern_fill(part, PART_SIZE, 3);
	pattern_fill(s->map, PAGE, 4);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_SHARED);
	pages_fill(s->map, SIZE / 2, 0);
	pattern_fill(s->map + SIZE - PART_SIZE, PART_SIZE, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* As if the parent had got a copy of its own. */
	MUST(mmap(s->map, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		  -1, 0));
	pages_fill(s->map, SIZE / 2, 0);
}

static void check(void *arg)
{
	struct state *s = arg;

	pages_check(s->map, SIZE / 2, 0);
	pattern_check_zero(s->map + SIZE / 2, SIZE / 2 - PART_SIZE);
	pattern_check(s->map + SIZE - PART_SIZE, PART_SIZE, 1);
	pattern_fill(s->map, PAGE, 2);
	zdtm_finish(s->child);
	pattern_check(s->map, PAGE, 4);
	pattern_check(s->map + SIZE - PART_SIZE, PART_SIZE, 3);
}

const struct zdtm_test zdtm_test = {
	.about = "anonymous memory shared by two tasks stays shared",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
