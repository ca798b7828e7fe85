// SPDX-License-Identifier: GPL-2.0-only
/* A time slice of a thread's own (sched_setattr(), Linux 6.12), beside the usual one. */
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define OF_MAIN 7000000u
#define OF_THREAD 100000u

/* As the kernel has it (linux/sched/types.h, which collides with <sched.h>). */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child;
};

static uint64_t slice(void)
{
	struct attr attr = {};

	MUST(syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0));
	return attr.runtime;
}

static void set(uint64_t ns)
{
	struct attr attr = { .size = sizeof(attr), .runtime = ns };

	MUST(syscall(SYS_sched_setattr, 0, &attr, 0));
}

static void compare(const char *who, uint64_t ns)
{
	uint64_t found = slice();

	CHECK(found == ns, "%s has a time slice of %lu ns, not %lu", who, found, ns);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	set(OF_THREAD);
	zdtm_gate_arrive(&s->gate);
	compare("the thread", OF_THREAD);
	return NULL;
}

static void child(void *arg)
{
	uint64_t usual = slice();

	zdtm_wait();
	compare("the child", usual);
}

static const char *unsupported(void)
{
	return slice() ? NULL : "this kernel knows no time slices of a thread's own";
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(child, NULL);
	set(OF_MAIN);
}

static void spoil(void *arg)
{
	set(0);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the main thread", OF_MAIN);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each thread keeps its time slice",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
