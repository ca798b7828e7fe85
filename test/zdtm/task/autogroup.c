// SPDX-License-Identifier: GPL-2.0-only
/* The nice value of a whole session (sched(7)), which its leader's file shows; and another's. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define GROUP_FILE "/proc/self/autogroup"

struct state {
	pid_t child;
};

static void set(int nice)
{
	int fd = MUST(open(GROUP_FILE, O_WRONLY));

	MUST(dprintf(fd, "%d", nice));
	close(fd);
}

static void compare(const char *who, int nice)
{
	FILE *file = fopen(GROUP_FILE, "r");
	int found = -100;

	CHECK(file, "no " GROUP_FILE);
	if (fscanf(file, "/autogroup-%*d nice %d", &found) != 1)
		found = -100;
	fclose(file);
	CHECK(found == nice, "%s session has nice %d, not %d", who, found, nice);
}

static void child(void *arg)
{
	MUST(setsid());
	set(13);
	zdtm_wait();
	compare("the child's", 13);
}

static const char *unsupported(void)
{
	return access(GROUP_FILE, W_OK) < 0 ? "this kernel makes no groups of sessions" : NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	set(-3);
}

static void spoil(void *arg)
{
	set(0);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the test's", -3);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each session keeps its nice value",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
