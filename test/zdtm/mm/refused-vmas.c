// SPDX-License-Identifier: GPL-2.0-only
/*
 * So many mappings that a restore would have no room for the few that it needs itself:
 * refused, before anything is mapped into the task.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SPARE 5

struct state {
	char *map;
	int n;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->n = file_number("/proc/sys/vm/max_map_count") - mappings_count() - SPARE;
	s->map = map_anon(s->n * PAGE, MAP_PRIVATE);
	for (int i = 1; i < s->n; i += 2)
		MUST(mprotect(s->map + i * PAGE, PAGE, PROT_READ));
	pages_fill(s->map, PAGE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mprotect(s->map, s->n * PAGE, PROT_READ));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(mappings_count() >= s->n, "%d mappings instead of %d", mappings_count(), s->n);
	pages_check(s->map, PAGE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "too many mappings are refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.unsupported = mappings_too_many,
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "max_map_count",
};
