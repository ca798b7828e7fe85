// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiving end of a session with a dump.
 *
 * The other end is not to be trusted: a number in a frame sizes no memory, a
 * target names no file but a page map, and each page map comes once. Pages
 * files get numbers from 0x10001 on, where the dump's own do not reach.
 */
#include "pages/receive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "image/dir.h"
#include "pages/frame.h"
#include "pages/pagemap.h"
#include "pages/sink.h"
#include "pages/stream.h"
#include "util/array.h"
#include "util/log.h"
#include "util/macro.h"

#define FIRST_PAGES_ID 0x10001
#define BUFFER_SIZE (256 << 10)

struct received {
	enum image_type type;
	uint64_t key;
	uint32_t pages_id;
};

struct receiver {
	struct stream *stream;
	struct image_dir *dir;
	struct page_sink *sink;		/* of what was opened last; NULL: nothing yet */
	uint64_t target;
	struct received *received;
	size_t n_received, cap_received;
	char *buffer;
	bool closed;
};

static int answer(struct receiver *rc, const void *buf, size_t len)
{
	int err = stream_send_all(rc->stream, buf, len, 0);

	return err ? log_errno(err, "page server: cannot answer") : 0;
}

static int receive_error(const struct receiver *rc, int err)
{
	const char *why = rc->stream->why;

	return log_errno(err, "page server: cannot receive%s%s", why ? ": " : "", why ? why : "");
}

static int refuse(const struct page_frame *frame, int err, const char *why)
{
	return log_errno(err, "page server: %s for target %#" PRIx64 ": %s",
			 frame_command_str(frame->command), frame->target, why);
}

static int finish(struct receiver *rc)
{
	return rc->sink ? page_sink_close(take_ptr(rc->sink)) : 0;
}

static int on_open(struct receiver *rc, const struct page_frame *frame)
{
	struct received *got;
	enum image_type type;
	uint64_t key;
	int err = finish(rc);

	if (err)
		return err;
	if (frame_target_parse(frame->target, &type, &key))
		return refuse(frame, -EPROTO, "no page map is called so");
	for (size_t i = 0; i < rc->n_received; i++)
		if (rc->received[i].type == type && rc->received[i].key == key)
			return refuse(frame, -EPROTO, "it has been sent before");
	got = array_push(&rc->received, &rc->n_received, &rc->cap_received);
	if (!got)
		return refuse(frame, -ENOMEM, "no memory");
	*got = (struct received){ type, key, FIRST_PAGES_ID + rc->n_received - 1 };
	rc->target = frame->target;
	return page_sink_open(rc->dir, NULL, type, key, got->pages_id, &rc->sink);
}

static int on_open2(struct receiver *rc, const struct page_frame *frame)
{
	const uint8_t has_parent = 0;
	int err = on_open(rc, frame);

	return err ? err : answer(rc, &has_parent, sizeof(has_parent));
}

static int on_parent(struct receiver *rc, const struct page_frame *frame)
{
	const int32_t has_parent = 0;

	return answer(rc, &has_parent, sizeof(has_parent));
}

static int receive_pages(struct receiver *rc, uint64_t nr_pages)
{
	/* In pages: as bytes the number may not fit. */
	while (nr_pages) {
		size_t len = MIN(nr_pages, (uint64_t)BUFFER_SIZE >> PAGE_SHIFT) << PAGE_SHIFT;
		ssize_t n = stream_receive_all(rc->stream, rc->buffer, len);
		int err;

		if (n < 0)
			return receive_error(rc, n);
		if ((size_t)n < len)
			return log_errno(-EPROTO, "page server: the connection ended within pages");
		err = page_sink_data(rc->sink, rc->buffer, len);
		if (err)
			return err;
		nr_pages -= len >> PAGE_SHIFT;
	}
	return 0;
}

static int add(struct receiver *rc, const struct page_frame *frame, uint32_t flags)
{
	int err;

	if (!rc->sink || frame->target != rc->target)
		return refuse(frame, -EPROTO, "it was not opened before");
	if (flags & PAGE_PARENT)
		return refuse(frame, -ENOTSUP, "pages of a parent are not supported yet");
	if (flags & ~(PAGE_PRESENT | PAGE_LAZY))
		return refuse(frame, -EPROTO, "unknown flags");
	err = page_sink_extent(rc->sink, frame->vaddr, frame->nr_pages, flags);
	if (err || !(flags & PAGE_PRESENT))
		return err;
	return receive_pages(rc, frame->nr_pages);
}

static int on_add(struct receiver *rc, const struct page_frame *frame)
{
	return add(rc, frame, PAGE_PRESENT);
}

static int on_hole(struct receiver *rc, const struct page_frame *frame)
{
	return add(rc, frame, PAGE_PARENT);
}

static int on_add_f(struct receiver *rc, const struct page_frame *frame)
{
	return add(rc, frame, frame->flags);
}

static int on_get(struct receiver *rc, const struct page_frame *frame)
{
	return refuse(frame, -EPROTO, "this page server stores pages, it has none");
}

/* The answer says that everything is in the files; not that it is on the disk. */
static int on_close(struct receiver *rc, const struct page_frame *frame)
{
	const int32_t status = 0;
	int err = finish(rc);

	rc->closed = !err;
	if (!err)
		err = answer(rc, &status, sizeof(status));
	if (!err)
		stream_end(rc->stream);
	return err;
}

static const struct receive_row {
	uint16_t command;
	int (*handle)(struct receiver *rc, const struct page_frame *frame);
} receive_table[] = {
	{ FRAME_ADD, on_add },
	{ FRAME_HOLE, on_hole },
	{ FRAME_OPEN, on_open },
	{ FRAME_OPEN2, on_open2 },
	{ FRAME_PARENT, on_parent },
	{ FRAME_ADD_F, on_add_f },
	{ FRAME_GET, on_get },
	{ FRAME_CLOSE, on_close },
	{ FRAME_FORCE_CLOSE, on_close },
};

static int receive_one(struct receiver *rc)
{
	struct page_frame frame;
	ssize_t n = stream_receive_all(rc->stream, &frame, sizeof(frame));

	if (n < 0)
		return receive_error(rc, n);
	if (n < (ssize_t)sizeof(frame))
		return log_errno(-EPROTO, "page server: the connection ended before its session");
	for (size_t i = 0; i < ARRAY_SIZE(receive_table); i++)
		if (receive_table[i].command == frame.command)
			return receive_table[i].handle(rc, &frame);
	if (frame_is_tls(frame.command))
		return log_errno(-EPROTO, "page server: the dump speaks TLS, and we do not "
				 "(--tls)");
	return log_errno(-EPROTO, "page server: unknown command %#" PRIx16, frame.command);
}

static void remove_received(struct receiver *rc)
{
	for (size_t i = 0; i < rc->n_received; i++) {
		const struct received *got = &rc->received[i];

		image_remove(rc->dir, got->type, got->key);
		image_remove(rc->dir, IMAGE_PAGES, got->pages_id);
		image_remove(rc->dir, IMAGE_PAGE_CRCS, got->pages_id);
	}
}

int page_receive(struct stream *stream, struct image_dir *dir)
{
	struct receiver rc = { .stream = stream, .dir = dir, .buffer = malloc(BUFFER_SIZE) };
	int err = rc.buffer ? 0 : log_errno(-ENOMEM, "page server: no buffer");

	while (!err && !rc.closed)
		err = receive_one(&rc);
	page_sink_cleanup(&rc.sink);
	if (err)
		remove_received(&rc);
	else
		log_info("page server: received %zu page maps", rc.n_received);
	free(rc.received);
	free(rc.buffer);
	return err;
}
