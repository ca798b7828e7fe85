// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main stack: its content, pages below the stack pointer that were used before,
 * and that it grows on after the restore, page by page and in one big step.
 */
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define DEPTH 40

struct state {
	bool spoilt;
};

/* Each level has a page of its own, which it verifies on the way back. */
static void descend(int depth, const struct state *s)
{
	char page[PAGE] __attribute__((aligned(8)));

	pattern_fill(page, sizeof(page), depth);
	if (depth > 1)
		descend(depth - 1, s);
	if (s->spoilt)
		page[17]++;
	pattern_check(page, sizeof(page), depth);
}

static void leap(void)
{
	char big[1 * MIB] __attribute__((aligned(8)));

	pattern_fill(big, sizeof(big), 1);
	pattern_check(big, sizeof(big), 1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	descend(DEPTH, s);
}

/*
 * Waits with an array in a live frame, so that its content lies on the stack while
 * it is checkpointed.
 */
static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	char local[4 * PAGE] __attribute__((aligned(8)));

	pages_fill(local, sizeof(local), 7);
	while (!*stop)
		usleep(1000);
	pages_check(local, sizeof(local), 7);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

static void check(void *arg)
{
	struct state *s = arg;

	descend(4 * DEPTH, s);
	leap();
}

const struct zdtm_test zdtm_test = {
	.about = "the stack keeps its content and grows on",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
};
