// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that may not read the time stamp counter (PR_SET_TSC), beside one that may.
 * It does nothing but wait on a futex: the C library's clocks read the counter.
 */
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	int found;
};

static void *worker(void *arg)
{
	struct state *s = arg;

	MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	zdtm_gate_arrive(&s->gate);
	MUST(prctl(PR_GET_TSC, &s->found));
	MUST(prctl(PR_SET_TSC, PR_TSC_ENABLE));
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
}

static void spoil(void *arg)
{
	MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
}

static void check(void *arg)
{
	struct state *s = arg;
	int own;

	MUST(prctl(PR_GET_TSC, &own));
	MUST(prctl(PR_SET_TSC, PR_TSC_ENABLE));
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	CHECK(own == PR_TSC_ENABLE, "the main thread may not read the counter: %d", own);
	CHECK(s->found == PR_TSC_SIGSEGV, "the thread may read the counter: %d", s->found);
}

const struct zdtm_test zdtm_test = {
	.about = "each thread keeps its right to read the time stamp counter",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
