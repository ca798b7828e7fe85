// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose pages the kernel may take away (MAP_DROPPABLE): the content that is
 * still there, and all that goes with the type: no swap, no core dump, empty in a
 * child. In a lazy restore it is filled at once, since pages go without a word.
 */
#include <sys/mman.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

#define SIZE (16 * PAGE)

struct state {
	char *map;
};

static void *map_droppable(void)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
}

static const char *unsupported(void)
{
	void *map = map_droppable();

	if (map == MAP_FAILED)
		return "the kernel has no MAP_DROPPABLE (Linux 6.11)";
	munmap(map, SIZE);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = MUST(map_droppable());
	pages_fill(s->map, SIZE / 2, 1);
}

/* An ordinary mapping with the same content. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mmap(s->map, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		  -1, 0));
	pages_fill(s->map, SIZE / 2, 1);
}

static void child(void *arg)
{
	struct state *s = arg;

	pattern_check_zero(s->map, SIZE);
	zdtm_ready();
}

static void check(void *arg)
{
	static const char *const flags[] = { "dp", "dd", "wf", "nr" };
	struct state *s = arg;

	for (int i = 0; i < 4; i++)
		CHECK(mapping_has(s->map, flags[i]), "the mapping has no %s", flags[i]);
	pages_check(s->map, SIZE / 2, 1);
	pattern_check_zero(s->map + SIZE / 2, SIZE / 2);
	zdtm_join(zdtm_fork(child, s));
}

const struct zdtm_test zdtm_test = {
	.about = "droppable memory stays droppable",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
