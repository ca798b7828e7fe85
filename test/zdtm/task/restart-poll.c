// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that polls a pipe without a limit, and one with a limit far away. poll()
 * goes on through a restart block, even without a limit: after a restore it may
 * return EINTR, but it must not find the pipe ready, nor the time up.
 */
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FAR_MS 600000

struct state {
	int ends[2];
	int timeout;
	pid_t forever, limited;
};

static void child(void *arg)
{
	struct state *s = arg;
	struct pollfd fd = { .fd = s->ends[0], .events = POLLIN };
	char byte = 0;
	int n;

	zdtm_ready();
	while ((n = poll(&fd, 1, s->timeout)) < 0 && errno == EINTR)
		zdtm_log("interrupted, and polls again");
	CHECK(n == 1 && fd.revents == POLLIN, "poll returned %d, revents %#x", n, fd.revents);
	MUST(read(s->ends[0], &byte, 1));
	CHECK(byte == 'y', "%#x was in the pipe", byte);
}

static pid_t start(struct state *s, int timeout)
{
	pid_t pid;

	s->timeout = timeout;
	pid = zdtm_fork(child, s);
	zdtm_until_in_syscall(pid, SYS_poll);
	return pid;
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->ends));
	s->forever = start(s, -1);
	s->limited = start(s, FAR_MS);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(write(s->ends[1], "x", 1));
}

static void check(void *arg)
{
	struct state *s = arg;

	/* One byte each; both may wake for the first, and one then waits in read(). */
	MUST(write(s->ends[1], "yy", 2));
	zdtm_join(s->forever);
	zdtm_join(s->limited);
}

const struct zdtm_test zdtm_test = {
	.about = "poll waits on, with and without a limit",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
