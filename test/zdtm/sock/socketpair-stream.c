// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connected pair of stream sockets between parent and child, with data queued in
 * both directions, many buffers of it in one; then talk goes on, and end of file comes
 * when the child has ended.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define TO_CHILD 1024
#define TO_PARENT (64 * KIB)

struct state {
	int ends[2];
	pid_t child;
};

static void send_pattern(int fd, size_t len, uint64_t seed)
{
	char block[1024];

	for (size_t at = 0; at < len; at += sizeof(block)) {
		pattern_fill(block, sizeof(block), seed + at);
		CHECK(MUST(send(fd, block, sizeof(block), MSG_NOSIGNAL)) == sizeof(block),
		      "short send");
	}
}

static void receive_pattern(int fd, size_t len, uint64_t seed)
{
	char block[1024];

	for (size_t at = 0; at < len; at += sizeof(block)) {
		ssize_t n = MUST(recv(fd, block, sizeof(block), MSG_WAITALL));

		CHECK(n == sizeof(block), "%zd bytes at %zu", n, at);
		pattern_check(block, sizeof(block), seed + at);
	}
}

static void child(void *arg)
{
	struct state *s = arg;

	close(s->ends[0]);
	send_pattern(s->ends[1], TO_PARENT, 1);
	zdtm_wait();
	receive_pattern(s->ends[1], TO_CHILD, 1000000);
	receive_pattern(s->ends[1], TO_CHILD, 2000000);
	send_pattern(s->ends[1], TO_CHILD, 3000000);
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s->ends));
	s->child = zdtm_fork(child, s);
	close(s->ends[1]);
	send_pattern(s->ends[0], TO_CHILD, 1000000);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	char byte;

	MUST(recv(s->ends[0], &byte, 1, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	char byte;

	receive_pattern(s->ends[0], TO_PARENT, 1);
	send_pattern(s->ends[0], TO_CHILD, 2000000);
	zdtm_finish(s->child);
	receive_pattern(s->ends[0], TO_CHILD, 3000000);
	CHECK(!MUST(recv(s->ends[0], &byte, 1, 0)), "there is no end of file");
}

const struct zdtm_test zdtm_test = {
	.about = "a stream socketpair keeps what is queued both ways",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
