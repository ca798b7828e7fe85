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
#include <unistd.h>

#include "pages/frame.h"
#include "pages/pagemap.h"
#include "util/log.h"

struct page_link {
	int sock;
	uint64_t target;		/* of the frames to come */
};

int page_link_new(int sock, struct page_link **link)
{
	*link = malloc(sizeof(**link));
	if (!*link) {
		close(sock);
		return log_errno(-ENOMEM, "page server: no session");
	}
	**link = (struct page_link){ .sock = sock };
	return 0;
}

/* @err: of a call that waits no longer than the socket says. */
static int link_error(int err, const char *what)
{
	if (err == -EAGAIN)
		err = -ETIMEDOUT;
	return log_errno(err, "page server: cannot %s", what);
}

static int send_frame(struct page_link *link, const struct page_frame *frame, bool more)
{
	const char *at = (const char *)frame;
	size_t left = sizeof(*frame);

	while (left) {
		ssize_t n = send(link->sock, at, left, MSG_NOSIGNAL | (more ? MSG_MORE : 0));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return link_error(-errno, "send to it");
		at += n;
		left -= n;
	}
	return 0;
}

static int receive_answer(struct page_link *link, void *answer, size_t len)
{
	ssize_t n;

	do
		n = recv(link->sock, answer, len, MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return 0;
	return link_error(n < 0 ? -errno : -ECONNRESET, "receive its answer");
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

int page_link_fd(const struct page_link *link)
{
	return link->sock;
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
	page_link_free(link);
	return err;
}

void page_link_free(struct page_link *link)
{
	close(link->sock);
	free(link);
}
