// SPDX-License-Identifier: GPL-2.0-only
/*
 * NUMA policies of threads (set_mempolicy): each has its own, one has none although
 * the thread that made it had. One node is enough to see it.
 */
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define NODES 1024

enum { LEADER, BOUND, PLAIN, N_THREADS };

static const struct {
	int mode;
	unsigned long nodes;
} policies[N_THREADS] = {
	[LEADER] = { MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, 1 },
	[BOUND] = { MPOL_BIND, 1 },
	[PLAIN] = { MPOL_DEFAULT, 0 },
};

struct state {
	struct zdtm_gate gate;
	pthread_t threads[N_THREADS];
};

static const char *unsupported(void)
{
	int mode;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) ?
		       "the kernel has no NUMA policies" : NULL;
}

static void set_policy(int i)
{
	MUST(syscall(SYS_set_mempolicy, policies[i].mode,
		     policies[i].nodes ? &policies[i].nodes : NULL, 64));
}

static void check_policy(int i)
{
	unsigned long nodes[NODES / 64] = {};
	int mode = -1;

	MUST(syscall(SYS_get_mempolicy, &mode, nodes, NODES, NULL, 0));
	CHECK(mode == policies[i].mode && nodes[0] == policies[i].nodes,
	      "thread %d: mode %#x, nodes %#lx", i, mode, nodes[0]);
}

static struct state *state;

static void *run(void *arg)
{
	int i = (pthread_t *)arg - state->threads;

	set_policy(i);
	zdtm_gate_arrive(&state->gate);
	check_policy(i);
	return NULL;
}

static void setup(void *arg)
{
	state = arg;
	set_policy(LEADER);
	for (int i = BOUND; i < N_THREADS; i++)
		state->threads[i] = zdtm_thread(run, &state->threads[i]);
	zdtm_gate_await(&state->gate, N_THREADS - BOUND);
}

static void spoil(void *arg)
{
	set_policy(PLAIN);
}

static void check(void *arg)
{
	check_policy(LEADER);
	zdtm_gate_open(&state->gate);
	for (int i = BOUND; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(state->threads[i], NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "NUMA policies of threads are kept",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
