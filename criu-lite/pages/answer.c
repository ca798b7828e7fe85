// SPDX-License-Identifier: GPL-2.0-only
/*
 * The answering end of a lazy session.
 *
 * The other end is not to be trusted: only pages that the images leave out are
 * read, at addresses that the page map names, and a number in a frame sizes no
 * memory. Bytes go through one buffer, from the task to the socket: nothing is
 * held of what nobody has asked for yet.
 *
 * One thread reads a request, answers it, and then reads the next; no wait is for
 * the other end alone, so that who wants us to stop is heard.
 */
#include "pages/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pages/frame.h"
#include "pages/pagemap.h"
#include "pages/stream.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define BUFFER_SIZE (256UL << 10)

struct answerer {
	struct stream *stream;
	int stop_fd;
	const struct page_offer *offers;
	size_t n_offers;
	uint64_t given;			/* pages */
	bool closed;
	char *buffer;
};

static int peer_error(const struct answerer *a, int err, const char *what)
{
	const char *why = a->stream->why;

	/* However it went away. */
	if (err == -EPIPE)
		err = -ECONNRESET;
	return log_errno(err, "lazy page server: cannot %s%s%s", what, why ? ": " : "",
			 why ? why : "");
}

static int refuse(const struct page_frame *frame, const char *why)
{
	return log_errno(-EPROTO, "lazy page server: %s of %" PRIu64 " pages at %#" PRIx64 " of "
			 "task %" PRIu64 ": %s", frame_command_str(frame->command),
			 frame->nr_pages, frame->vaddr, frame->target, why);
}

static int wait_for(struct answerer *a, short events)
{
	const bool ready = events == POLLIN && stream_pending(a->stream);
	struct pollfd fds[] = {
		{ .fd = a->stream->fd, .events = events },
		{ .fd = a->stop_fd, .events = POLLIN },
	};

	while (poll(fds, ARRAY_SIZE(fds), ready ? 0 : -1) < 0)
		if (errno != EINTR)
			return log_errno(-errno, "lazy page server: cannot wait");
	return fds[1].revents ? log_errno(-EINTR, "lazy page server: asked to stop") : 0;
}

static int send_bytes(struct answerer *a, const void *buf, size_t len, bool more)
{
	const int flags = MSG_DONTWAIT | (more ? MSG_MORE : 0);
	const char *at = buf;

	while (len) {
		ssize_t n = stream_send(a->stream, at, len, flags);

		if (n == -EAGAIN) {
			int err = wait_for(a, POLLOUT);

			if (err)
				return err;
			continue;
		}
		if (n < 0)
			return peer_error(a, n, "send pages");
		at += n;
		len -= n;
	}
	return 0;
}

static int receive_frame(struct answerer *a, struct page_frame *frame)
{
	size_t got = 0;

	while (got < sizeof(*frame)) {
		int err = wait_for(a, POLLIN);
		ssize_t n = err ? 0 : stream_receive(a->stream, (char *)frame + got,
						     sizeof(*frame) - got, MSG_DONTWAIT);

		if (err)
			return err;
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return peer_error(a, n ? n : -ECONNRESET, "go on: the other end left, "
					  "and has not said that it has everything");
		got += n;
	}
	return 0;
}

const struct page_offer *page_offer_find(const struct page_offer *offers, size_t n, uint64_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (offers[i].map->key == pid)
			return &offers[i];
	return NULL;
}

uint64_t page_offer_pages(const struct page_offer *offer, uint64_t addr)
{
	const struct page_extent *e = page_map_find(offer->map, addr);

	if (!e || addr < e->start || e->flags != PAGE_LAZY)
		return 0;
	return (page_extent_end(e) - addr) >> PAGE_SHIFT;
}

static int give(struct answerer *a, const struct page_offer *offer, const struct page_frame *frame)
{
	uint64_t at = frame->vaddr, left = frame->nr_pages << PAGE_SHIFT;
	bool announced = false;

	while (left) {
		size_t len = MIN(left, BUFFER_SIZE);
		ssize_t n = pread_all(offer->mem, a->buffer, len, at);
		int err;

		/* The frame goes when there is something to send behind it. */
		if (n != (ssize_t)len)
			return log_errno(n < 0 ? (int)n : -ESRCH, "task %" PRIu64 ": cannot read "
					 "its memory at %#" PRIx64, frame->target, at);
		err = announced ? 0 : send_bytes(a, frame, sizeof(*frame), true);
		if (!err)
			err = send_bytes(a, a->buffer, len, left > len);
		if (err)
			return err;
		announced = true;
		at += len;
		left -= len;
	}
	a->given += frame->nr_pages;
	return 0;
}

static int on_get(struct answerer *a, const struct page_frame *frame)
{
	const struct page_offer *offer = page_offer_find(a->offers, a->n_offers, frame->target);
	struct page_frame answer = {
		.command = FRAME_ADD_F, .flags = PAGE_PRESENT, .vaddr = frame->vaddr,
		.target = frame->target,
	};

	if (!offer)
		return refuse(frame, "there is no such task");
	if (frame->vaddr % PAGE_SIZE)
		return refuse(frame, "the address is not page-aligned");
	answer.nr_pages = MIN(frame->nr_pages, page_offer_pages(offer, frame->vaddr));
	if (!answer.nr_pages)
		return refuse(frame, "there is nothing to be had");
	return give(a, offer, &answer);
}

static int on_close(struct answerer *a, const struct page_frame *frame)
{
	a->closed = true;
	return 0;
}

static const struct answer_row {
	uint16_t command;
	int (*handle)(struct answerer *a, const struct page_frame *frame);
} answer_table[] = {
	{ FRAME_GET, on_get },
	{ FRAME_CLOSE, on_close },
	{ FRAME_FORCE_CLOSE, on_close },
};

static int answer_one(struct answerer *a, const struct page_frame *frame)
{
	for (size_t i = 0; i < ARRAY_SIZE(answer_table); i++)
		if (answer_table[i].command == frame->command)
			return answer_table[i].handle(a, frame);
	return refuse(frame, "no command of a lazy session");
}

int page_answer(struct stream *stream, const struct page_frame *first,
		const struct page_offer *offers, size_t n_offers, int stop_fd)
{
	_cleanup_free_ char *buffer = malloc(BUFFER_SIZE);
	struct answerer a = {
		.stream = stream, .stop_fd = stop_fd, .offers = offers, .n_offers = n_offers,
		.buffer = buffer,
	};
	int err = buffer ? 0 : log_errno(-ENOMEM, "lazy page server: no buffer");

	if (!err && first)
		err = answer_one(&a, first);
	while (!err && !a.closed) {
		struct page_frame frame;

		err = receive_frame(&a, &frame);
		if (!err)
			err = answer_one(&a, &frame);
	}
	log_info("lazy page server: gave %" PRIu64 " pages", a.given);
	return err;
}

int page_answer_close(struct stream *stream)
{
	struct answerer a = { .stream = stream, .stop_fd = -1 };
	const int32_t status = 0;
	int err = send_bytes(&a, &status, sizeof(status), false);

	if (!err)
		stream_end(stream);
	return err;
}
