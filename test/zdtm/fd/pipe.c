// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pipe whose ends are in different tasks: the child writes, the parent reads.
 * What was written before the dump comes first, then what the child writes after
 * it, then end of file: a copy of the write end left open anywhere would hang.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define BEFORE (8 * KIB)
#define AFTER 512

struct state {
	int ends[2];
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	char more[AFTER];

	close(s->ends[0]);
	zdtm_wait();
	pattern_fill(more, sizeof(more), 2);
	MUST(write(s->ends[1], more, sizeof(more)));
}

static void setup(void *arg)
{
	struct state *s = arg;
	char content[BEFORE];

	MUST(pipe(s->ends));
	pattern_fill(content, sizeof(content), 1);
	MUST(write(s->ends[1], content, sizeof(content)));
	s->child = zdtm_fork(child, s);
	close(s->ends[1]);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	char lost[8];

	MUST(read(s->ends[0], lost, sizeof(lost)));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct pollfd end = { .fd = s->ends[0], .events = POLLIN };
	char found[BEFORE + AFTER + 1];
	size_t len = 0;
	ssize_t n;

	zdtm_finish(s->child);
	while (MUST(poll(&end, 1, 5000)) && (n = MUST(read(s->ends[0], found + len,
							   sizeof(found) - len))))
		len += n;
	CHECK(end.revents & POLLHUP, "no end of file: revents %#x", end.revents);
	CHECK(len == BEFORE + AFTER, "%zu bytes were in the pipe", len);
	pattern_check(found, BEFORE, 1);
	pattern_check(found + BEFORE, AFTER, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "a pipe between two tasks keeps content and ends",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
