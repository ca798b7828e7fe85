// SPDX-License-Identifier: GPL-2.0-only
/* A thread with a personality of its own: the format has one for a process. It is refused. */
#include <sys/personality.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define ASK 0xffffffff

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
};

static void *worker(void *arg)
{
	struct state *s = arg;
	unsigned long found;

	MUST(personality(ADDR_NO_RANDOMIZE));
	zdtm_gate_arrive(&s->gate);
	found = MUST(personality(ASK));
	CHECK(found == ADDR_NO_RANDOMIZE, "the thread has personality %#lx", found);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(personality(PER_LINUX));
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
}

static void spoil(void *arg)
{
	MUST(personality(ADDR_NO_RANDOMIZE));
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned long found = MUST(personality(ASK));

	CHECK(found == PER_LINUX, "the main thread has personality %#lx", found);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "a personality of a thread's own is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "a personality of its own",
};
