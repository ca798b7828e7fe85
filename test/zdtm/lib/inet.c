// SPDX-License-Identifier: GPL-2.0-only
/* Internet sockets on the loopback interface. */
#include "lib/inet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/report.h"

/*
 * Below those that the kernel gives to who does not ask for one: between a dump and its
 * restore nobody shall get ours.
 */
#define PORT_MIN 20000
#define N_PORTS 10000

static struct inet_address loopback(int family)
{
	struct inet_address address = {};

	if (family == AF_INET6) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_addr = in6addr_loopback;
		address.len = sizeof(address.v6);
	} else {
		address.v4.sin_family = AF_INET;
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.len = sizeof(address.v4);
	}
	return address;
}

const char *inet6_missing(void)
{
	struct inet_address address = loopback(AF_INET6);
	int fd = socket(AF_INET6, SOCK_STREAM, 0), bound;

	if (fd < 0)
		return "the kernel has no IPv6";
	bound = bind(fd, &address.any, address.len);
	close(fd);
	return bound < 0 ? "the loopback interface has no IPv6 address" : NULL;
}

int inet_bound(int family, int type, struct inet_address *address)
{
	int fd = MUST(socket(family, type, 0)), bound;
	uint16_t port = PORT_MIN + getpid() % N_PORTS;

	*address = loopback(family);
	do {
		/* The same place in both families. */
		address->v4.sin_port = htons(port);
		bound = bind(fd, &address->any, address->len);
		port = port + 1 < PORT_MIN + N_PORTS ? port + 1 : PORT_MIN;
	} while (bound < 0 && errno == EADDRINUSE);
	MUST(bound);
	/* Not before: two datagram sockets that agree to it share a port. */
	inet_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	MUST(getsockname(fd, &address->any, &address->len));
	return fd;
}

void inet_check_address(int fd, const struct inet_address *wanted)
{
	struct inet_address found = { .len = sizeof(found.storage) };

	MUST(getsockname(fd, &found.any, &found.len));
	CHECK(found.len == wanted->len && !memcmp(&found.storage, &wanted->storage, found.len),
	      "socket %d is bound to another address, port %u", fd, ntohs(found.v4.sin_port));
}

void inet_set(int fd, int level, int option, int value)
{
	MUST(setsockopt(fd, level, option, &value, sizeof(value)));
}

int inet_get(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	MUST(getsockopt(fd, level, option, &value, &len));
	return value;
}
