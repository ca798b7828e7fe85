// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many children, forked one after another as fast as it goes while memory is
 * missing; each verifies a piece and ends at once, some without having touched any.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (32 * MIB)
#define N_CHILDREN 60
#define PIECE (SIZE / N_CHILDREN / PAGE * PAGE)

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

	pages_fill(s->map + 20 * PIECE, PAGE, 0);
}

static void child(const struct state *s, int i)
{
	if (i % 3)
		pages_check(s->map + i * PIECE, PIECE, 1);
	_exit(0);
}

static void check(void *arg)
{
	struct state *s = arg;
	pid_t children[N_CHILDREN];

	for (int i = 0; i < N_CHILDREN; i++) {
		children[i] = MUST(fork());
		if (!children[i])
			child(s, i);
	}
	for (int i = 0; i < N_CHILDREN; i++)
		zdtm_join(children[i]);
	pages_check(s->map, SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "sixty short-lived children while memory is missing",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
