// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is locked page by page as it is touched (MLOCK_ONFAULT): what was not
 * touched must not be there after the restore either, and is locked when it comes.
 */
#include <sys/mman.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)

struct state {
	char *map, *shared;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	MUST(mlock2(s->map, SIZE, MLOCK_ONFAULT));
	pages_fill(s->map, SIZE / 2, 1);
	s->shared = map_anon(SIZE, MAP_SHARED);
	MUST(mlock2(s->shared, SIZE, MLOCK_ONFAULT));
	pages_fill(s->shared, SIZE / 2, 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mlock(s->map, SIZE));
}

static void check_map(char *map, unsigned int version)
{
	unsigned char present;

	CHECK(mapping_has(map, "lo") && mapping_has(map, "lf"), "it is not locked on fault");
	MUST(mincore(map + SIZE - PAGE, PAGE, &present));
	CHECK(!(present & 1), "a page that was not touched is there");
	pages_check(map, SIZE / 2, version);
	pattern_check_zero(map + SIZE / 2, SIZE / 2);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_map(s->map, 1);
	check_map(s->shared, 2);
	CHECK(status_number("VmLck") == 2 * SIZE / KIB, "%lu KiB are locked",
	      status_number("VmLck"));
}

const struct zdtm_test zdtm_test = {
	.about = "memory locked on fault is locked on fault again",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
