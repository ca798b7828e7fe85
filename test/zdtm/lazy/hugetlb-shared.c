// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared huge pages that are missing in two tasks at once:
 *
 *	0 the parent reads it, the child then writes to it
 *	1 a hole, but for a small page in its middle
 *	2 let go by the child (MADV_DONTNEED): its content stays
 *	3 punched out by the child (MADV_REMOVE): zero for both
 *	4 never touched
 *	5 written to by both, each to a part of it
 */
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N 6
#define MIDDLE (100 * PAGE)
#define HALF (HUGE_PAGE / 2)

struct state {
	char *map;
	struct zdtm_gate *gate;
	pid_t child;
};

static const char *unsupported(void)
{
	return hugetlb_missing(N);
}

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	MUST(madvise(s->map + 2 * HUGE_PAGE, HUGE_PAGE, MADV_DONTNEED));
	MUST(madvise(s->map + 3 * HUGE_PAGE, HUGE_PAGE, MADV_REMOVE));
	pages_fill(s->map + 5 * HUGE_PAGE + HALF, HALF, 2);
	pages_check(s->map + 2 * HUGE_PAGE, HUGE_PAGE, 1);
	pattern_check_zero(s->map + 3 * HUGE_PAGE, HUGE_PAGE);
	zdtm_gate_arrive(s->gate);
	pages_fill(s->map, HUGE_PAGE, 2);
	pages_check(s->map + 5 * HUGE_PAGE, HUGE_PAGE, 2);
}

static void setup(void *arg)
{
	struct state *s = arg;

	hugetlb_allow(N);
	s->gate = map_anon(PAGE, MAP_SHARED);
	s->map = MUST(mmap(NULL, N * HUGE_PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0));
	pages_fill(s->map, HUGE_PAGE, 1);
	pages_fill(s->map + HUGE_PAGE + MIDDLE, PAGE, 1);
	pages_fill(s->map + 2 * HUGE_PAGE, 2 * HUGE_PAGE, 1);
	pages_fill(s->map + 5 * HUGE_PAGE, HUGE_PAGE, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + HUGE_PAGE, PAGE, 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGTERM));
	pages_fill(s->map + 5 * HUGE_PAGE, HALF, 2);
	pages_check(s->map, HUGE_PAGE, 1);
	pattern_check_zero(s->map + 4 * HUGE_PAGE, HUGE_PAGE);
	zdtm_gate_await(s->gate, 1);
	zdtm_gate_open(s->gate);
	zdtm_join(s->child);
	hugetlb_disallow(N);
	pattern_check_zero(s->map + HUGE_PAGE, MIDDLE);
	pages_check(s->map + HUGE_PAGE + MIDDLE, PAGE, 1);
	pattern_check_zero(s->map + HUGE_PAGE + MIDDLE + PAGE, HUGE_PAGE - MIDDLE - PAGE);
	usleep(100000);
	pages_check(s->map, HUGE_PAGE, 2);
	pages_check(s->map + 2 * HUGE_PAGE, HUGE_PAGE, 1);
	pattern_check_zero(s->map + 3 * HUGE_PAGE, HUGE_PAGE);
	pages_check(s->map + 5 * HUGE_PAGE, HUGE_PAGE, 2);
	for (int i = 0; i < N; i++)
		CHECK(mapping_has(s->map + i * HUGE_PAGE, "ht"), "page %d is no huge page", i);
}

const struct zdtm_test zdtm_test = {
	.about = "shared huge pages that two tasks miss at once",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
