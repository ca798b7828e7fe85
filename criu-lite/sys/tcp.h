/* SPDX-License-Identifier: GPL-2.0-only */
/* Stream sockets between hosts. */
#ifndef CRIU_LITE_SYS_TCP_H
#define CRIU_LITE_SYS_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * @address is a name or a number of either family. All return a descriptor,
 * close-on-exec and blocking, or -errno, logged (with address and port).
 *
 * tcp_listen(): *port 0 is any that is free, and becomes the one that was taken.
 *
 * tcp_connect(): a peer that neither takes nor sends anything for
 * @timeout_ms is an error (EAGAIN) of whatever call waits for it.
 *
 * tcp_accept() takes a connection. In both cases a peer whose host is silent for
 * @timeout_ms is an error (ETIMEDOUT) of the connection, and wakes who polls it.
 */
int tcp_listen(const char *address, uint16_t *port);
/* The port that a socket has, into *port. 0 or -errno, logged. */
int tcp_port(int fd, uint16_t *port);
int tcp_accept(int listener, unsigned int timeout_ms);
int tcp_connect(const char *address, uint16_t port, unsigned int timeout_ms);

/* The other end of a connection, to come back to. */
struct tcp_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* 0 or -errno, logged. */
int tcp_peer(int fd, struct tcp_address *peer);
/* Where @address is: up to @max addresses; how many there are, or -errno, logged. */
int tcp_resolve(const char *address, uint16_t port, struct tcp_address *list, size_t max);
/*
 * Begins to connect, and does not wait: a descriptor that does not block, or -errno, not
 * logged. tcp_connect_end() says whether it is there: 0, -EAGAIN (not yet), or -errno.
 */
int tcp_connect_start(const struct tcp_address *peer, unsigned int timeout_ms);
int tcp_connect_end(int fd);
/* From now on calls wait, as those on what tcp_connect() returns. 0 or -errno, logged. */
int tcp_make_blocking(int fd, unsigned int timeout_ms);

#endif
