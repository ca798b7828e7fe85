// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that sleeps in epoll_wait(). Any stop makes the call return EINTR; when
 * it is made again, the event must come, with its data.
 */
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define COOKIE 0x1234567890abcdef

struct state {
	int ends[2];
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = COOKIE };
	int epoll = MUST(epoll_create1(0));
	char byte = 0;
	int n;

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, s->ends[0], &event));
	event = (struct epoll_event){};
	zdtm_ready();
	while ((n = epoll_wait(epoll, &event, 1, -1)) < 0 && errno == EINTR)
		zdtm_log("interrupted, and waits again");
	CHECK(n == 1 && event.events == EPOLLIN && event.data.u64 == COOKIE,
	      "epoll_wait returned %d, event %#x, data %#lx", n, event.events, event.data.u64);
	MUST(read(s->ends[0], &byte, 1));
	CHECK(byte == 'y', "%#x was in the pipe", byte);
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->ends));
	s->child = zdtm_fork(child, s);
	zdtm_until_in_syscall(s->child, SYS_epoll_wait);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(write(s->ends[1], "x", 1));
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(write(s->ends[1], "y", 1));
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "epoll_wait can be repeated and finds its event",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
