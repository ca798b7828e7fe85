// SPDX-License-Identifier: GPL-2.0-only
/*
 * An epoll set: which files with which events and data, level and edge triggered,
 * one that has fired its single shot, and a set inside the set.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/zdtm.h"

enum { LEVEL, EDGE, ONESHOT, FIRED, IDLE, N_FDS };

static const uint32_t events[N_FDS] = {
	[LEVEL] = EPOLLIN,
	[EDGE] = EPOLLIN | EPOLLET,
	[ONESHOT] = EPOLLIN | EPOLLONESHOT,
	[FIRED] = EPOLLIN | EPOLLONESHOT,
	[IDLE] = EPOLLIN | EPOLLRDHUP | EPOLLPRI,
};

#define COOKIE(i) (0xfedcba9800000000 + (i))

struct state {
	int epoll, inner;
	int fds[N_FDS];
};

static void add(int epoll, int fd, uint32_t mask, uint64_t cookie)
{
	struct epoll_event event = { .events = mask, .data.u64 = cookie };

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct epoll_event event;

	s->epoll = MUST(epoll_create1(EPOLL_CLOEXEC));
	for (int i = 0; i < N_FDS; i++) {
		s->fds[i] = MUST(eventfd(0, EFD_NONBLOCK));
		add(s->epoll, s->fds[i], events[i], COOKIE(i));
	}
	MUST(eventfd_write(s->fds[FIRED], 1));
	CHECK(epoll_wait(s->epoll, &event, 1, 1000) == 1 && event.data.u64 == COOKIE(FIRED),
	      "the single shot does not fire");
	s->inner = MUST(epoll_create1(0));
	add(s->inner, s->fds[IDLE], EPOLLIN, 77);
	add(s->epoll, s->inner, EPOLLIN, COOKIE(N_FDS));
}

static void spoil(void *arg)
{
	struct state *s = arg;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = COOKIE(EDGE) };

	MUST(epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->fds[EDGE], &event));
}

/* Makes a file ready; returns how often of three times the set reports it. */
static int reports(struct state *s, int i)
{
	struct epoll_event event;
	eventfd_t value;
	int n = 0;

	MUST(eventfd_write(s->fds[i], 1));
	while (n < 3 && MUST(epoll_wait(s->epoll, &event, 1, 0)) == 1) {
		CHECK(event.data.u64 == COOKIE(i) && event.events == EPOLLIN,
		      "file %d reports event %#x, data %#lx", i, event.events, event.data.u64);
		n++;
	}
	MUST(eventfd_read(s->fds[i], &value));
	return n;
}

static void check(void *arg)
{
	static const int wanted[N_FDS] = { [LEVEL] = 3, [EDGE] = 1, [ONESHOT] = 1, [FIRED] = 0 };
	struct state *s = arg;
	struct epoll_event event;

	for (int i = 0; i < IDLE; i++) {
		int n = reports(s, i);

		CHECK(n == wanted[i], "file %d was reported %d times", i, n);
	}
	event = (struct epoll_event){ .events = EPOLLIN, .data.u64 = COOKIE(FIRED) };
	MUST(epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->fds[FIRED], &event));
	CHECK(reports(s, FIRED) == 3, "a new shot does not fire");
	MUST(epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->inner, NULL));
	CHECK(reports(s, IDLE) == 3, "the idle file is not in the set");
	MUST(eventfd_write(s->fds[IDLE], 1));
	CHECK(epoll_wait(s->inner, &event, 1, 0) == 1 && event.data.u64 == 77,
	      "the inner set does not report");
	add(s->epoll, s->inner, EPOLLIN, 88);
	MUST(epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->fds[IDLE], NULL));
	CHECK(epoll_wait(s->epoll, &event, 1, 0) == 1 && event.data.u64 == 88,
	      "the outer set does not report the inner one");
}

const struct zdtm_test zdtm_test = {
	.about = "epoll sets keep files, events and data",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
