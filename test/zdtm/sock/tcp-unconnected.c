// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP sockets that have not got to a connection: one fresh, one bound to a port, with
 * options. Both go on to what they were made for: connecting and listening.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/inet.h"
#include "lib/zdtm.h"

struct state {
	int fresh, bound;
	struct inet_address address;
};

static void setup(void *arg)
{
	struct state *s = arg;
	struct linger linger = { .l_onoff = 1, .l_linger = 3 };

	s->fresh = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	inet_set(s->fresh, SOL_SOCKET, SO_RCVBUF, 50000);
	inet_set(s->fresh, IPPROTO_TCP, TCP_KEEPIDLE, 111);
	inet_set(s->fresh, IPPROTO_TCP, TCP_KEEPCNT, 4);
	MUST(setsockopt(s->fresh, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	s->bound = inet_bound(AF_INET, SOCK_STREAM, &s->address);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	inet_set(s->fresh, IPPROTO_TCP, TCP_KEEPIDLE, 112);
}

static void check_options(int fd)
{
	struct linger linger;
	socklen_t len = sizeof(linger);

	CHECK(inet_get(fd, SOL_SOCKET, SO_RCVBUF) == 100000, "SO_RCVBUF is %d",
	      inet_get(fd, SOL_SOCKET, SO_RCVBUF));
	CHECK(inet_get(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 111, "TCP_KEEPIDLE is %d",
	      inet_get(fd, IPPROTO_TCP, TCP_KEEPIDLE));
	CHECK(inet_get(fd, IPPROTO_TCP, TCP_KEEPCNT) == 4, "TCP_KEEPCNT is %d",
	      inet_get(fd, IPPROTO_TCP, TCP_KEEPCNT));
	MUST(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
	CHECK(linger.l_onoff && linger.l_linger == 3, "SO_LINGER is %d, %d", linger.l_onoff,
	      linger.l_linger);
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[8];
	int accepted;

	check_options(s->fresh);
	inet_check_address(s->bound, &s->address);
	CHECK(!inet_get(s->bound, SOL_SOCKET, SO_ACCEPTCONN), "the bound socket listens");
	MUST(listen(s->bound, 2));
	CHECK(connect(s->fresh, &s->address.any, s->address.len) < 0 && errno == EINPROGRESS,
	      "the fresh socket blocks, or does not connect");
	accepted = MUST(accept(s->bound, NULL, NULL));
	MUST(write(accepted, "12345678", 8));
	CHECK(MUST(fcntl(s->fresh, F_SETFL, 0)) == 0 &&
	      MUST(recv(s->fresh, content, 8, MSG_WAITALL)) == 8, "no content comes");
}

const struct zdtm_test zdtm_test = {
	.about = "TCP sockets without a connection can go on to one",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
