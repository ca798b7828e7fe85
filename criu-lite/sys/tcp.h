/* SPDX-License-Identifier: GPL-2.0-only */
/* Stream sockets between hosts. */
#ifndef CRIU_LITE_SYS_TCP_H
#define CRIU_LITE_SYS_TCP_H

#include <stdint.h>

/*
 * @address is a name or a number of either family. All return a descriptor,
 * close-on-exec and blocking, or -errno, logged (with address and port).
 *
 * tcp_listen() takes one connection at a time; *port 0 is any that is free,
 * and becomes the one that was taken.
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

#endif
