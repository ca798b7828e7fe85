// SPDX-License-Identifier: GPL-2.0-only
/* A process that wants no huge pages (PR_SET_THP_DISABLE), and a child from before. */
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
};

static void compare(const char *who, int disabled)
{
	int found = MUST(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));

	CHECK(found == disabled, "%s: PR_GET_THP_DISABLE says %d", who, found);
}

static void child(void *arg)
{
	zdtm_wait();
	compare("the child", 0);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
}

static void spoil(void *arg)
{
	MUST(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the parent", 1);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a process without huge pages stays without",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
