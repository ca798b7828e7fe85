// SPDX-License-Identifier: GPL-2.0-only
/* I/O priorities, class and level: none, the idle class in a child, a level in a thread. */
#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define OF_THREAD IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)
#define OF_CHILD IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)
#define OF_REALTIME IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 3)

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child, realtime;
	int own;
};

static void set(int value)
{
	MUST(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value));
}

static void compare(const char *who, int value)
{
	int found = MUST(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));

	CHECK(found == value, "%s has I/O priority %#x, not %#x", who, found, value);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	set(OF_THREAD);
	zdtm_gate_arrive(&s->gate);
	compare("the thread", OF_THREAD);
	return NULL;
}

static void idle_child(void *arg)
{
	set(OF_CHILD);
	zdtm_wait();
	compare("the idle child", OF_CHILD);
}

static void realtime_child(void *arg)
{
	set(OF_REALTIME);
	zdtm_wait();
	compare("the real-time child", OF_REALTIME);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->own = MUST(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(idle_child, NULL);
	s->realtime = zdtm_fork(realtime_child, NULL);
}

static void spoil(void *arg)
{
	set(IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 1));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the main thread", s->own);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
	zdtm_finish(s->realtime);
}

const struct zdtm_test zdtm_test = {
	.about = "each thread keeps its I/O priority",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
