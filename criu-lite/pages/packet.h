/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages between two of us on one machine: a SOCK_SEQPACKET Unix socket, and descriptors in
 * what is sent. What handoff.h and attach.h share.
 */
#ifndef CRIU_LITE_PAGES_PACKET_H
#define CRIU_LITE_PAGES_PACKET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define PACKET_FDS_MAX 4

struct iovec;
struct ucred;

/* Who the other end is. 0: root or our own user; -EPERM: neither; -errno, logged. */
int packet_peer(int sock, struct ucred *peer);
/* The same for who turns strangers away: -EPERM is logged, too. */
int packet_check_peer(int sock);
/*
 * Takes one connection and checks who it is. Returns the socket (non-blocking,
 * close-on-exec), -EAGAIN (nobody there), -EPERM (a stranger, logged; the
 * caller goes on listening), or -errno, logged.
 */
int packet_accept(int listener);
/* Sends one message, with @n_fds descriptors, which stay the caller's. 0 or -errno. */
int packet_send(int sock, struct iovec *iov, size_t n_iov, const int *fds, unsigned int n_fds);
/*
 * Receives one, without waiting. Returns its length, and *n_fds descriptors, which are the
 * caller's; 0 without descriptors: the end. Longer than @iov: -EMSGSIZE, and nothing to
 * close. -EAGAIN or -errno.
 */
ssize_t packet_receive(int sock, struct iovec *iov, size_t n_iov, int fds[PACKET_FDS_MAX],
		       unsigned int *n_fds);
void packet_close_fds(const int *fds, unsigned int n_fds);

#endif
