// SPDX-License-Identifier: GPL-2.0-only
/*
 * A long computation in floating point and vectors that is interrupted at any of its
 * instructions, in several threads: the same steps, done again without interruption,
 * must have the same result to the last bit.
 */
#include <string.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 3
#define N_LANES 8

struct worker {
	struct state *state;
	double start;
	unsigned long steps;
	double lanes[N_LANES];
	long double extended;
	pthread_t thread;
};

struct state {
	atomic_bool stop;
	atomic_int begun;
	struct worker workers[N_THREADS];
};

static void begin(struct worker *w)
{
	for (int i = 0; i < N_LANES; i++)
		w->lanes[i] = w->start + i / 10.0;
	w->extended = w->start;
	w->steps = 0;
}

/* Chaotic on purpose: a bit that is lost anywhere shows soon everywhere. */
static void step(struct worker *w)
{
	for (int i = 0; i < N_LANES; i++)
		w->lanes[i] = 3.9 * w->lanes[i] * (1.0 - w->lanes[i]);
	w->extended = 3.9L * w->extended * (1.0L - w->extended);
	w->steps++;
}

static void *worker(void *arg)
{
	struct worker *w = arg;

	begin(w);
	atomic_fetch_add(&w->state->begun, 1);
	while (!atomic_load_explicit(&w->state->stop, memory_order_relaxed))
		step(w);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_THREADS; i++) {
		s->workers[i] = (struct worker){ .state = s, .start = 0.11 + i / 7.0 };
		s->workers[i].thread = zdtm_thread(worker, &s->workers[i]);
	}
	/* Where they start from is theirs from here on. */
	while (atomic_load(&s->begun) < N_THREADS)
		usleep(1000);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->workers[1].start += 0.001;
}

static void check(void *arg)
{
	struct state *s = arg;

	atomic_store(&s->stop, true);
	for (int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->workers[i].thread, NULL));
	for (int i = 0; i < N_THREADS; i++) {
		struct worker again = s->workers[i];

		begin(&again);
		while (again.steps < s->workers[i].steps)
			step(&again);
		CHECK(!memcmp(again.lanes, s->workers[i].lanes, sizeof(again.lanes)) &&
			      again.extended == s->workers[i].extended,
		      "after %lu steps worker %d is at %.17g, not %.17g", again.steps, i,
		      s->workers[i].lanes[0], again.lanes[0]);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "a computation interrupted anywhere has the same result",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
