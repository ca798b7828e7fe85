// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sending end of a session with a page server.
 *
 * Nothing is acknowledged but the beginning of a page map and the end of the
 * session: what the server answers to that one is what counts.
 */
#include "pages/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pages/frame.h"
#include "pages/pagemap.h"
#include "util/log.h"

struct page_link {
	struct stream stream;
	uint64_t target;		/* of the frames to come */
};

int page_link_new(struct stream stream, struct page_link **link)
{
	*link = malloc(sizeof(**link));
	if (!*link) {
		stream_close(&stream);
		return log_errno(-ENOMEM, "page server: no session");
	}
	**link = (struct page_link){ .stream = stream };
	return 0;
}

/* @err: of a call that waits no longer than the socket says. */
static int link_error(const struct page_link *link, int err, const char *what)
{
	const char *why = link->stream.why;

	if (err == -EAGAIN)
		err = -ETIMEDOUT;
	return log_errno(err, "page server: cannot %s%s%s", what, why ? ": " : "", why ? why : "");
}

static int send_frame(struct page_link *link, const struct page_frame *frame, bool more)
{
	int err = stream_send_all(&link->stream, frame, sizeof(*frame), more ? MSG_MORE : 0);

	return err ? link_error(link, err, "send to it") : 0;
}

static int receive_answer(struct page_link *link, void *answer, size_t len)
{
	ssize_t n = stream_receive_all(&link->stream, answer, len);

	if (n == (ssize_t)len)
		return 0;
	return link_error(link, n < 0 ? n : -ECONNRESET, "receive its answer");
}

int page_link_open(struct page_link *link, enum image_type type, uint64_t key)
{
	struct page_frame frame = { .command = FRAME_OPEN2, .target = frame_target(type, key) };
	enum image_type same_type;
	uint8_t has_parent;
	uint64_t same_key;
	int err;

	if (frame_target_parse(frame.target, &same_type, &same_key) || same_key != key)
		return log_errno(-EOVERFLOW, "page server: there is no name for %s %#" PRIx64,
				 type == IMAGE_PAGEMAP ? "task" : "segment", key);
	err = send_frame(link, &frame, false);
	if (!err)
		err = receive_answer(link, &has_parent, sizeof(has_parent));
	if (err)
		return err;
	if (has_parent > 1)
		return log_errno(-EPROTO, "page server: its answer (%#x) is none; or it speaks "
				 "TLS, and we do not (--tls)", has_parent);
	if (has_parent)
		return log_errno(-ENOTSUP, "page server: it has a parent of %s %" PRIu64 ": saving "
				 "what has changed is not supported yet",
				 type == IMAGE_PAGEMAP ? "task" : "segment", key);
	link->target = frame.target;
	return 0;
}

int page_link_extent(struct page_link *link, uint64_t start, uint64_t nr_pages, uint32_t flags)
{
	struct page_frame frame = {
		.command = FRAME_ADD_F, .flags = flags, .nr_pages = nr_pages, .vaddr = start,
		.target = link->target,
	};

	return send_frame(link, &frame, flags & PAGE_PRESENT);
}

int page_link_data(struct page_link *link, const void *buf, size_t len)
{
	int err = stream_send_all(&link->stream, buf, len, 0);

	return err ? link_error(link, err, "send pages to it") : 0;
}

int page_link_fd(const struct page_link *link)
{
	return stream_raw_fd(&link->stream);
}

int page_link_close(struct page_link *link)
{
	struct page_frame frame = { .command = FRAME_CLOSE };
	int32_t status;
	int err = send_frame(link, &frame, false);

	if (!err)
		err = receive_answer(link, &status, sizeof(status));
	if (!err && status)
		err = log_errno(-EPROTO, "page server: it failed (%d)", status);
	if (!err)
		stream_end(&link->stream);
	page_link_free(link);
	return err;
}

void page_link_free(struct page_link *link)
{
	stream_close(&link->stream);
	free(link);
}
