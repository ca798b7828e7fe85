// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task whose mappings change all the time: made, filled, moved, cut, protected and
 * given back, by two threads. Each verifies what it has at each step.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 2
#define SIZE (32 * PAGE)
#define HALF (SIZE / 2)

struct state {
	pthread_t threads[N_THREADS];
	atomic_bool stop, spoilt;
	atomic_ulong turns;
};

static void turn(struct state *s)
{
	uint64_t seed = atomic_fetch_add(&s->turns, 1) << 20;
	char *map = map_anon(SIZE, MAP_PRIVATE), *half;

	pattern_fill(map, SIZE, seed);
	half = MUST(mremap(map + HALF, HALF, HALF, MREMAP_MAYMOVE | MREMAP_FIXED,
			   map_anon(HALF, MAP_PRIVATE)));
	MUST(mprotect(map, HALF, PROT_READ));
	pattern_check(half, HALF, seed + HALF + atomic_load(&s->spoilt));
	pattern_check(map, HALF, seed);
	MUST(madvise(half, PAGE, MADV_DONTNEED));
	pattern_check_zero(half, PAGE);
	pattern_check(half + PAGE, HALF - PAGE, seed + HALF + PAGE);
	MUST(munmap(half, HALF));
	pattern_check(map, HALF, seed);
	MUST(munmap(map, HALF));
}

static void *worker(void *arg)
{
	struct state *s = arg;

	while (!atomic_load(&s->stop))
		turn(s);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_THREADS; i++)
		s->threads[i] = zdtm_thread(worker, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	atomic_store(&s->spoilt, true);
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned long before = atomic_load(&s->turns);

	while (atomic_load(&s->turns) < before + 20)
		usleep(1000);
	atomic_store(&s->stop, true);
	for (int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->threads[i], NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "mappings that change all the time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
