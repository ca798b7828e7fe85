// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects without a path that two tasks share from a fork, each under another
 * number: an eventfd, an epoll set, a timerfd, a pipe end. What one does
 * to them, the other sees; two eventfds of the same count stay two.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define MOVE_BY 40

struct state {
	int event, other_event, epoll, timer;
	int ends[2];
	pid_t child;
};

static int move(int fd)
{
	int moved = MUST(dup2(fd, fd + MOVE_BY));

	close(fd);
	return moved;
}

static void child(void *arg)
{
	struct state *s = arg;
	struct epoll_event none = {};
	struct itimerspec far = { .it_value.tv_sec = 500 };
	int event = move(s->event), epoll = move(s->epoll), timer = move(s->timer);
	int writer = move(s->ends[1]);
	eventfd_t value;

	zdtm_wait();
	MUST(eventfd_read(event, &value));
	CHECK(value == 5 + 7, "the eventfd has %lu", value);
	MUST(eventfd_write(event, 100));
	MUST(epoll_ctl(epoll, EPOLL_CTL_DEL, s->other_event, &none));
	MUST(timerfd_settime(timer, 0, &far, NULL));
	MUST(write(writer, "from the child", 14));
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct epoll_event event = { .events = EPOLLIN };

	s->event = MUST(eventfd(5, 0));
	s->other_event = MUST(eventfd(5, 0));
	s->epoll = MUST(epoll_create1(0));
	s->timer = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
	MUST(pipe(s->ends));
	MUST(epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->other_event, &event));
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* As if the parent had got an eventfd of its own with the same count. */
	MUST(dup2(MUST(eventfd(5, 0)), s->event));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct itimerspec now;
	struct epoll_event event;
	char content[32];
	eventfd_t value;

	MUST(eventfd_write(s->event, 7));
	zdtm_finish(s->child);
	MUST(eventfd_read(s->event, &value));
	CHECK(value == 100, "the eventfd has %lu", value);
	MUST(eventfd_read(s->other_event, &value));
	CHECK(value == 5, "the other eventfd has %lu", value);
	MUST(eventfd_write(s->other_event, 1));
	CHECK(!epoll_wait(s->epoll, &event, 1, 0), "the epoll set is not shared");
	MUST(timerfd_gettime(s->timer, &now));
	CHECK(now.it_value.tv_sec, "the timer is not shared");
	CHECK(MUST(read(s->ends[0], content, sizeof(content))) == 14, "the pipe is not shared");
}

const struct zdtm_test zdtm_test = {
	.about = "objects without a path stay shared between tasks",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
