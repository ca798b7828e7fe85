// SPDX-License-Identifier: GPL-2.0-only
/* A thread with a deadline (SCHED_DEADLINE) is refused: it could not even make a thread. */
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define POLICY_DEADLINE 6
#define RUNTIME_NS 10000000u
#define PERIOD_NS 100000000u

/* As the kernel has it (linux/sched/types.h, which collides with <sched.h>). */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int set(uint32_t policy)
{
	struct attr attr = { .size = sizeof(attr), .policy = policy };

	if (policy == POLICY_DEADLINE) {
		attr.runtime = RUNTIME_NS;
		attr.deadline = attr.period = PERIOD_NS;
	}
	return syscall(SYS_sched_setattr, 0, &attr, 0);
}

static const char *unsupported(void)
{
	if (set(POLICY_DEADLINE) < 0)
		return "this machine gives us no deadline";
	MUST(set(SCHED_OTHER));
	return NULL;
}

static void setup(void *arg)
{
	MUST(set(POLICY_DEADLINE));
}

static void spoil(void *arg)
{
	MUST(set(SCHED_OTHER));
}

static void check(void *arg)
{
	struct attr attr = {};

	MUST(syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0));
	CHECK(attr.policy == POLICY_DEADLINE && attr.runtime == RUNTIME_NS &&
	      attr.deadline == PERIOD_NS, "it has policy %u with %lu of %lu ns", attr.policy,
	      attr.runtime, attr.deadline);
	MUST(set(SCHED_OTHER));
}

const struct zdtm_test zdtm_test = {
	.about = "deadlines are refused, the victim unhurt",
	.state_size = 1,
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "scheduling policy 6",
};
