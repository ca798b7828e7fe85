// SPDX-License-Identifier: GPL-2.0-only
/*
 * The door of all page sinks.
 *
 * The place of a page in the pages file follows from the order of the entries
 * alone, so the door counts: bytes announced by extents against bytes that
 * came. One byte too few or too many would shift every page behind it.
 */
#include "pages/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "pages/sink-ops.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define COPY_SIZE (256UL << 10)

int page_sink_error(const struct page_sink *s, int err, const char *what)
{
	return log_errno(err, "pages of %s %" PRIu64 ": %s",
			 s->type == IMAGE_SHMEM_PAGEMAP ? "segment" : "task", s->key, what);
}

int page_sink_open(struct image_dir *dir, struct page_link *link, enum image_type type,
		   uint64_t key, uint32_t pages_id, struct page_sink **sink)
{
	struct page_sink *s = NULL;
	int err = link ? page_sink_remote_open(dir, link, type, key, &s) :
			 page_sink_file_open(dir, type, key, pages_id, &s);

	if (err)
		return err;
	s->type = type;
	s->key = key;
	*sink = s;
	return 0;
}

int page_sink_extent(struct page_sink *s, uint64_t start, uint64_t nr_pages, uint32_t flags)
{
	int err;

	if (!nr_pages || start % PAGE_SIZE || start < s->end ||
	    nr_pages > (UINT64_MAX - start) >> PAGE_SHIFT || !flags)
		return page_sink_error(s, -EINVAL, "extents are out of order");
	if (s->ops->in_step && page_sink_missing(s))
		return page_sink_error(s, -EPROTO, "an extent comes before the bytes of the last");
	err = s->ops->extent(s, start, nr_pages, flags);
	s->end = start + (nr_pages << PAGE_SHIFT);
	if (flags & PAGE_PRESENT)
		s->announced += nr_pages << PAGE_SHIFT;
	return err;
}

bool page_sink_in_step(const struct page_sink *s)
{
	return s->ops->in_step;
}

uint64_t page_sink_missing(const struct page_sink *s)
{
	return s->announced - s->written;
}

uint64_t page_sink_pages(const struct page_sink *s)
{
	return s->written >> PAGE_SHIFT;
}

static int check_room(const struct page_sink *s, uint64_t len)
{
	if (len <= page_sink_missing(s))
		return 0;
	return page_sink_error(s, -EPROTO, "more bytes than its extents hold");
}

int page_sink_data_from_pipe(struct page_sink *s, int pipe_fd, uint64_t len)
{
	int err = check_room(s, len);

	while (!err && len) {
		ssize_t n = splice(pipe_fd, NULL, s->fd, NULL, len, SPLICE_F_MOVE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return page_sink_error(s, n ? -errno : -EPIPE, "cannot splice");
		s->written += n;
		len -= n;
	}
	return err;
}

/* What no descriptor takes. */
static int copy_file(struct page_sink *s, int fd, uint64_t offset, uint64_t len)
{
	_cleanup_free_ char *buf = malloc(COPY_SIZE);
	int err = buf ? 0 : page_sink_error(s, -ENOMEM, "cannot copy from a file");

	while (!err && len) {
		size_t some = MIN(len, COPY_SIZE);
		ssize_t n = pread_all(fd, buf, some, offset);

		if (n != (ssize_t)some)
			return page_sink_error(s, n < 0 ? (int)n : -EPIPE,
					       "cannot copy from a file");
		err = page_sink_data(s, buf, some);
		offset += some;
		len -= some;
	}
	return err;
}

int page_sink_data_from_file(struct page_sink *s, int fd, uint64_t offset, uint64_t len)
{
	off_t from = offset;
	int err = check_room(s, len);

	if (!err && s->fd < 0)
		return copy_file(s, fd, offset, len);

	/* Not copy_file_range(2): from shared memory to a disk it says EXDEV. */
	while (!err && len) {
		ssize_t n = sendfile(s->fd, fd, &from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return page_sink_error(s, n ? -errno : -EPIPE, "cannot copy from a file");
		s->written += n;
		len -= n;
	}
	return err;
}

int page_sink_data(struct page_sink *s, const void *buf, uint64_t len)
{
	int err = check_room(s, len);

	if (err)
		return err;
	if (s->fd < 0)
		err = s->ops->data(s, buf, len);
	else if ((err = write_all(s->fd, buf, len)) < 0)
		page_sink_error(s, err, "cannot write");
	if (!err)
		s->written += len;
	return err;
}

int page_sink_fd(const struct page_sink *s)
{
	return s->fd;
}

int page_sink_wrote(struct page_sink *s, uint64_t len)
{
	int err = check_room(s, len);

	if (!err)
		s->written += len;
	return err;
}

int page_sink_close(struct page_sink *s)
{
	int err = 0;

	if (page_sink_missing(s))
		err = page_sink_error(s, -EPROTO, "fewer bytes than its extents hold");
	return s->ops->close(s, err);
}

void page_sink_abort(struct page_sink *s)
{
	s->ops->close(s, -ECANCELED);
}
