// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two filters that the main thread gave to all threads (SECCOMP_FILTER_FLAG_TSYNC).
 * The kernel synchronizes threads again only when their filters are the same
 * objects: a wrong restore gave each its own.
 */
#include <pthread.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 3
#define ERROR 70

struct state {
	struct zdtm_gate made, checked;
	pthread_t threads[N_THREADS];
};

static void *worker(void *arg)
{
	struct state *s = arg;

	zdtm_gate_arrive(&s->made);
	CHECK(filter_getppid_errno() == ERROR + 1, "a thread gets error %d",
	      filter_getppid_errno());
	CHECK(filter_status("Seccomp_filters") == 2, "%d filters",
	      filter_status("Seccomp_filters"));
	zdtm_gate_arrive(&s->checked);
	CHECK(filter_getppid_errno() == ERROR + 2, "after another filter a thread gets error %d",
	      filter_getppid_errno());
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_THREADS; i++)
		s->threads[i] = zdtm_thread(worker, s);
	zdtm_gate_await(&s->made, N_THREADS);
	filter_getppid(ERROR, SECCOMP_FILTER_FLAG_TSYNC);
	filter_getppid(ERROR + 1, SECCOMP_FILTER_FLAG_TSYNC);
}

static void *alone(void *arg)
{
	filter_getppid(ERROR + 1, 0);
	zdtm_gate_arrive(arg);
	return NULL;
}

/* A thread that went its own way can't be synchronized. */
static void spoil(void *arg)
{
	static struct zdtm_gate gate;

	zdtm_thread(alone, &gate);
	zdtm_gate_await(&gate, 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(filter_getppid_errno() == ERROR + 1, "the main thread gets error %d",
	      filter_getppid_errno());
	zdtm_gate_open(&s->made);
	zdtm_gate_await(&s->checked, N_THREADS);
	filter_getppid(ERROR + 2, SECCOMP_FILTER_FLAG_TSYNC);
	zdtm_gate_open(&s->checked);
	for (int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->threads[i], NULL));
	CHECK(filter_status("NoNewPrivs") == 0, "no_new_privs is set");
}

const struct zdtm_test zdtm_test = {
	.about = "seccomp filters that all threads share",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
