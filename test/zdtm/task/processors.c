// SPDX-License-Identifier: GPL-2.0-only
/* The processors of two threads and a child: all, one, and the other one. */
#include <sched.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child;
	int first, last;		/* processors */
};

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
}

static void compare(const char *who, int cpu)
{
	cpu_set_t set;
	int n;

	MUST(sched_getaffinity(0, sizeof(set), &set));
	n = CPU_COUNT(&set);
	CHECK(n == 1 && CPU_ISSET(cpu, &set), "%s may use %d processors, %d %s", who, n, cpu,
	      CPU_ISSET(cpu, &set) ? "among them" : "not among them");
}

static void *worker(void *arg)
{
	struct state *s = arg;

	bind_to(s->last);
	zdtm_gate_arrive(&s->gate);
	compare("the thread", s->last);
	return NULL;
}

static void child(void *arg)
{
	struct state *s = arg;

	bind_to(s->first);
	zdtm_wait();
	compare("the child", s->first);
}

static const char *unsupported(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) < 2 ? "there is only one processor" : NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	cpu_set_t set;

	MUST(sched_getaffinity(0, sizeof(set), &set));
	s->first = -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		if (s->first < 0)
			s->first = cpu;
		s->last = cpu;
	}
	CHECK(s->first >= 0 && s->first != s->last, "the test itself is bound to a processor");
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	bind_to(s->first);
}

static void check(void *arg)
{
	struct state *s = arg;
	cpu_set_t set;
	int n;

	MUST(sched_getaffinity(0, sizeof(set), &set));
	n = CPU_COUNT(&set);
	CHECK(n == sysconf(_SC_NPROCESSORS_ONLN), "the main thread may use %d processors", n);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each thread keeps the processors that it is bound to",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
