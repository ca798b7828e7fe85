// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads under different seccomp filters: two have one in common that others
 * have not, one is under none. A wrong restore mixes them up.
 */
#include <pthread.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 4

struct worker {
	struct state *state;
	int filters, error;		/* what it installs; the error that it gets */
	pthread_t thread;
};

struct state {
	struct zdtm_gate gate;
	struct worker workers[N_THREADS];
};

static void *worker(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < w->filters; i++)
		filter_getppid(w->error + i, 0);
	zdtm_gate_arrive(&w->state->gate);
	/* Of those that make a call fail the newest decides. */
	CHECK(filter_getppid_errno() == (w->filters ? w->error + w->filters - 1 : 0),
	      "a thread with %d filters gets error %d", w->filters, filter_getppid_errno());
	CHECK(filter_status("Seccomp_filters") == w->filters, "%d filters, not %d",
	      filter_status("Seccomp_filters"), w->filters);
	CHECK(filter_status("Seccomp") == (w->filters ? 2 : 0), "mode %d",
	      filter_status("Seccomp"));
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	const int filters[N_THREADS] = { 1, 0, 1, 3 }, errors[N_THREADS] = { 50, 0, 60, 50 };

	for (int i = 0; i < N_THREADS; i++) {
		struct worker *w = &s->workers[i];

		*w = (struct worker){ .state = s, .filters = filters[i], .error = errors[i] };
		w->thread = zdtm_thread(worker, w);
	}
	zdtm_gate_await(&s->gate, N_THREADS);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->workers[2].error++;
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(filter_getppid_errno() == 0, "the main thread gets error %d",
	      filter_getppid_errno());
	CHECK(filter_status("Seccomp") == 0, "the main thread is under a filter");
	zdtm_gate_open(&s->gate);
	for (int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->workers[i].thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "threads under different seccomp filters",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
