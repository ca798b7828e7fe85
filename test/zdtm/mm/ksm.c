// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of equal content that the kernel may merge (MADV_MERGEABLE): whether it has
 * done so or not, each is there, and a write to one changes no other.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define PAGES 64

struct state {
	char *map;
};

static const char *unsupported(void)
{
	return access("/sys/kernel/mm/ksm/run", F_OK) ? "the kernel does not merge pages (KSM)" :
	       NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(PAGES * PAGE, MAP_PRIVATE);
	for (int i = 0; i < PAGES; i++)
		pattern_fill(s->map + i * PAGE, PAGE, i % 3);
	MUST(madvise(s->map, PAGES * PAGE, MADV_MERGEABLE));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(madvise(s->map, PAGES * PAGE, MADV_UNMERGEABLE));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(mapping_has(s->map, "mg"), "the advice is gone");
	pattern_check(s->map, PAGE, 0);
	pattern_fill(s->map, PAGE, 9);
	for (int i = 1; i < PAGES; i++)
		pattern_check(s->map + i * PAGE, PAGE, i % 3);
	pattern_check(s->map, PAGE, 9);
}

const struct zdtm_test zdtm_test = {
	.about = "pages that may be merged stay apart",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
