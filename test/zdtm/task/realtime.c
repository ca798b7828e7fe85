// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real-time policies with their priorities, the flag that their children are not of
 * them, and the nice value that waits for the thread's return to an usual one.
 */
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child;
};

static void set(int policy, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	MUST(sched_setscheduler(0, policy, &param));
}

static void compare(const char *who, int policy, int priority)
{
	int found = MUST(sched_getscheduler(0));
	struct sched_param param;

	MUST(sched_getparam(0, &param));
	CHECK(found == policy && param.sched_priority == priority,
	      "%s has policy %#x with priority %d", who, found, param.sched_priority);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	set(SCHED_RR, 99);
	zdtm_gate_arrive(&s->gate);
	compare("the thread", SCHED_RR, 99);
	return NULL;
}

static void child(void *arg)
{
	int nice;

	MUST(setpriority(PRIO_PROCESS, 0, 5));
	set(SCHED_FIFO | SCHED_RESET_ON_FORK, 1);
	zdtm_wait();
	compare("the child", SCHED_FIFO | SCHED_RESET_ON_FORK, 1);
	set(SCHED_OTHER, 0);
	errno = 0;
	nice = getpriority(PRIO_PROCESS, 0);
	CHECK(!errno && nice == 5, "the child has nice %d", nice);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(child, NULL);
	set(SCHED_BATCH | SCHED_RESET_ON_FORK, 0);
}

static void spoil(void *arg)
{
	set(SCHED_BATCH, 0);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the main thread", SCHED_BATCH | SCHED_RESET_ON_FORK, 0);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "real-time policies, priorities and SCHED_RESET_ON_FORK are kept",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
