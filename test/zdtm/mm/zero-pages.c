// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zeros of three sorts: pages only read (the kernel's zero page), pages written with
 * zeros, pages written and given back. All read as zero, and all are writable, while
 * the pages with content between them keep it.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define PAGES 64

enum { CONTENT, READ, WRITTEN, GIVEN_BACK, N_SORTS };

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(PAGES * PAGE, MAP_PRIVATE);
	for (int i = 0; i < PAGES; i++) {
		char *page = s->map + i * PAGE;

		if (i % N_SORTS == READ)
			pattern_check_zero(page, PAGE);
		else
			pages_fill(page, PAGE, 1);
		if (i % N_SORTS == WRITTEN)
			memset(page, 0, PAGE);
		if (i % N_SORTS == GIVEN_BACK)
			MUST(madvise(page, PAGE, MADV_DONTNEED));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + GIVEN_BACK * PAGE, PAGE, 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < PAGES; i++) {
		char *page = s->map + i * PAGE;

		if (i % N_SORTS == CONTENT)
			pages_check(page, PAGE, 1);
		else
			pattern_check_zero(page, PAGE);
	}
	pages_fill(s->map, PAGES * PAGE, 2);
	pages_check(s->map, PAGES * PAGE, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "zero pages are zero, those between them are not",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
