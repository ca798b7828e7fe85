// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stream sockets between hosts.
 *
 * What is sent is framed by its sender, and a frame that waits for a reply
 * must not wait for more bytes: Nagle's algorithm is off. Who has more to send
 * at once says so with MSG_MORE.
 */
#include "sys/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Who comes back is to find room, whoever else knocks. */
#define BACKLOG 16

static void free_addresses(struct addrinfo **info)
{
	if (*info)
		freeaddrinfo(*info);
}

static int resolve(const char *address, uint16_t port, int flags, struct addrinfo **info)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	char service[8];
	int err;

	snprintf(service, sizeof(service), "%" PRIu16, port);
	err = getaddrinfo(address, service, &hints, info);
	if (!err)
		return 0;
	if (err == EAI_SYSTEM)
		return log_errno(-errno, "address %s: cannot look it up", address);
	log_error("address %s: %s", address, gai_strerror(err));
	return -EADDRNOTAVAIL;
}

int tcp_port(int fd, uint16_t *port)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return log_errno(-errno, "cannot tell the port of a socket");
	*port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port :
						   ((struct sockaddr_in *)&addr)->sin_port);
	return 0;
}

static int listen_at(const struct addrinfo *info, uint16_t *port)
{
	_cleanup_close_ int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC,
					info->ai_protocol);
	const int yes = 1;
	int err;

	/* The port of a server that has just ended is free again. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	err = tcp_port(fd, port);
	return err ? err : take_fd(&fd);
}

int tcp_listen(const char *address, uint16_t *port)
{
	_cleanup_(free_addresses) struct addrinfo *list = NULL;
	int fd = resolve(address, *port, AI_PASSIVE, &list);

	if (fd < 0)
		return fd;
	fd = -EADDRNOTAVAIL;
	for (const struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
		fd = listen_at(info, port);
	if (fd < 0)
		return log_errno(fd, "%s port %" PRIu16 ": cannot listen", address, *port);
	return fd;
}

/* A peer that is gone without a word is found out, also when nobody waits for it. */
static int watch_peer(int fd, unsigned int timeout_ms)
{
	const int yes = 1, probes = 3, seconds = MAX(timeout_ms / 1000 / (probes + 1), 1U);
	const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, yes },
		{ IPPROTO_TCP, TCP_KEEPCNT, probes },
		{ IPPROTO_TCP, TCP_KEEPIDLE, seconds },
		{ IPPROTO_TCP, TCP_KEEPINTVL, seconds },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms },
		{ SOL_SOCKET, SO_KEEPALIVE, yes },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			       sizeof(options[i].value)) < 0)
			return -errno;
	return 0;
}

int tcp_accept(int listener, unsigned int timeout_ms)
{
	_cleanup_close_ int fd = -1;
	int err;

	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	err = fd < 0 ? -errno : watch_peer(fd, timeout_ms);
	return err ? log_errno(err, "cannot take a connection") : take_fd(&fd);
}

/* Who waits for a peer waits no longer. 0 or -errno. */
static int set_timeout(int fd, unsigned int timeout_ms)
{
	const struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		return -errno;
	return 0;
}

static int connect_to(const struct addrinfo *info, unsigned int timeout_ms)
{
	_cleanup_close_ int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC,
					info->ai_protocol);
	int err = fd < 0 ? -errno : set_timeout(fd, timeout_ms);

	if (err)
		return err;
	if (connect(fd, info->ai_addr, info->ai_addrlen) < 0)
		return -errno;
	err = watch_peer(fd, timeout_ms);
	return err ? err : take_fd(&fd);
}

int tcp_connect(const char *address, uint16_t port, unsigned int timeout_ms)
{
	_cleanup_(free_addresses) struct addrinfo *list = NULL;
	int fd = resolve(address, port, 0, &list);

	if (fd < 0)
		return fd;
	fd = -EADDRNOTAVAIL;
	for (const struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
		fd = connect_to(info, timeout_ms);
	if (fd < 0)
		return log_errno(fd, "%s port %" PRIu16 ": cannot connect", address, port);
	return fd;
}

int tcp_peer(int fd, struct tcp_address *peer)
{
	peer->len = sizeof(peer->addr);
	if (getpeername(fd, (struct sockaddr *)&peer->addr, &peer->len) < 0)
		return log_errno(-errno, "cannot tell who a connection is with");
	return 0;
}

int tcp_resolve(const char *address, uint16_t port, struct tcp_address *list, size_t max)
{
	_cleanup_(free_addresses) struct addrinfo *found = NULL;
	int n = resolve(address, port, 0, &found);

	if (n < 0)
		return n;
	for (const struct addrinfo *info = found; info && n < (int)max; info = info->ai_next) {
		if (info->ai_addrlen > sizeof(list->addr))
			continue;
		memcpy(&list[n].addr, info->ai_addr, info->ai_addrlen);
		list[n++].len = info->ai_addrlen;
	}
	return n;
}

int tcp_connect_start(const struct tcp_address *peer, unsigned int timeout_ms)
{
	_cleanup_close_ int fd = socket(peer->addr.ss_family,
					SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : watch_peer(fd, timeout_ms);

	if (err)
		return err;
	if (connect(fd, (const struct sockaddr *)&peer->addr, peer->len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return take_fd(&fd);
}

int tcp_connect_end(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err;

	if (poll(&pfd, 1, 0) <= 0)
		return -EAGAIN;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

int tcp_make_blocking(int fd, unsigned int timeout_ms)
{
	int flags = fcntl(fd, F_GETFL), err = flags < 0 ? -errno : set_timeout(fd, timeout_ms);

	if (!err && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		err = -errno;
	return err ? log_errno(err, "cannot set up a connection") : 0;
}
