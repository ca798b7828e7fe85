// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private anonymous memory: full pages, a mapping with holes, and one page whose
 * neighbours were never touched. Holes stay holes: reading them back as zero must
 * not need them to be stored.
 */
#include <sys/mman.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define FULL (4 * MIB)
#define HOLED (4 * MIB)
#define STRIDE (7 * PAGE)

struct state {
	char *full, *holed;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->full = map_anon(FULL, MAP_PRIVATE);
	pages_fill(s->full, FULL, 1);
	s->holed = map_anon(HOLED, MAP_PRIVATE);
	for (size_t at = 0; at < HOLED; at += STRIDE)
		pages_fill(s->holed + at, PAGE, 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->holed[STRIDE + PAGE + 100] = 1;
}

static void check(void *arg)
{
	struct state *s = arg;

	pages_check(s->full, FULL, 1);
	for (size_t at = 0; at < HOLED; at += PAGE) {
		if (at % STRIDE)
			pattern_check_zero(s->holed + at, PAGE);
		else
			pages_check(s->holed + at, PAGE, 2);
	}
	pages_fill(s->full, FULL, 3);
	pages_check(s->full, FULL, 3);
}

const struct zdtm_test zdtm_test = {
	.about = "private anonymous memory keeps content and holes",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
