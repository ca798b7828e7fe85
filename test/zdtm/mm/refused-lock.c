// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is locked page by page as it is touched (MLOCK_ONFAULT): images have no
 * place for that, and locking all of it would be another thing. It is refused.
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
	MUST(mlock2(s->map, SIZE, MLOCK_ONFAULT));
	pages_fill(s->map, SIZE / 2, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->map[PAGE]++;
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned char present;

	pages_check(s->map, SIZE / 2, 1);
	MUST(mincore(s->map + SIZE - PAGE, PAGE, &present));
	CHECK(!(present & 1), "a page that was not touched is there");
}

const struct zdtm_test zdtm_test = {
	.about = "memory locked on fault is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "locked on fault",
};
