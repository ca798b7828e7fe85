/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stream: the connection that a session of pages runs over. Who sends and receives messages
 * does not know what becomes of the bytes in between.
 *
 * What poll(2) says is about the socket. A stream may have taken more out of it than it was
 * asked for: stream_pending().
 *
 * Nothing is logged but by one. Where an errno does not tell why a call failed, stream->why does.
 */
#ifndef CRIU_LITE_PAGES_STREAM_H
#define CRIU_LITE_PAGES_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream;

/* As the functions below; none of them is called for a stream that is closed. */
struct stream_ops {
	int (*begin)(struct stream *s);
	short (*wants)(const struct stream *s);
	ssize_t (*send)(struct stream *s, const void *buf, size_t len, int flags);
	ssize_t (*receive)(struct stream *s, void *buf, size_t len, int flags);
	bool (*pending)(const struct stream *s);
	void (*end)(struct stream *s);
	void (*free)(struct stream *s);
};

struct stream {
	int fd;				/* to be polled; -1: closed */
	const struct stream_ops *ops;
	void *session;			/* of its own */
	const char *why;		/* a constant; NULL: there is nothing to add */
};

#define STREAM_CLOSED ((struct stream){ .fd = -1 })

/* Bytes go as they are. Owns @sock, a connected stream socket. */
struct stream stream_plain(int sock);

/*
 * What comes before the first byte, as far as it goes without waiting. 0: all of it;
 * -EAGAIN: not yet, and stream_wants() says what to poll for; -errno.
 */
int stream_begin(struct stream *s);
short stream_wants(const struct stream *s);
/* The same, and waits for it: 0; -ETIMEDOUT after @timeout_ms; -errno. */
int stream_begin_wait(struct stream *s, int timeout_ms);
/* Logs what became of it, for @who; returns @err. */
int stream_begin_error(const struct stream *s, int err, const char *who);

/*
 * As send(2) and recv(2), which @flags are for, but for signals, which they are not
 * interrupted by: bytes, or -errno. What could not be sent must come first when it is tried again.
 */
ssize_t stream_send(struct stream *s, const void *buf, size_t len, int flags);
ssize_t stream_receive(struct stream *s, void *buf, size_t len, int flags);
/* All @len bytes; 0 or -errno. */
int stream_send_all(struct stream *s, const void *buf, size_t len, int flags);
/* Returns how many bytes, fewer than @len only at the end, or -errno. */
ssize_t stream_receive_all(struct stream *s, void *buf, size_t len);
/* Something can be received, whatever poll() says. */
bool stream_pending(const struct stream *s);
/* A socket that takes the bytes as they are, also from others than us; -1: there is none. */
int stream_raw_fd(const struct stream *s);

/* Says that nothing more will be sent, so that it is not taken for a cut. */
void stream_end(struct stream *s);
/* Also one that is closed. */
void stream_close(struct stream *s);
/* It is the caller's from now on, who must close it. */
struct stream stream_take(struct stream *s);

#endif
