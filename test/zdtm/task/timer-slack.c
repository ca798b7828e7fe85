// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timer slack, a different one for each of the main thread, another and a child; and
 * a child of a real-time policy, whose slack is the kernel's.
 */
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define OF_MAIN 123456
#define OF_THREAD 1
#define OF_CHILD 2000000000

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child, realtime;
};

static void compare(const char *who, int slack)
{
	int found = MUST(prctl(PR_GET_TIMERSLACK));

	CHECK(found == slack, "%s has a timer slack of %d ns, not %d", who, found, slack);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	MUST(prctl(PR_SET_TIMERSLACK, OF_THREAD));
	zdtm_gate_arrive(&s->gate);
	compare("the thread", OF_THREAD);
	return NULL;
}

static void child(void *arg)
{
	MUST(prctl(PR_SET_TIMERSLACK, OF_CHILD));
	zdtm_wait();
	compare("the child", OF_CHILD);
}

static void realtime_child(void *arg)
{
	const struct sched_param first = { .sched_priority = 1 }, none = {};
	int before, after;

	/* By 0 it goes back to the slack of its maker. */
	MUST(prctl(PR_SET_TIMERSLACK, OF_CHILD));
	MUST(prctl(PR_SET_TIMERSLACK, 0));
	MUST(sched_setscheduler(0, SCHED_FIFO, &first));
	before = MUST(prctl(PR_GET_TIMERSLACK));
	zdtm_wait();
	after = MUST(prctl(PR_GET_TIMERSLACK));
	CHECK(before == after, "a real-time thread had a slack of %d ns, and has %d", before,
	      after);
	MUST(sched_setscheduler(0, SCHED_OTHER, &none));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(child, NULL);
	s->realtime = zdtm_fork(realtime_child, NULL);
	MUST(prctl(PR_SET_TIMERSLACK, OF_MAIN));
}

static void spoil(void *arg)
{
	MUST(prctl(PR_SET_TIMERSLACK, 0));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the main thread", OF_MAIN);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
	zdtm_finish(s->realtime);
}

const struct zdtm_test zdtm_test = {
	.about = "each thread keeps its timer slack",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
