// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that touch missing memory all at once: the same pages in the same order,
 * the same pages in opposite orders, and pages of their own. Every fault must be
 * answered, also where several tasks wait for one page.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 16
#define SIZE (32 * MIB)
#define PAGES (SIZE / PAGE)

struct state;

struct worker {
	struct state *state;
	unsigned int index;
	pthread_t thread;
};

struct state {
	char *map;
	struct zdtm_gate gate;
	struct worker workers[N_THREADS];
};

/* The place of a thread's i-th page: strides that are odd visit every page once. */
static size_t place(unsigned int index, size_t i)
{
	size_t stride = index < 4 ? 1 : index < 8 ? PAGES - 1 : 2 * index + 1;

	return i * stride % PAGES;
}

static void *worker(void *arg)
{
	struct worker *w = arg;
	struct state *s = w->state;

	zdtm_gate_arrive(&s->gate);
	for (size_t i = 0; i < PAGES; i++)
		pages_check(s->map + place(w->index, i) * PAGE, PAGE, 1);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	for (unsigned int i = 0; i < N_THREADS; i++) {
		s->workers[i] = (struct worker){ .state = s, .index = i };
		s->workers[i].thread = zdtm_thread(worker, &s->workers[i]);
	}
	zdtm_gate_await(&s->gate, N_THREADS);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + 4321 * PAGE, PAGE, 0);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_gate_open(&s->gate);
	for (unsigned int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->workers[i].thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "sixteen threads touch missing memory at once",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
