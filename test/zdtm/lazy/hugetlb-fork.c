// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks while private huge pages are missing. What came before a fork is shared
 * copy-on-write, what comes after it comes to each task by itself; the child gives up
 * one page, and both write to one that neither has touched. Each must keep its own.
 *
 *	parent    |A...|....|....|....|	A: touched before the fork
 *	child     |A...|BB..|zzzz|....|	B: written to, z: given up
 */
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N 4
/* A grandchild needs its own as well. */
#define PAGES (3 * N)

struct state {
	char *map;
	bool spoilt;
};

static const char *unsupported(void)
{
	return hugetlb_missing(PAGES);
}

static void setup(void *arg)
{
	struct state *s = arg;

	hugetlb_allow(PAGES);
	s->map = MUST(mmap(NULL, N * HUGE_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0));
	pages_fill(s->map, N * HUGE_PAGE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

static void grandchild(const struct state *s)
{
	pages_check(s->map, HUGE_PAGE, 1);
	pages_check(s->map + HUGE_PAGE, HUGE_PAGE, 3);
	pattern_check_zero(s->map + 2 * HUGE_PAGE, HUGE_PAGE);
	pages_fill(s->map + 2 * HUGE_PAGE, HUGE_PAGE, 4);
	pages_check(s->map + 3 * HUGE_PAGE, HUGE_PAGE, 1);
	_exit(0);
}

static void child(const struct state *s)
{
	pid_t pid;

	MUST(madvise(s->map + 2 * HUGE_PAGE, HUGE_PAGE, MADV_DONTNEED));
	pages_fill(s->map + HUGE_PAGE, HUGE_PAGE, 3);
	pid = MUST(fork());
	if (!pid)
		grandchild(s);
	pattern_check_zero(s->map + 2 * HUGE_PAGE, HUGE_PAGE);
	pages_check(s->map + 3 * HUGE_PAGE, HUGE_PAGE, 1);
	pages_fill(s->map, HUGE_PAGE, 3);
	zdtm_join(pid);
	pages_check(s->map, 2 * HUGE_PAGE, 3);
	pattern_check_zero(s->map + 2 * HUGE_PAGE, HUGE_PAGE);
	_exit(0);
}

static void check(void *arg)
{
	struct state *s = arg;
	pid_t pid;

	pages_check(s->map, HUGE_PAGE, 1);
	pid = MUST(fork());
	if (!pid)
		child(s);
	pages_fill(s->map + HUGE_PAGE, HUGE_PAGE, 2);
	pages_check(s->map + 2 * HUGE_PAGE, 2 * HUGE_PAGE, 1);
	zdtm_join(pid);
	hugetlb_disallow(PAGES);
	/* As if the child had written to the page of its parent. */
	if (s->spoilt)
		pages_fill(s->map + HUGE_PAGE + 3 * PAGE, PAGE, 3);
	pages_check(s->map, HUGE_PAGE, 1);
	pages_check(s->map + HUGE_PAGE, HUGE_PAGE, 2);
	pages_check(s->map + 2 * HUGE_PAGE, 2 * HUGE_PAGE, 1);
	for (int i = 0; i < N; i++)
		CHECK(mapping_has(s->map + i * HUGE_PAGE, "ht"), "page %d is no huge page", i);
}

const struct zdtm_test zdtm_test = {
	.about = "children get huge pages that the parent never had",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
