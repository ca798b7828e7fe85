// SPDX-License-Identifier: GPL-2.0-only
/* When a thread is told of broken memory (PR_MCE_KILL): early, late, and as the machine says. */
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child;
};

static void set(int policy)
{
	MUST(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, policy, 0, 0));
}

static void compare(const char *who, int policy)
{
	int found = MUST(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));

	CHECK(found == policy, "%s has policy %d, not %d", who, found, policy);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	set(PR_MCE_KILL_LATE);
	zdtm_gate_arrive(&s->gate);
	compare("the thread", PR_MCE_KILL_LATE);
	return NULL;
}

static void child(void *arg)
{
	zdtm_wait();
	compare("the child", PR_MCE_KILL_DEFAULT);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(child, NULL);
	set(PR_MCE_KILL_EARLY);
}

static void spoil(void *arg)
{
	set(PR_MCE_KILL_DEFAULT);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the main thread", PR_MCE_KILL_EARLY);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each thread keeps its policy for broken memory",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
