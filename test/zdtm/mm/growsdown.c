// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stack-like mapping of the program's own (MAP_GROWSDOWN): pages that it has grown
 * by are kept, and it grows on after the restore when the page below is touched.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define ROOM (16 * MIB)
#define FIRST (4 * PAGE)
#define GROWTH 20

struct state {
	char *top;
};

static void setup(void *arg)
{
	struct state *s = arg;
	char *room = map_anon(ROOM, MAP_PRIVATE);

	/* The kernel keeps a gap to what lies below: leave free space there. */
	MUST(munmap(room, ROOM));
	s->top = room + ROOM;
	MUST(mmap(s->top - FIRST, FIRST, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0));
	for (size_t at = PAGE; at <= FIRST + GROWTH * PAGE; at += PAGE)
		pages_fill(s->top - at, PAGE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mmap(s->top - FIRST, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	char *bottom = s->top - FIRST - GROWTH * PAGE;

	pages_check(bottom, FIRST + GROWTH * PAGE, 1);
	for (int i = 1; i <= GROWTH; i++)
		pages_fill(bottom - i * PAGE, PAGE, 2);
	pages_check(bottom - GROWTH * PAGE, GROWTH * PAGE, 2);
	pages_check(bottom, FIRST + GROWTH * PAGE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "a MAP_GROWSDOWN mapping keeps its pages and grows on",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
