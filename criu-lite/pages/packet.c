// SPDX-License-Identifier: GPL-2.0-only
/* Messages between two of us: who is there, and descriptors in and out of them. */
#include "pages/packet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/log.h"

/* A message's descriptors. */
union control {
	char room[CMSG_SPACE(sizeof(int) * PACKET_FDS_MAX)];
	struct cmsghdr align;
};

int packet_peer(int sock, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, peer, &len))
		return log_errno(-errno, "lazy-pages socket: cannot tell who is there");
	/* Only root and our own user may give us memory, or take it. */
	return peer->uid == 0 || peer->uid == geteuid() ? 0 : -EPERM;
}

int packet_check_peer(int sock)
{
	struct ucred peer;
	int err = packet_peer(sock, &peer);

	if (err != -EPERM)
		return err;
	log_error("lazy-pages socket: uid %u (pid %d) is neither root nor us: turned away",
		  peer.uid, peer.pid);
	return -EPERM;
}

int packet_accept(int listener)
{
	_cleanup_close_ int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (sock < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return -EAGAIN;
		return log_errno(-errno, "lazy-pages socket: cannot accept");
	}
	err = packet_check_peer(sock);
	return err ? err : take_fd(&sock);
}

int packet_send(int sock, struct iovec *iov, size_t n_iov, const int *fds, unsigned int n_fds)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
	union control control = { 0 };

	if (n_fds) {
		struct cmsghdr *cmsg;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
	}
	while (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Takes all descriptors out of a message, however many there are. */
static unsigned int collect_fds(struct msghdr *msg, int fds[PACKET_FDS_MAX])
{
	unsigned int n_fds = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n_fds < PACKET_FDS_MAX)
				fds[n_fds++] = fd;
			else
				close(fd);
		}
	}
	return n_fds;
}

ssize_t packet_receive(int sock, struct iovec *iov, size_t n_iov, int fds[PACKET_FDS_MAX],
		       unsigned int *n_fds)
{
	union control control;
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = n_iov,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*n_fds = 0;
	if (len < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return -EAGAIN;
		/* The peer is gone, with something unread: an end like any other. */
		return errno == ECONNRESET ? 0 : -errno;
	}
	*n_fds = collect_fds(&msg, fds);
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return len;
	packet_close_fds(fds, *n_fds);
	*n_fds = 0;
	return -EMSGSIZE;
}

void packet_close_fds(const int *fds, unsigned int n_fds)
{
	for (unsigned int i = 0; i < n_fds; i++)
		close(fds[i]);
}
