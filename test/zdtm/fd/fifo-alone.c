// SPDX-License-Identifier: GPL-2.0-only
/*
 * Named pipes without a peer: a reader that nobody has written to yet, one whose
 * writer is gone, with what that had written, and a writer without a reader.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

struct state {
	int fresh, left, writer;
};

static int open_reader(const char *name)
{
	MUST(mkfifo(name, 0600));
	return MUST(open(name, O_RDONLY | O_NONBLOCK));
}

static void setup(void *arg)
{
	struct state *s = arg;
	char content[512];
	int fd;

	signal(SIGPIPE, SIG_IGN);
	s->fresh = open_reader("fresh");
	s->left = open_reader("left");
	fd = MUST(open("left", O_WRONLY));
	pattern_fill(content, sizeof(content), 1);
	MUST(write(fd, content, sizeof(content)));
	close(fd);
	fd = open_reader("unread");
	s->writer = MUST(open("unread", O_WRONLY));
	close(fd);
}

static void spoil(void *arg)
{
	MUST(open("fresh", O_WRONLY));
}

static short events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	MUST(poll(&p, 1, 0));
	return p.revents;
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[513];
	ssize_t n;
	int fd;

	CHECK(events(s->fresh) == 0, "the fresh one has events %#x", events(s->fresh));
	CHECK(read(s->fresh, content, 1) == 0, "the fresh one has a writer");
	CHECK(events(s->left) == (POLLIN | POLLHUP), "the one that was left has events %#x",
	      events(s->left));
	n = MUST(read(s->left, content, sizeof(content)));
	CHECK(n == 512, "%zd bytes were left", n);
	pattern_check(content, 512, 1);
	CHECK(!MUST(read(s->left, content, 1)), "there is no end of file");
	CHECK(write(s->writer, content, 1) < 0 && errno == EPIPE, "there is a reader");
	fd = MUST(open("fresh", O_WRONLY | O_NONBLOCK));
	MUST(write(fd, "x", 1));
	CHECK(MUST(read(s->fresh, content, 2)) == 1, "a new writer is not heard");
	fd = MUST(open("unread", O_RDONLY | O_NONBLOCK));
	MUST(write(s->writer, "xy", 2));
	CHECK(MUST(read(fd, content, 3)) == 2, "the writer is not heard");
}

const struct zdtm_test zdtm_test = {
	.about = "named pipes without a peer",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
