// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that sleeps in read() of an empty pipe, and one in write() of a full one.
 * Both calls restart: no EINTR, no short count, no byte lost or doubled.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define ROOM PAGE

struct state {
	int empty[2], full[2];
	pid_t reader, writer;
};

static void reader(void *arg)
{
	struct state *s = arg;
	char content[64];
	ssize_t n;

	zdtm_let_usr1_interrupt();
	zdtm_ready();
	n = MUST(read(s->empty[0], content, sizeof(content)));
	CHECK(n == 32, "read %zd bytes", n);
	pattern_check(content, 32, 5);
}

static void writer(void *arg)
{
	struct state *s = arg;
	char content[PAGE];
	ssize_t n;

	pattern_fill(content, sizeof(content), 7);
	zdtm_ready();
	n = MUST(write(s->full[1], content, sizeof(content)));
	CHECK(n == sizeof(content), "wrote %zd bytes", n);
}

static void setup(void *arg)
{
	struct state *s = arg;
	char content[ROOM];

	MUST(pipe(s->empty));
	MUST(pipe(s->full));
	MUST(fcntl(s->full[1], F_SETPIPE_SZ, ROOM));
	pattern_fill(content, sizeof(content), 6);
	MUST(write(s->full[1], content, sizeof(content)));
	s->reader = zdtm_fork(reader, s);
	s->writer = zdtm_fork(writer, s);
	zdtm_until_in_syscall(s->reader, SYS_read);
	zdtm_until_in_syscall(s->writer, SYS_write);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->reader, SIGUSR1));
	usleep(100000);
}

static void drain(int fd, uint64_t seed)
{
	char content[PAGE];
	size_t len = 0;

	while (len < sizeof(content))
		len += MUST(read(fd, content + len, sizeof(content) - len));
	pattern_check(content, sizeof(content), seed);
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[32];

	pattern_fill(content, sizeof(content), 5);
	MUST(write(s->empty[1], content, sizeof(content)));
	zdtm_join(s->reader);
	drain(s->full[0], 6);
	drain(s->full[0], 7);
	zdtm_join(s->writer);
}

const struct zdtm_test zdtm_test = {
	.about = "reading an empty pipe and writing a full one go on",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
