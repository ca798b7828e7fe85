// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors in flight (SCM_RIGHTS): of a stream, before its bytes; of packets; a
 * file that is nowhere else; one that the task has too, whose offset they share; a
 * socket that is in flight with a queue of its own; one in flight over itself.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define N_MANY 200

struct state {
	int stream[2], packets[2], self[2];
	int file;
};

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(N_MANY * sizeof(int))];
};

static void send_fds(int sock, const char *text, const int *fds, size_t n)
{
	union control control = {};
	struct iovec iov = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = n ? control.buf : NULL,
		.msg_controllen = n ? CMSG_SPACE(n * sizeof(int)) : 0,
	};

	control.align = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(n * sizeof(int)),
	};
	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	MUST(sendmsg(sock, &msg, 0));
}

/* Receives what must be @text with @n descriptors, no byte more. */
static void receive_fds(int sock, const char *text, int *fds, size_t n)
{
	char found[64] = "";
	union control control;
	struct iovec iov = { .iov_base = found, .iov_len = strlen(text) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c;
	size_t got = 0;

	MUST(recvmsg(sock, &msg, MSG_DONTWAIT));
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), got * sizeof(int));
	}
	CHECK(!strcmp(found, text), "\"%s\" comes instead of \"%s\"", found, text);
	CHECK(got == n, "%zu descriptors come with \"%s\"", got, text);
}

/* Gives away the only descriptor of a pipe that holds @text. */
static int full_pipe(const char *text)
{
	int ends[2];

	MUST(pipe(ends));
	MUST(write(ends[1], text, strlen(text)));
	close(ends[1]);
	return ends[0];
}

static void setup(void *arg)
{
	struct state *s = arg;
	int fds[N_MANY], inner[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s->stream));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s->packets));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s->self));
	s->file = MUST(open("file", O_CREAT | O_RDWR, 0600));
	MUST(write(s->file, "0123456789", 10));
	MUST(lseek(s->file, 3, SEEK_SET));

	fds[0] = full_pipe("in the pipe");
	fds[1] = s->file;
	send_fds(s->stream[0], "2", fds, 2);
	send_fds(s->stream[0], "1", fds, 1);
	send_fds(s->stream[0], "more", NULL, 0);
	close(fds[0]);

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, inner));
	fds[0] = full_pipe("deep down");
	send_fds(inner[0], "i", fds, 1);
	send_fds(inner[0], "nner", NULL, 0);
	close(fds[0]);
	send_fds(s->packets[0], "pair", inner, 2);
	close(inner[0]);
	close(inner[1]);
	for (int i = 0; i < N_MANY; i++)
		fds[i] = s->file;
	send_fds(s->packets[0], "many", fds, N_MANY);

	send_fds(s->self[0], "self", &s->self[1], 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	int fds[N_MANY];

	receive_fds(s->packets[1], "pair", fds, 2);
	send_fds(s->packets[0], "pair", fds, 1);
}

static void check_content(int fd, const char *wanted)
{
	char found[64] = "";

	MUST(read(fd, found, sizeof(found) - 1));
	CHECK(!strcmp(found, wanted), "the file in flight holds \"%s\", not \"%s\"", found, wanted);
}

static void check_stream(struct state *s)
{
	int fds[N_MANY], again[N_MANY];

	receive_fds(s->stream[1], "2", fds, 2);
	receive_fds(s->stream[1], "1", again, 1);
	receive_fds(s->stream[1], "more", NULL, 0);
	CHECK(MUST(lseek(s->file, 0, SEEK_CUR)) == 3, "the offset has moved");
	MUST(lseek(fds[1], 5, SEEK_SET));
	CHECK(MUST(lseek(s->file, 0, SEEK_CUR)) == 5, "the file in flight is not the task's");
	check_content(fds[0], "in the pipe");
	CHECK(MUST(read(again[0], fds, 1)) == 0, "the pipe came as two, or somebody writes to it");
}

static void check(void *arg)
{
	struct state *s = arg;
	int fds[N_MANY], inner[N_MANY];

	check_stream(s);
	receive_fds(s->packets[1], "pair", inner, 2);
	receive_fds(s->packets[1], "many", fds, N_MANY);
	MUST(lseek(fds[N_MANY - 1], 7, SEEK_SET));
	CHECK(MUST(lseek(s->file, 0, SEEK_CUR)) == 7, "the last of many is not the file");
	send_fds(inner[0], " and on", NULL, 0);
	receive_fds(inner[1], "i", fds, 1);
	receive_fds(inner[1], "nner", NULL, 0);
	check_content(fds[0], "deep down");
	check_content(inner[1], " and on");
	receive_fds(s->self[1], "self", fds, 1);
	send_fds(s->self[0], "once more", NULL, 0);
	check_content(fds[0], "once more");
}

const struct zdtm_test zdtm_test = {
	.about = "descriptors in flight arrive",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
