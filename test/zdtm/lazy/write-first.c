// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages whose first touch is an atomic addition, by several threads at once: the
 * rest of each page must be what it was, and no addition may be lost or done twice.
 */
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define PAGES 4096
#define SIZE (PAGES * PAGE)
#define N_THREADS 4

struct state {
	char *map;
	struct zdtm_gate gate;
	pthread_t threads[N_THREADS];
};

/* The first word of each page is a counter that every thread adds to. */
static _Atomic uint64_t *counter(struct state *s, size_t i)
{
	return (_Atomic uint64_t *)(s->map + i * PAGE);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	zdtm_gate_arrive(&s->gate);
	for (size_t i = 0; i < PAGES; i++)
		atomic_fetch_add(counter(s, i), 1);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	for (size_t i = 0; i < PAGES; i++) {
		pages_fill(s->map + i * PAGE, PAGE, 1);
		atomic_store(counter(s, i), 1000 * i);
	}
	for (int i = 0; i < N_THREADS; i++)
		s->threads[i] = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, N_THREADS);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	atomic_fetch_add(counter(s, 777), 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_gate_open(&s->gate);
	for (int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->threads[i], NULL));
	for (size_t i = 0; i < PAGES; i++) {
		char *page = s->map + i * PAGE;
		uint64_t value = atomic_load(counter(s, i));

		CHECK(value == 1000 * i + N_THREADS, "counter %zu is %lu", i, value);
		pattern_check(page + 8, PAGE - 8, pattern_seed(page, 1) + 8);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "first touches that write",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
