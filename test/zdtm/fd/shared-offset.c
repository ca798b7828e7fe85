// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which descriptors are one open file and which only name the same one: those made
 * by dup and by fork share offset and flags, a second open has its own. The close-on-
 * exec flag belongs to the number alone.
 */
#include <fcntl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	int first, dup, second;
	pid_t child;
};

static void check_offset(const char *what, int fd, off_t wanted)
{
	off_t offset = MUST(lseek(fd, 0, SEEK_CUR));

	CHECK(offset == wanted, "the offset of the %s is %ld, not %ld", what, offset, wanted);
}

static void child(void *arg)
{
	struct state *s = arg;
	int moved = MUST(fcntl(s->second, F_DUPFD, 20));

	close(s->second);
	zdtm_wait();
	check_offset("first", s->first, 111);
	check_offset("moved", moved, 20);
	MUST(lseek(moved, 222, SEEK_SET));
	MUST(fcntl(s->first, F_SETFL, O_APPEND));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->first = MUST(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
	s->dup = MUST(dup(s->first));
	MUST(fcntl(s->dup, F_SETFD, FD_CLOEXEC));
	s->second = MUST(open("file", O_RDWR));
	MUST(lseek(s->first, 10, SEEK_SET));
	MUST(lseek(s->second, 20, SEEK_SET));
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	int fd = MUST(open("file", O_RDWR));

	MUST(lseek(fd, 10, SEEK_SET));
	MUST(dup3(fd, s->dup, O_CLOEXEC));
}

static void check(void *arg)
{
	struct state *s = arg;

	check_offset("first", s->first, 10);
	check_offset("dup", s->dup, 10);
	check_offset("second", s->second, 20);
	MUST(lseek(s->dup, 111, SEEK_SET));
	check_offset("first", s->first, 111);
	check_offset("second", s->second, 20);
	CHECK(fcntl(s->first, F_GETFD) == 0, "the first is closed on exec");
	CHECK(fcntl(s->dup, F_GETFD) == FD_CLOEXEC, "the dup is not closed on exec");
	zdtm_finish(s->child);
	check_offset("second", s->second, 222);
	CHECK(fcntl(s->dup, F_GETFL) & O_APPEND, "the flags are not shared");
	CHECK(!(fcntl(s->second, F_GETFL) & O_APPEND), "the flags are shared by too many");
}

const struct zdtm_test zdtm_test = {
	.about = "dup and fork share an open file, a second open does not",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
