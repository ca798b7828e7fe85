// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chain of a hundred forks, each task the only child of the one before. What a
 * task was forked with is all its ancestors' work: each has written its own part.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define DEPTH 100
#define SIZE ((DEPTH + 1) * PAGE)
/* Written by all of them; each has left its own number there. */
#define LAST (DEPTH * PAGE)

struct state {
	char *map;
	pid_t parent, child;
	int depth;
};

static void link_run(void *arg);

/* Writes what this task adds, and makes the rest of the chain. */
static void extend(struct state *s)
{
	pages_fill(s->map + s->depth * PAGE, PAGE, 1 + s->depth);
	pages_fill(s->map + LAST, PAGE, 1 + s->depth);
	s->parent = getpid();
	s->depth++;
	s->child = s->depth < DEPTH ? zdtm_fork(link_run, s) : 0;
	s->depth--;
}

static void check_link(const struct state *s)
{
	for (int i = 0; i < DEPTH; i++) {
		if (i <= s->depth)
			pages_check(s->map + i * PAGE, PAGE, 1 + i);
		else
			pattern_check_zero(s->map + i * PAGE, PAGE);
	}
	pages_check(s->map + LAST, PAGE, 1 + s->depth);
	if (s->child)
		zdtm_finish(s->child);
}

static void link_run(void *arg)
{
	struct state mine = *(struct state *)arg;
	pid_t parent = mine.parent;

	extend(&mine);
	zdtm_wait();
	if (zdtm_spoiling() && mine.depth == DEPTH / 2)
		pages_fill(mine.map + LAST, PAGE, 0);
	CHECK(getppid() == parent, "the parent of link %d is %d, was %d", mine.depth, getppid(),
	      parent);
	check_link(&mine);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	extend(s);
}

static void check(void *arg)
{
	check_link(arg);
}

const struct zdtm_test zdtm_test = {
	.about = "a hundred tasks, each the child of the one before",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
