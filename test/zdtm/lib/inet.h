/* SPDX-License-Identifier: GPL-2.0-only */
/* Internet sockets on the loopback interface, version 4 or 6. */
#ifndef ZDTM_LIB_INET_H
#define ZDTM_LIB_INET_H

#include <netinet/in.h>
#include <sys/socket.h>

struct inet_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage storage;
	};
	socklen_t len;
};

/* Why version 6 cannot be tested here; NULL: it can. */
const char *inet6_missing(void);
/* A socket bound to loopback and a free port, with SO_REUSEADDR; its address is stored. */
int inet_bound(int family, int type, struct inet_address *address);
/* Fails the test when a socket is bound to another address. */
void inet_check_address(int fd, const struct inet_address *wanted);
void inet_set(int fd, int level, int option, int value);
int inet_get(int fd, int level, int option);

#endif
