// SPDX-License-Identifier: GPL-2.0-only
/*
 * Named pipes: content, modes, and the path that both ends were opened by; one with
 * ends in different tasks, one open for reading and writing at once.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	int reader, both;
	pid_t child;
};

static void child(void *arg)
{
	char content[512];
	int fd = MUST(open("fifo", O_WRONLY));

	pattern_fill(content, sizeof(content), 1);
	MUST(write(fd, content, sizeof(content)));
	zdtm_wait();
	pattern_fill(content, sizeof(content), 2);
	MUST(write(fd, content, sizeof(content)));
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(mkfifo("fifo", 0600));
	MUST(mkfifo("both", 0600));
	/* Without O_NONBLOCK it would wait for the child, which waits for it. */
	s->reader = MUST(open("fifo", O_RDONLY | O_NONBLOCK));
	s->child = zdtm_fork(child, NULL);
	MUST(fcntl(s->reader, F_SETFL, 0));
	s->both = MUST(open("both", O_RDWR));
	MUST(write(s->both, "self", 4));
}

static void spoil(void *arg)
{
	struct state *s = arg;
	char byte;

	MUST(read(s->reader, &byte, 1));
}

static void read_block(int fd, uint64_t seed)
{
	char content[512];
	ssize_t n = MUST(read(fd, content, sizeof(content)));

	CHECK(n == sizeof(content), "%zd bytes", n);
	pattern_check(content, sizeof(content), seed);
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[16] = "";
	struct stat by_path, by_fd;
	int writer;

	MUST(stat("fifo", &by_path));
	MUST(fstat(s->reader, &by_fd));
	CHECK(S_ISFIFO(by_fd.st_mode) && by_path.st_ino == by_fd.st_ino, "it is another file");
	CHECK(!(fcntl(s->reader, F_GETFL) & O_NONBLOCK), "the reader does not block");
	zdtm_finish(s->child);
	read_block(s->reader, 1);
	read_block(s->reader, 2);
	CHECK(!MUST(read(s->reader, content, 1)), "there is no end of file");
	/* It is the same fifo for those who open it now. */
	writer = MUST(open("fifo", O_WRONLY | O_NONBLOCK));
	MUST(write(writer, "new", 3));
	CHECK(MUST(read(s->reader, content, sizeof(content))) == 3, "another fifo was written");
	CHECK(MUST(read(s->both, content, sizeof(content))) == 4 && !memcmp(content, "self", 4),
	      "the other fifo had \"%.4s\"", content);
	MUST(write(s->both, "more", 4));
	CHECK(MUST(read(s->both, content, sizeof(content))) == 4, "cannot read what was written");
}

const struct zdtm_test zdtm_test = {
	.about = "named pipes keep content, ends and path",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
