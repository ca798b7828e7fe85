// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that runs on a stack of its own making (makecontext), with frames on it and
 * on the stack that it left: it goes on where it was, and comes back.
 */
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (64 * KIB)

struct state {
	ucontext_t left, own;
	char *stack;
	const volatile sig_atomic_t *stop;
	bool came_back;
};

static struct state *state;

static void run(void)
{
	char frame[4 * PAGE] __attribute__((aligned(8)));

	CHECK(frame > state->stack && frame < state->stack + SIZE, "this is the old stack");
	pages_fill(frame, sizeof(frame), 1);
	while (!*state->stop)
		usleep(1000);
	pages_check(frame, sizeof(frame), 1);
	state->came_back = true;
}

static void setup(void *arg)
{
	state = arg;
	state->stack = map_anon(SIZE, MAP_PRIVATE);
}

static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	char frame[PAGE] __attribute__((aligned(8)));

	pages_fill(frame, sizeof(frame), 2);
	state->stop = stop;
	MUST(getcontext(&state->own));
	state->own.uc_stack.ss_sp = state->stack;
	state->own.uc_stack.ss_size = SIZE;
	state->own.uc_link = &state->left;
	makecontext(&state->own, run, 0);
	MUST(swapcontext(&state->left, &state->own));
	pages_check(frame, sizeof(frame), 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->came_back = false;
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(s->came_back, "the other stack was not left");
	/* And once more. */
	s->came_back = false;
	spin(s, s->stop);
	CHECK(s->came_back, "the other stack can't be used again");
}

const struct zdtm_test zdtm_test = {
	.about = "a stack of the program's own",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
};
