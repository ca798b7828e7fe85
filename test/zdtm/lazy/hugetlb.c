// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private huge pages, and what may happen to each while it is missing:
 *
 *	0 written to, in its middle	4 touched, then given up (MADV_DONTNEED)
 *	1 with content in one small	5 moved (mremap)
 *	  page only			6 protected
 *	2 never touched			7 unmapped, and another one mapped there
 *	3 given up			8 nothing: it comes by itself
 *
 * A fault is answered in units of a huge page: a neighbour's content, or a page that
 * is delivered late, would show.
 */
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define N 9
/* The others are for what is mapped in the check. */
#define PAGES (2 * N)
#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB)
#define PIECE (7 * PAGE)

struct state {
	char *map;
	bool spoilt;
};

static const char *unsupported(void)
{
	return hugetlb_missing(PAGES);
}

static char *page(const struct state *s, int i)
{
	return s->map + i * HUGE_PAGE;
}

static char *map_huge(void *at, size_t n, int flags)
{
	return MUST(mmap(at, n * HUGE_PAGE, PROT_READ | PROT_WRITE, FLAGS | flags, -1, 0));
}

static void setup(void *arg)
{
	struct state *s = arg;

	hugetlb_allow(PAGES);
	s->map = map_huge(NULL, N, 0);
	for (int i = 0; i < N; i++)
		if (i > 2 || i == 0)
			pages_fill(page(s, i), HUGE_PAGE, 1);
	pages_fill(page(s, 1) + PIECE, PAGE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

static void check_moved(const char *map, const char *from)
{
	for (size_t at = 0; at < HUGE_PAGE; at += PAGE)
		pattern_check(map + at, PAGE, pattern_seed(from + at, 1));
}

static void check_all(const struct state *s, const char *moved)
{
	pages_check(page(s, 0), HUGE_PAGE / 2, 1);
	pages_check(page(s, 0) + HUGE_PAGE / 2, PAGE, 2);
	pages_check(page(s, 0) + HUGE_PAGE / 2 + PAGE, HUGE_PAGE / 2 - PAGE, 1);
	pattern_check_zero(page(s, 1), PIECE);
	pages_check(page(s, 1) + PIECE, PAGE, 1);
	pattern_check_zero(page(s, 1) + PIECE + PAGE, HUGE_PAGE - PIECE - PAGE);
	for (int i = 2; i < 5; i++) {
		pattern_check_zero(page(s, i), PIECE);
		pages_check(page(s, i) + PIECE, PAGE, 3);
		pattern_check_zero(page(s, i) + PIECE + PAGE, HUGE_PAGE - PIECE - PAGE);
	}
	check_moved(moved, page(s, 5));
	pages_check(page(s, 6), HUGE_PAGE, 1);
	pattern_check_zero(page(s, 7), HUGE_PAGE);
	pages_check(page(s, 8), HUGE_PAGE, 1);
}

static void check(void *arg)
{
	struct state *s = arg;
	char *moved;

	pages_fill(page(s, 0) + HUGE_PAGE / 2, PAGE, 2);
	MUST(madvise(page(s, 3), HUGE_PAGE, MADV_DONTNEED));
	pages_check(page(s, 4) + HUGE_PAGE - PAGE, PAGE, 1);
	MUST(madvise(page(s, 4), HUGE_PAGE, MADV_DONTNEED));
	/* As if the server had delivered after the drop. */
	if (s->spoilt)
		pages_fill(page(s, 4), PAGE, 1);
	moved = map_huge(NULL, 1, 0);
	moved = MUST(mremap(page(s, 5), HUGE_PAGE, HUGE_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			    moved));
	MUST(mprotect(page(s, 6), HUGE_PAGE, PROT_READ));
	MUST(munmap(page(s, 7), HUGE_PAGE));
	map_huge(page(s, 7), 1, MAP_FIXED_NOREPLACE);
	/* What was given up is reserved no more. */
	for (int i = 2; i < 5; i++)
		pages_fill(page(s, i) + PIECE, PAGE, 3);
	hugetlb_disallow(PAGES);
	check_all(s, moved);
	/* What is delivered late comes late: look again. */
	usleep(100000);
	check_all(s, moved);
	for (int i = 0; i < N; i++)
		CHECK(i == 5 || mapping_has(page(s, i), "ht"), "page %d is no huge page", i);
	CHECK(mapping_has(moved, "ht"), "what was moved is no huge page");
}

const struct zdtm_test zdtm_test = {
	.about = "huge pages that are missing are written to, given up, moved and unmapped",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
