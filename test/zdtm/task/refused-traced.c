// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that its parent traces, both of the tree: it is refused. The tracee stays
 * traced, in the same stop.
 */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
};

static void waits(void *arg)
{
	zdtm_wait();
}

static void setup(void *arg)
{
	struct state *s = arg;
	int status;

	s->child = zdtm_fork(waits, NULL);
	MUST(ptrace(PTRACE_SEIZE, s->child, 0, 0));
	MUST(ptrace(PTRACE_INTERRUPT, s->child, 0, 0));
	MUST(waitpid(s->child, &status, __WALL));
	CHECK(status >> 16 == PTRACE_EVENT_STOP, "status %#x", status);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(ptrace(PTRACE_CONT, s->child, 0, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned long message;

	/* Works in a stop only. */
	MUST(ptrace(PTRACE_GETEVENTMSG, s->child, 0, &message));
	MUST(ptrace(PTRACE_DETACH, s->child, 0, 0));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a traced task is refused and stays in its stop",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "is traced by pid",
};
