// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two thousand mappings next to each other that cannot be joined, each with one page
 * of content: nothing may be sized for fewer, and nothing may take time that grows
 * with their square.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define N_VMAS 2000
#define VMA_SIZE (2 * PAGE)

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(N_VMAS * VMA_SIZE, MAP_PRIVATE);
	for (int i = 0; i < N_VMAS; i++) {
		pages_fill(s->map + i * VMA_SIZE, PAGE, i);
		if (i % 2)
			MUST(mprotect(s->map + i * VMA_SIZE, VMA_SIZE, PROT_READ));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* As if the content of one had gone to its neighbour. */
	pages_fill(s->map + 1998 * VMA_SIZE + PAGE, PAGE, 1998);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_VMAS; i++) {
		pages_check(s->map + i * VMA_SIZE, PAGE, i);
		pattern_check_zero(s->map + i * VMA_SIZE + PAGE, PAGE);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "two thousand mappings",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
