// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every flag of an epoll entry, as the kernel lists it in fdinfo; sets in sets, five
 * deep; and a set that is the same in two tasks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define DEPTH 5
#define LINE 128

static const uint32_t events[] = {
	0,
	EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP,
	EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG,
	EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT, EPOLLIN | EPOLLET | EPOLLONESHOT,
	EPOLLIN | EPOLLWAKEUP,
	EPOLLIN | EPOLLEXCLUSIVE, EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE | EPOLLWAKEUP,
};

#define N (sizeof(events) / sizeof(*events))

struct state {
	int flat, deep[DEPTH];
	int fds[N], bottom;
	pid_t child;
	char listed[N][LINE];
};

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/*
 * What the kernel lists of each target, up to its inode, whose number is new after a
 * restore. It lists them in the order of addresses of its own.
 */
static void list(int epoll, char lines[N][LINE])
{
	char path[64], line[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epoll);
	f = fopen(path, "r");
	CHECK(f, "cannot read %s", path);
	while (fgets(line, sizeof(line), f)) {
		char *pos = strstr(line, "pos:");

		if (strncmp(line, "tfd:", 4) || !pos)
			continue;
		CHECK(n < N, "there are more than %zu targets", N);
		snprintf(lines[n++], LINE, "%.*s", (int)(pos - line), line);
	}
	fclose(f);
	CHECK(n == N, "there are %zu targets", n);
	qsort(lines, n, LINE, compare);
}

static void add(int epoll, int fd, uint32_t mask)
{
	struct epoll_event event = { .events = mask, .data.fd = fd };

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

/* The child has the same open file: it sees what happens at the bottom. */
static void child(void *arg)
{
	struct state *s = arg;
	struct epoll_event event;

	zdtm_wait();
	CHECK(MUST(epoll_wait(s->deep[0], &event, 1, 5000)) == 1 &&
	      event.data.fd == s->deep[1], "the child's set reports nothing");
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->flat = MUST(epoll_create1(0));
	for (size_t i = 0; i < N; i++) {
		s->fds[i] = MUST(eventfd(0, EFD_NONBLOCK));
		add(s->flat, s->fds[i], events[i]);
	}
	for (int i = 0; i < DEPTH; i++)
		s->deep[i] = MUST(epoll_create1(0));
	s->bottom = MUST(eventfd(0, EFD_NONBLOCK));
	add(s->deep[DEPTH - 1], s->bottom, EPOLLIN);
	for (int i = 0; i < DEPTH - 1; i++)
		add(s->deep[i], s->deep[i + 1], EPOLLIN);
	list(s->flat, s->listed);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(epoll_ctl(s->deep[2], EPOLL_CTL_DEL, s->deep[3], NULL));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct epoll_event event;
	char listed[N][LINE];

	list(s->flat, listed);
	for (size_t i = 0; i < N; i++)
		CHECK(!strcmp(s->listed[i], listed[i]), "\"%s\" is \"%s\" now", s->listed[i],
		      listed[i]);
	CHECK(!MUST(epoll_wait(s->deep[0], &event, 1, 0)), "the deep set is ready");
	MUST(eventfd_write(s->bottom, 1));
	CHECK(MUST(epoll_wait(s->deep[0], &event, 1, 0)) == 1 && event.data.fd == s->deep[1],
	      "what happens at the bottom is not seen at the top");
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "epoll sets keep every flag, and sets in sets",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
