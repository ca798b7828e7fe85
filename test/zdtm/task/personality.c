// SPDX-License-Identifier: GPL-2.0-only
/* Personalities, a different one in parent and child. */
#include <sys/personality.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define ASK 0xffffffff
#define OF_PARENT (ADDR_NO_RANDOMIZE | WHOLE_SECONDS)
#define OF_CHILD (PER_LINUX | READ_IMPLIES_EXEC)

struct state {
	pid_t child;
};

static void compare(const char *who, unsigned long value)
{
	unsigned long found = MUST(personality(ASK));

	CHECK(found == value, "%s has personality %#lx, not %#lx", who, found, value);
}

static void child(void *arg)
{
	MUST(personality(OF_CHILD));
	zdtm_wait();
	compare("the child", OF_CHILD);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	MUST(personality(OF_PARENT));
}

static void spoil(void *arg)
{
	MUST(personality(PER_LINUX));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the parent", OF_PARENT);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each task keeps its personality",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
