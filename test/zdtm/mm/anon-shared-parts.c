// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared anonymous memory of which no two tasks show the same:
 *
 *	segment		|0000|1111|2222|3333|4444|5555|
 *	parent		|0000|1111|    |    |4444|
 *	first child	     |1111|2222|    read-only; |5555| elsewhere
 *	second child	nothing of it, all was unmapped
 *	third child	|0000| twice
 *
 * Part 3 is nobody's any more, and yet there when somebody maps it back.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define PART (4 * PAGE)
#define N_PARTS 6

struct state {
	char *map;
	char *moved, *twice;
	pid_t readers, dropper, doubler;
};

static char *part(const struct state *s, int i)
{
	return s->map + i * PART;
}

static char *move_away(char *from, size_t old_len)
{
	return MUST(mremap(from, old_len, PART, MREMAP_MAYMOVE | MREMAP_FIXED,
			   map_anon(PART, MAP_PRIVATE)));
}

static void reader(void *arg)
{
	struct state *s = arg;

	MUST(munmap(part(s, 0), PART));
	MUST(munmap(part(s, 3), 2 * PART));
	s->moved = move_away(part(s, 5), PART);
	MUST(mprotect(part(s, 1), 2 * PART, PROT_READ));
	zdtm_wait();
	CHECK(fault_signal(part(s, 1), true), "what is read-only can be written");
	pages_check(part(s, 1) + PAGE, 2 * PART - PAGE, 1);
	pattern_check(part(s, 1), PAGE, 20);
	pattern_check(s->moved, PAGE, pattern_seed(part(s, 5), 1));
	pattern_fill(s->moved, PAGE, 25);
	MUST(mprotect(part(s, 2), PART, PROT_READ | PROT_WRITE));
}

static void dropper(void *arg)
{
	struct state *s = arg;
	struct mapping m;

	MUST(munmap(s->map, N_PARTS * PART));
	zdtm_wait();
	CHECK(!mapping_find(s->map, &m), "what was unmapped is there again");
}

static void doubler(void *arg)
{
	struct state *s = arg;

	/* Of length 0: a second mapping of the same. */
	s->twice = move_away(part(s, 0), 0);
	MUST(munmap(part(s, 1), 5 * PART));
	zdtm_wait();
	pages_check(part(s, 0), PART, 1);
	pattern_check(s->twice, PAGE, pattern_seed(part(s, 0), 1));
	pattern_fill(s->twice, PAGE, 30);
	pattern_check(part(s, 0), PAGE, 30);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(N_PARTS * PART, MAP_SHARED);
	pages_fill(s->map, N_PARTS * PART, 1);
	s->readers = zdtm_fork(reader, s);
	s->dropper = zdtm_fork(dropper, s);
	s->doubler = zdtm_fork(doubler, s);
	MUST(munmap(part(s, 2), 2 * PART));
	MUST(munmap(part(s, 5), PART));
}

/* As if part 4 had become private. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mmap(part(s, 4), PART, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	pages_fill(part(s, 4), PART, 1);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct mapping m;
	char *back;

	CHECK(!mapping_find(part(s, 2), &m), "what was unmapped is there again");
	pages_check(part(s, 0), 2 * PART, 1);
	pages_check(part(s, 4), PART, 1);
	zdtm_finish(s->doubler);
	pattern_check(part(s, 0), PAGE, 30);
	pattern_fill(part(s, 1), PAGE, 20);
	zdtm_finish(s->readers);
	zdtm_finish(s->dropper);
	/* All of the segment comes back through a mapping that grows. */
	back = MUST(mremap(part(s, 4), PART, 2 * PART, MREMAP_MAYMOVE));
	pattern_check(back + PART, PAGE, 25);
	pattern_check(back + PART + PAGE, PAGE, pattern_seed(part(s, 5) + PAGE, 1));
	back = MUST(mremap(part(s, 0), 2 * PART, 4 * PART, MREMAP_MAYMOVE));
	for (int i = 0; i < 2 * 4; i++)
		pattern_check(back + 2 * PART + i * PAGE, PAGE,
			      pattern_seed(part(s, 2) + i * PAGE, 1));
}

const struct zdtm_test zdtm_test = {
	.about = "parts of shared memory, in each task others",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
