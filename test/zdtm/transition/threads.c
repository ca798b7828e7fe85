// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that makes and ends threads all the time, from two of its threads at once:
 * a list of threads that was read a moment ago is wrong already.
 */
#include <stdint.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define N_MAKERS 2
#define N_AT_A_TIME 4

struct state {
	pthread_t makers[N_MAKERS];
	atomic_bool stop, spoilt;
	atomic_ulong made;
};

static __thread uintptr_t own;

static void *worker(void *arg)
{
	own = (uintptr_t)arg;
	usleep(own % 200);
	return (void *)own;
}

static void make_some(struct state *s)
{
	pthread_t threads[N_AT_A_TIME];
	uintptr_t first = atomic_fetch_add(&s->made, N_AT_A_TIME);
	void *result;

	for (int i = 0; i < N_AT_A_TIME; i++)
		threads[i] = zdtm_thread(worker, (void *)(first + i));
	for (int i = 0; i < N_AT_A_TIME; i++) {
		MUST_ZERO(pthread_join(threads[i], &result));
		CHECK((uintptr_t)result == first + i + atomic_load(&s->spoilt),
		      "thread %lu returned %p", first + i, result);
	}
}

static void *maker(void *arg)
{
	struct state *s = arg;

	while (!atomic_load(&s->stop))
		make_some(s);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MAKERS; i++)
		s->makers[i] = zdtm_thread(maker, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	atomic_store(&s->spoilt, true);
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned long before = atomic_load(&s->made);

	/* The makers go on after the restore, too. */
	while (atomic_load(&s->made) < before + 20)
		usleep(1000);
	atomic_store(&s->stop, true);
	for (int i = 0; i < N_MAKERS; i++)
		MUST_ZERO(pthread_join(s->makers[i], NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "a task that makes and ends threads all the time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
