// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread with a descriptor table of its own (unshare()): it is refused. It keeps a
 * descriptor that the others don't have.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
};

static void *differs(void *arg)
{
	struct state *s = arg;

	MUST(unshare(CLONE_FILES));
	/* Who waits for the test to be ready waits for the end of a pipe. */
	MUST(syscall(SYS_close_range, 3, UINT32_MAX, 0));
	MUST(dup2(0, 77));
	zdtm_gate_arrive(&s->gate);
	if (zdtm_spoiling())
		MUST(close(77));
	CHECK(fcntl(77, F_GETFD) >= 0, "descriptor 77 is gone");
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(differs, s);
	zdtm_gate_await(&s->gate, 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "a thread with its own descriptor table is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
	.refusal = "has a descriptor table of its own",
};
