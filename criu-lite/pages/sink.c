// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a page map and its pages file.
 *
 * The place of a page in the pages file follows from the order of the entries
 * alone, so the sink counts: bytes announced by extents against bytes that
 * came. One byte too few or too many would shift every page behind it.
 */
#include "pages/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/writer.h"
#include "images/pagemap.pb-c.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

struct page_sink {
	struct image_writer *map;
	int fd;
	enum image_type type;
	uint64_t key;
	uint32_t pages_id;
	/* The extent that may still grow; nr_pages 0: none. */
	uint64_t start, nr_pages;
	uint32_t flags;
	uint64_t end;			/* of the last extent */
	uint64_t announced, written;	/* bytes of page data */
};

static int sink_error(const struct page_sink *s, int err, const char *what)
{
	return log_errno(err, "pages-%u (%s %" PRIu64 "): %s", s->pages_id,
			 s->type == IMAGE_SHMEM_PAGEMAP ? "segment" : "task", s->key, what);
}

static void sink_free(struct page_sink *s)
{
	image_writer_free(s->map);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

int page_sink_open(struct image_dir *dir, enum image_type type, uint64_t key,
		   uint32_t pages_id, struct page_sink **sink)
{
	_cleanup_(page_sink_cleanup) struct page_sink *s = calloc(1, sizeof(*s));
	PagemapHead head = PAGEMAP_HEAD__INIT;
	int err;

	if (!s)
		return log_errno(-ENOMEM, "pages-%u", pages_id);
	*s = (struct page_sink){ .fd = -1, .type = type, .key = key, .pages_id = pages_id };
	err = image_writer_open(dir, type, key, &s->map);
	if (err)
		return err;
	s->fd = image_open_raw(dir, IMAGE_PAGES, pages_id,
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
	if (s->fd < 0)
		return s->fd;
	head.pages_id = pages_id;
	err = image_write(s->map, &head.base);
	if (!err)
		*sink = take_ptr(s);
	return err;
}

static int write_extent(struct page_sink *s)
{
	PagemapEntry entry = PAGEMAP_ENTRY__INIT;

	if (!s->nr_pages)
		return 0;
	entry.vaddr = s->start;
	/* Readers before 4.2 know only this one; it cannot say more. */
	entry.compat_nr_pages = s->nr_pages <= UINT32_MAX ? s->nr_pages : 0;
	entry.has_nr_pages = true;
	entry.nr_pages = s->nr_pages;
	entry.has_flags = true;
	entry.flags = s->flags;
	s->nr_pages = 0;
	return image_write(s->map, &entry.base);
}

int page_sink_extent(struct page_sink *s, uint64_t start, uint64_t nr_pages, uint32_t flags)
{
	int err = 0;

	if (!nr_pages || start % PAGE_SIZE || start < s->end ||
	    nr_pages > (UINT64_MAX - start) >> PAGE_SHIFT || !flags)
		return sink_error(s, -EINVAL, "extents are out of order");
	if (!s->nr_pages || s->end != start || s->flags != flags) {
		err = write_extent(s);
		s->start = start;
		s->flags = flags;
	}
	s->nr_pages += nr_pages;
	s->end = start + (nr_pages << PAGE_SHIFT);
	if (flags & PAGE_PRESENT)
		s->announced += nr_pages << PAGE_SHIFT;
	return err;
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
	return sink_error(s, -EPROTO, "more bytes than its extents hold");
}

int page_sink_data_from_pipe(struct page_sink *s, int pipe_fd, uint64_t len)
{
	int err = check_room(s, len);

	while (!err && len) {
		ssize_t n = splice(pipe_fd, NULL, s->fd, NULL, len, SPLICE_F_MOVE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sink_error(s, n ? -errno : -EPIPE, "cannot splice");
		s->written += n;
		len -= n;
	}
	return err;
}

int page_sink_data_from_file(struct page_sink *s, int fd, uint64_t offset, uint64_t len)
{
	off_t from = offset;
	int err = check_room(s, len);

	/* Not copy_file_range(2): from shared memory to a disk it says EXDEV. */
	while (!err && len) {
		ssize_t n = sendfile(s->fd, fd, &from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sink_error(s, n ? -errno : -EPIPE, "cannot copy from a file");
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
	err = write_all(s->fd, buf, len);
	if (err)
		return sink_error(s, err, "cannot write");
	s->written += len;
	return 0;
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
	int err = write_extent(s), ret;

	if (page_sink_missing(s) && !err)
		err = sink_error(s, -EPROTO, "fewer bytes than its extents hold");
	ret = image_writer_close(take_ptr(s->map));
	if (!err)
		err = ret;
	/* Network filesystems report here that a write did not reach them. */
	if (close(take_fd(&s->fd)) && !err)
		err = sink_error(s, -errno, "cannot close");
	sink_free(s);
	return err;
}

void page_sink_abort(struct page_sink *s)
{
	sink_free(s);
}
