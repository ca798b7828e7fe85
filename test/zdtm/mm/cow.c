// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private memory that a parent and its children have from a fork: some pages still
 * the same, some written by one of them. A restore may share the pages or not, but
 * a write of one must never reach another.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_CHILDREN 3
#define PAGES 64

struct state {
	char *map;
	int index;
	pid_t children[N_CHILDREN];
};

/* Page i was written by child i % (N_CHILDREN + 1); the last remainder is nobody's. */
static void write_own(struct state *s, unsigned int version)
{
	for (int i = 0; i < PAGES; i++)
		if (i % (N_CHILDREN + 1) == s->index)
			pages_fill(s->map + i * PAGE, PAGE, version);
}

static void check_all(const struct state *s, unsigned int version)
{
	for (int i = 0; i < PAGES; i++)
		pages_check(s->map + i * PAGE, PAGE,
			    i % (N_CHILDREN + 1) == s->index ? version : 1);
}

static void child(void *arg)
{
	struct state *s = arg;

	write_own(s, 10 + s->index);
	zdtm_wait();
	check_all(s, 10 + s->index);
	write_own(s, 20 + s->index);
	check_all(s, 20 + s->index);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(PAGES * PAGE, MAP_PRIVATE);
	pages_fill(s->map, PAGES * PAGE, 1);
	for (s->index = 0; s->index < N_CHILDREN; s->index++)
		s->children[s->index] = zdtm_fork(child, s);
	s->index = -1;
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->index = 1;
	write_own(s, 11);
	s->index = -1;
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_CHILDREN; i++) {
		zdtm_finish(s->children[i]);
		check_all(s, 1);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "memory inherited by fork is each task's own",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
