// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP sockets, version 4 and 6: one without an address, one bound, one bound and
 * connected to it, with options. Datagrams go from each to the bound one; the
 * connected one takes answers from its peer only.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/inet.h"
#include "lib/zdtm.h"

struct sockets {
	int fresh, bound, connected;
	struct inet_address address, peer;
};

struct state {
	struct sockets v4, v6;
};

static const char *unsupported(void)
{
	return inet6_missing();
}

static void make(struct sockets *s, int family)
{
	s->fresh = MUST(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	inet_set(s->fresh, SOL_SOCKET, SO_BROADCAST, 1);
	s->bound = inet_bound(family, SOCK_DGRAM, &s->address);
	s->connected = inet_bound(family, SOCK_DGRAM, &s->peer);
	MUST(connect(s->connected, &s->address.any, s->address.len));
}

static void setup(void *arg)
{
	struct state *s = arg;

	make(&s->v4, AF_INET);
	make(&s->v6, AF_INET6);
	inet_set(s->v6.bound, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	inet_set(s->v4.bound, IPPROTO_IP, IP_PKTINFO, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	MUST(connect(s->v4.connected, &none, sizeof(none)));
}

static void receive(int fd, const char *wanted, struct inet_address *from)
{
	char found[32] = "";

	*from = (struct inet_address){ .len = sizeof(from->storage) };
	MUST(recvfrom(fd, found, sizeof(found) - 1, 0, &from->any, &from->len));
	CHECK(!strcmp(found, wanted), "received \"%s\", not \"%s\"", found, wanted);
}

static void check_sockets(struct sockets *s)
{
	struct inet_address from;

	inet_check_address(s->bound, &s->address);
	inet_check_address(s->connected, &s->peer);
	CHECK(inet_get(s->fresh, SOL_SOCKET, SO_BROADCAST), "SO_BROADCAST is off");
	MUST(sendto(s->fresh, "fresh", 5, 0, &s->address.any, s->address.len));
	receive(s->bound, "fresh", &from);
	/* From a stranger: the connected socket does not take it. */
	MUST(sendto(s->fresh, "stranger", 8, 0, &s->peer.any, s->peer.len));
	MUST(send(s->connected, "peer", 4, 0));
	receive(s->bound, "peer", &from);
	CHECK(from.len == s->peer.len && !memcmp(&from.storage, &s->peer.storage, from.len),
	      "the datagram is from another address");
	MUST(sendto(s->bound, "answer", 6, 0, &from.any, from.len));
	receive(s->connected, "answer", &from);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_sockets(&s->v4);
	check_sockets(&s->v6);
	CHECK(inet_get(s->v6.bound, IPPROTO_IPV6, IPV6_RECVPKTINFO), "IPV6_RECVPKTINFO is off");
	CHECK(inet_get(s->v4.bound, IPPROTO_IP, IP_PKTINFO), "IP_PKTINFO is off");
}

const struct zdtm_test zdtm_test = {
	.about = "UDP sockets: fresh, bound, connected",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
