// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages: content of a whole one, of one that was written in one place
 * only, of one that was taken apart; the huge zero page; and that the advice stays, so
 * that new memory comes in huge pages again.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define HUGE (2 * MIB)

enum { WHOLE, ONE_WRITE, SPLIT, ONLY_READ, UNTOUCHED, N_PAGES };

struct state {
	char *map;
};

static const char *unsupported(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
	char line[64] = "";

	if (!file)
		return "the kernel has no transparent huge pages";
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	return strstr(line, "[never]") ? "transparent huge pages are turned off" : NULL;
}

static char *huge_page(const struct state *s, int i)
{
	return s->map + i * HUGE;
}

static void setup(void *arg)
{
	struct state *s = arg;
	char *room = map_anon((N_PAGES + 1) * HUGE, MAP_PRIVATE);
	volatile char *read;

	s->map = (char *)(((uintptr_t)room + HUGE - 1) & ~(HUGE - 1));
	MUST(madvise(s->map, N_PAGES * HUGE, MADV_HUGEPAGE));
	pages_fill(huge_page(s, WHOLE), HUGE, 1);
	pages_fill(huge_page(s, ONE_WRITE) + 77 * PAGE, PAGE, 2);
	pages_fill(huge_page(s, SPLIT), HUGE, 3);
	MUST(madvise(huge_page(s, SPLIT) + 5 * PAGE, 3 * PAGE, MADV_DONTNEED));
	read = huge_page(s, ONLY_READ);
	CHECK(!*read, "new memory is not zero");
}

static void spoil(void *arg)
{
	struct state *s = arg;

	huge_page(s, SPLIT)[6 * PAGE]++;
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(mapping_has(s->map, "hg"), "the advice is gone");
	pages_check(huge_page(s, WHOLE), HUGE, 1);
	pattern_check_zero(huge_page(s, ONE_WRITE), 77 * PAGE);
	pages_check(huge_page(s, ONE_WRITE) + 77 * PAGE, PAGE, 2);
	pattern_check_zero(huge_page(s, ONE_WRITE) + 78 * PAGE, HUGE - 78 * PAGE);
	pages_check(huge_page(s, SPLIT), 5 * PAGE, 3);
	pattern_check_zero(huge_page(s, SPLIT) + 5 * PAGE, 3 * PAGE);
	pages_check(huge_page(s, SPLIT) + 8 * PAGE, HUGE - 8 * PAGE, 3);
	pattern_check_zero(huge_page(s, ONLY_READ), 2 * HUGE);
	pages_fill(huge_page(s, UNTOUCHED), HUGE, 4);
	pages_check(huge_page(s, UNTOUCHED), HUGE, 4);
}

const struct zdtm_test zdtm_test = {
	.about = "transparent huge pages",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
