// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restartable sequences: the area that the C library registered for each thread.
 * The kernel writes the number of the processor there whenever the thread moves; an
 * area that is not registered any more keeps an old number.
 */
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
};

static struct rseq *area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static const char *unsupported(void)
{
	return __rseq_size ? NULL : "the C library registers no rseq area";
}

static void unregister(void)
{
	/* The kernel wants the length of the registration: 32 for a first-version area. */
	MUST(syscall(SYS_rseq, area(), 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
}

static void check_area(void)
{
	cpu_set_t all, one;

	MUST(sched_getaffinity(0, sizeof(all), &all));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		MUST(sched_setaffinity(0, sizeof(one), &one));
		CHECK(*(volatile unsigned int *)&area()->cpu_id == (unsigned int)cpu,
		      "thread %d is on processor %d, its area says %d", gettid(), cpu,
		      (int)area()->cpu_id);
	}
	MUST(sched_setaffinity(0, sizeof(all), &all));
	/* A second registration of the same area is refused as such. */
	CHECK(syscall(SYS_rseq, area(), 32, 0, RSEQ_SIG) < 0 && errno == EBUSY,
	      "thread %d has no rseq area", gettid());
}

static void *worker(void *arg)
{
	struct state *s = arg;

	zdtm_gate_arrive(&s->gate);
	check_area();
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	check_area();
}

static void spoil(void *arg)
{
	unregister();
}

static void check(void *arg)
{
	struct state *s = arg;

	check_area();
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "rseq areas are registered again, in each thread",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
