// SPDX-License-Identifier: GPL-2.0-only
/*
 * Five hundred children of one task. Each has written to one page of the memory that
 * they were forked with, another one each.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_CHILDREN 500
#define SIZE (N_CHILDREN * PAGE)

struct state {
	char *map;
	pid_t parent;
	int index;
	pid_t children[N_CHILDREN];
};

/* @own: the page that this task has written; -1: none. */
static void check_pages(const struct state *s, int own)
{
	for (int i = 0; i < N_CHILDREN; i++)
		pages_check(s->map + i * PAGE, PAGE, i == own ? 2 : 1);
}

static void child(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + s->index * PAGE, PAGE, 2);
	zdtm_wait();
	if (zdtm_spoiling() && s->index == N_CHILDREN / 2)
		pages_fill(s->map, PAGE, 2);
	CHECK(getppid() == s->parent, "the parent of child %d is %d, was %d", s->index, getppid(),
	      s->parent);
	check_pages(s, s->index);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	s->parent = getpid();
	for (s->index = 0; s->index < N_CHILDREN; s->index++)
		s->children[s->index] = zdtm_fork(child, s);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_pages(s, -1);
	for (int i = 0; i < N_CHILDREN; i++)
		zdtm_finish(s->children[i]);
}

const struct zdtm_test zdtm_test = {
	.about = "five hundred children of one task",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
