// SPDX-License-Identifier: GPL-2.0-only
/* Nice values and scheduling policies, a different one for a thread and a child. */
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

static void set(int policy, int nice)
{
	const struct sched_param param = {};

	MUST(sched_setscheduler(0, policy, &param));
	MUST(setpriority(PRIO_PROCESS, 0, nice));
}

static void compare(const char *who, int policy, int nice)
{
	int found = MUST(sched_getscheduler(0));

	CHECK(found == policy, "%s has policy %d", who, found);
	errno = 0;
	found = getpriority(PRIO_PROCESS, 0);
	CHECK(!errno && found == nice, "%s has nice %d", who, found);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	set(SCHED_BATCH, 7);
	zdtm_gate_arrive(&s->gate);
	compare("the thread", SCHED_BATCH, 7);
	return NULL;
}

static void child(void *arg)
{
	set(SCHED_IDLE, 11);
	zdtm_wait();
	compare("the child", SCHED_IDLE, 11);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(child, NULL);
	set(SCHED_OTHER, 3);
}

static void spoil(void *arg)
{
	set(SCHED_OTHER, 4);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the main thread", SCHED_OTHER, 3);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "nice values and scheduling policies are kept",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
