// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socketpair that was shut down in one direction, with data still queued in it;
 * one whose peer is gone; and the options of the sockets: buffer sizes, time limits,
 * credentials passing.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define BUFFER 40000

struct state {
	int half[2], orphan;
	int sndbuf;
};

static int option(int fd, int name)
{
	int value;
	socklen_t len = sizeof(value);

	MUST(getsockopt(fd, SOL_SOCKET, name, &value, &len));
	return value;
}

static void set_option(int fd, int name, int value)
{
	MUST(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)));
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct timeval limit = { .tv_sec = 12, .tv_usec = 500000 };
	char content[64];
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s->half));
	pattern_fill(content, sizeof(content), 1);
	MUST(write(s->half[0], content, sizeof(content)));
	MUST(shutdown(s->half[0], SHUT_WR));
	set_option(s->half[1], SO_SNDBUF, BUFFER);
	set_option(s->half[1], SO_PASSCRED, 1);
	MUST(setsockopt(s->half[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	s->sndbuf = option(s->half[1], SO_SNDBUF);

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	MUST(write(ends[0], content, sizeof(content)));
	close(ends[0]);
	s->orphan = ends[1];
}

static void spoil(void *arg)
{
	struct state *s = arg;

	set_option(s->half[1], SO_PASSCRED, 0);
}

static void check_end(int fd, const char *what)
{
	char content[128];
	ssize_t n = MUST(read(fd, content, sizeof(content)));

	CHECK(n == 64, "%s has %zd bytes", what, n);
	pattern_check(content, 64, 1);
	CHECK(!MUST(read(fd, content, 1)), "%s has no end of file", what);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct timeval limit;
	socklen_t len = sizeof(limit);
	char byte = 'x';

	CHECK(option(s->half[1], SO_SNDBUF) == s->sndbuf, "SO_SNDBUF is %d",
	      option(s->half[1], SO_SNDBUF));
	CHECK(option(s->half[1], SO_PASSCRED), "SO_PASSCRED is off");
	MUST(getsockopt(s->half[1], SOL_SOCKET, SO_RCVTIMEO, &limit, &len));
	CHECK(limit.tv_sec == 12 && limit.tv_usec == 500000, "SO_RCVTIMEO is %ld.%06ld",
	      limit.tv_sec, limit.tv_usec);
	check_end(s->half[1], "the half-closed pair");
	CHECK(write(s->half[0], &byte, 1) < 0 && errno == EPIPE, "the closed half can be written");
	MUST(write(s->half[1], &byte, 1));
	CHECK(MUST(read(s->half[0], &byte, 1)) == 1, "the open half is broken");
	check_end(s->orphan, "the orphan");
	CHECK(write(s->orphan, &byte, 1) < 0 && errno == EPIPE, "the orphan has a peer");
}

const struct zdtm_test zdtm_test = {
	.about = "shut down and orphaned socketpairs, and socket options",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
