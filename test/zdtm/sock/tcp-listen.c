// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening TCP sockets, version 4 and 6: address, port, backlog and options; a
 * connection made after the restore is accepted, in a task that was forked.
 */
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/inet.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define BACKLOG 7

enum { V4, V6, N_VERSIONS };

struct state {
	int sockets[N_VERSIONS];
	struct inet_address addresses[N_VERSIONS];
	pid_t child;
};

static const char *unsupported(void)
{
	return inet6_missing();
}

static void child(void *arg)
{
	struct state *s = arg;
	int fd;

	zdtm_wait();
	for (int i = 0; i < N_VERSIONS; i++) {
		fd = MUST(accept(s->sockets[i], NULL, NULL));
		MUST(write(fd, "hello", 5));
		close(fd);
	}
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_VERSIONS; i++) {
		s->sockets[i] = inet_bound(i == V6 ? AF_INET6 : AF_INET, SOCK_STREAM,
					   &s->addresses[i]);
		inet_set(s->sockets[i], SOL_SOCKET, SO_KEEPALIVE, 1);
		inet_set(s->sockets[i], IPPROTO_TCP, TCP_NODELAY, 1);
		MUST(listen(s->sockets[i], BACKLOG));
	}
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(listen(s->sockets[V6], BACKLOG + 1));
}

static void check_socket(int fd, const struct inet_address *wanted)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	inet_check_address(fd, wanted);
	CHECK(inet_get(fd, SOL_SOCKET, SO_ACCEPTCONN), "the socket does not listen");
	MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	/* Of a listening socket: the limit of its queue. */
	CHECK(info.tcpi_sacked == BACKLOG, "the backlog is %u", info.tcpi_sacked);
	CHECK(inet_get(fd, SOL_SOCKET, SO_REUSEADDR), "SO_REUSEADDR is off");
	CHECK(inet_get(fd, SOL_SOCKET, SO_KEEPALIVE), "SO_KEEPALIVE is off");
	CHECK(inet_get(fd, IPPROTO_TCP, TCP_NODELAY), "TCP_NODELAY is off");
}

static void check(void *arg)
{
	struct state *s = arg;
	char greeting[8];

	for (int i = 0; i < N_VERSIONS; i++)
		check_socket(s->sockets[i], &s->addresses[i]);
	MUST(kill(s->child, SIGTERM));
	for (int i = 0; i < N_VERSIONS; i++) {
		int fd = MUST(socket(i == V6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0));

		MUST(connect(fd, &s->addresses[i].any, s->addresses[i].len));
		CHECK(MUST(recv(fd, greeting, 5, MSG_WAITALL)) == 5, "no greeting comes");
		close(fd);
	}
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "listening TCP sockets accept after the restore",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
