// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks while memory is missing: parent, child and grandchild each need pages that
 * none of them has touched yet. Each verifies all, in its own order, and writes a
 * second version that must stay its own.
 *
 *	parent    |AAAA............|	A: touched before its fork
 *	child     |AAAABBBB........|	B: touched by the child before it forks
 *	grandchild|AAAABBBB....CCCC|	the rest is fetched by three tasks at once
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (16 * MIB)
#define QUARTER (SIZE / 4)

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* As if a page was missing for the grandchild alone: it has its last quarter first. */
	pages_fill(s->map + SIZE - PAGE, PAGE, 0);
}

/* From the back to the front, or the other way. */
static void check_all(const char *map, bool backwards)
{
	for (size_t at = 0; at < SIZE; at += PAGE)
		pages_check(map + (backwards ? SIZE - PAGE - at : at), PAGE, 1);
}

static void grandchild(const struct state *s)
{
	pages_check(s->map + 3 * QUARTER, QUARTER, 1);
	check_all(s->map, true);
	pages_fill(s->map, SIZE, 4);
	pages_check(s->map, SIZE, 4);
	_exit(0);
}

static void child(const struct state *s)
{
	pid_t pid;

	pages_check(s->map + QUARTER, QUARTER, 1);
	pid = MUST(fork());
	if (!pid)
		grandchild(s);
	check_all(s->map, true);
	pages_fill(s->map, SIZE, 3);
	zdtm_join(pid);
	pages_check(s->map, SIZE, 3);
	_exit(0);
}

static void check(void *arg)
{
	struct state *s = arg;
	pid_t pid;

	pages_check(s->map, QUARTER, 1);
	pid = MUST(fork());
	if (!pid)
		child(s);
	check_all(s->map, false);
	pages_fill(s->map, SIZE, 2);
	zdtm_join(pid);
	pages_check(s->map, SIZE, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "children and grandchildren get pages that the parent never had",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
