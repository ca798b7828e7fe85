// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many mappings as a task may have (vm.max_map_count), but for the few that who
 * dumps and who restores need: some with content, all told from their neighbours.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

/* For the program's own mappings and those that come and go. */
#define SPARE 20
#define EVERY 16

struct state {
	char *map;
	int n;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->n = file_number("/proc/sys/vm/max_map_count") - mappings_count() - SPARE;
	s->map = map_anon(s->n * PAGE, MAP_PRIVATE);
	for (int i = 0; i < s->n; i++) {
		if (i % EVERY < 2)
			pages_fill(s->map + i * PAGE, PAGE, i);
		if (i % 2)
			MUST(mprotect(s->map + i * PAGE, PAGE, PROT_READ));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* As if the content of one had gone to its neighbour. */
	pages_fill(s->map + 16 * EVERY * PAGE, PAGE, 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(mappings_count() >= s->n, "%d mappings instead of %d", mappings_count(), s->n);
	for (int i = 0; i < s->n; i++) {
		if (i % EVERY < 2)
			pages_check(s->map + i * PAGE, PAGE, i);
		else
			pattern_check_zero(s->map + i * PAGE, PAGE);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "as many mappings as a task may have",
	.state_size = sizeof(struct state),
	.unsupported = mappings_too_many,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
