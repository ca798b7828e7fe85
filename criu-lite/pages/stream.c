// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams, and those that are nothing but their socket.
 */
#include "pages/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

static int plain_begin(struct stream *s)
{
	return 0;
}

static short plain_wants(const struct stream *s)
{
	return POLLIN;
}

static ssize_t plain_send(struct stream *s, const void *buf, size_t len, int flags)
{
	ssize_t n;

	do
		n = send(s->fd, buf, len, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t plain_receive(struct stream *s, void *buf, size_t len, int flags)
{
	ssize_t n;

	do
		n = recv(s->fd, buf, len, flags);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static bool plain_pending(const struct stream *s)
{
	return false;
}

static void plain_nothing(struct stream *s)
{
}

static const struct stream_ops plain_stream_ops = {
	.begin = plain_begin,
	.wants = plain_wants,
	.send = plain_send,
	.receive = plain_receive,
	.pending = plain_pending,
	.end = plain_nothing,
	.free = plain_nothing,
};

struct stream stream_plain(int sock)
{
	return (struct stream){ .fd = sock, .ops = &plain_stream_ops };
}

int stream_begin(struct stream *s)
{
	return s->ops->begin(s);
}

short stream_wants(const struct stream *s)
{
	return s->ops->wants(s);
}

int stream_begin_wait(struct stream *s, int timeout_ms)
{
	const uint64_t end = clock_ns() + timeout_ms * 1000000ULL;
	int err;

	while ((err = stream_begin(s)) == -EAGAIN) {
		struct pollfd pfd = { .fd = s->fd, .events = stream_wants(s) };
		uint64_t now = clock_ns();

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, (end - now) / 1000000 + 1) < 0 && errno != EINTR)
			return -errno;
	}
	return err;
}

int stream_begin_error(const struct stream *s, int err, const char *who)
{
	return log_errno(err, "%s: no session%s%s", who, s->why ? ": " : "", s->why ? s->why : "");
}

ssize_t stream_send(struct stream *s, const void *buf, size_t len, int flags)
{
	return s->ops->send(s, buf, len, flags);
}

ssize_t stream_receive(struct stream *s, void *buf, size_t len, int flags)
{
	return s->ops->receive(s, buf, len, flags);
}

int stream_send_all(struct stream *s, const void *buf, size_t len, int flags)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = stream_send(s, (const char *)buf + done, len - done, flags);

		if (n < 0)
			return n;
		done += n;
	}
	return 0;
}

ssize_t stream_receive_all(struct stream *s, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = stream_receive(s, (char *)buf + done, len - done, 0);

		if (n < 0)
			return n;
		if (!n)
			break;
		done += n;
	}
	return done;
}

bool stream_pending(const struct stream *s)
{
	return s->fd >= 0 && s->ops->pending(s);
}

int stream_raw_fd(const struct stream *s)
{
	return s->ops == &plain_stream_ops ? s->fd : -1;
}

void stream_end(struct stream *s)
{
	s->ops->end(s);
	shutdown(s->fd, SHUT_WR);
}

void stream_close(struct stream *s)
{
	if (s->fd < 0)
		return;
	s->ops->free(s);
	close(s->fd);
	*s = STREAM_CLOSED;
}

struct stream stream_take(struct stream *s)
{
	struct stream taken = *s;

	*s = STREAM_CLOSED;
	return taken;
}
