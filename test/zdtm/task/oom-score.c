// SPDX-License-Identifier: GPL-2.0-only
/* How willing a task is to be killed for memory: raised, and raised more in a child. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define SCORE_FILE "/proc/self/oom_score_adj"
#define OF_PARENT 567
#define OF_CHILD 1000

struct state {
	pid_t child;
};

static void set(int score)
{
	int fd = MUST(open(SCORE_FILE, O_WRONLY));

	MUST(dprintf(fd, "%d", score));
	close(fd);
}

static void compare(const char *who, int score)
{
	int fd = MUST(open(SCORE_FILE, O_RDONLY));
	char text[16] = "";

	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	CHECK(atoi(text) == score, "%s has oom_score_adj %s, not %d", who, text, score);
}

static void child(void *arg)
{
	set(OF_CHILD);
	zdtm_wait();
	compare("the child", OF_CHILD);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	set(OF_PARENT);
}

static void spoil(void *arg)
{
	set(OF_PARENT + 1);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the parent", OF_PARENT);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each task keeps its oom_score_adj",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
