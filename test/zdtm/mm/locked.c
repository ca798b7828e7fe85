// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked memory, part of it never touched before: locking brings in every page, so
 * that a lazy restore may not lock before the pages can come.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
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
	pages_fill(s->map, SIZE / 2, 1);
	MUST(mlock(s->map, SIZE));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(munlock(s->map, SIZE));
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned long kib = status_number("VmLck");

	CHECK(kib == SIZE / KIB, "%lu KiB are locked", kib);
	pages_check(s->map, SIZE / 2, 1);
	pattern_check_zero(s->map + SIZE / 2, SIZE / 2);
}

const struct zdtm_test zdtm_test = {
	.about = "locked memory is locked again",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
