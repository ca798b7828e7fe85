// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is touched in random order right after the restore: each page must
 * be the one of its address, be it brought by a fault or in the background.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (64 * MIB)
#define PAGES (SIZE / PAGE)

struct state {
	char *map;
	unsigned int order[PAGES];
};

static void shuffle(unsigned int *order, size_t n)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	srandom(1);
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = random() % (i + 1);
		unsigned int kept = order[i];

		order[i] = order[j];
		order[j] = kept;
	}
}

static void setup(void *arg)
{
	struct state *s = arg;

	shuffle(s->order, PAGES);
	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	/* A second version: a page of the first one is as wrong as another's page. */
	pages_fill(s->map, SIZE, 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + 1234 * PAGE, PAGE, 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < PAGES; i++)
		pages_check(s->map + s->order[i] * PAGE, PAGE, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "64 MiB are right in random order of touch",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
