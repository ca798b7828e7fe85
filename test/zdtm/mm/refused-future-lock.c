// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlockall(MCL_FUTURE): what will be mapped is locked too. Nothing in /proc or in an
 * image says so; it is found all the same, and refused.
 */
#include <sys/mman.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	MUST(mlockall(MCL_FUTURE));
}

static void spoil(void *arg)
{
	MUST(munlockall());
}

static void check(void *arg)
{
	struct state *s = arg;
	char *page = map_anon(PAGE, MAP_PRIVATE);
	unsigned char present;

	pages_check(s->map, SIZE, 1);
	MUST(mincore(page, PAGE, &present));
	CHECK(present & 1, "a new mapping is not locked");
}

const struct zdtm_test zdtm_test = {
	.about = "locking of future mappings is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "MCL_FUTURE",
};
