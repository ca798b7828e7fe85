// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page sink of image files: a page map, and the pages file that it numbers.
 *
 * An extent that continues the last one makes it longer, so that the page map
 * has as few entries as the memory has ranges. It is therefore written when
 * the next one begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/writer.h"
#include "images/pagemap.pb-c.h"
#include "pages/page_crcs.h"
#include "pages/sink-ops.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

struct file_sink {
	struct page_sink sink;
	struct image_dir *dir;
	uint32_t pages_id;
	struct image_writer *map;
	/* The extent that may still grow; nr_pages 0: none. */
	uint64_t start, nr_pages;
	uint32_t flags;
};

static struct file_sink *file_sink(struct page_sink *s)
{
	return container_of(s, struct file_sink, sink);
}

static int write_extent(struct file_sink *fs)
{
	PagemapEntry entry = PAGEMAP_ENTRY__INIT;

	if (!fs->nr_pages)
		return 0;
	entry.vaddr = fs->start;
	/* Readers before 4.2 know only this one; it cannot say more. */
	entry.compat_nr_pages = fs->nr_pages <= UINT32_MAX ? fs->nr_pages : 0;
	entry.has_nr_pages = true;
	entry.nr_pages = fs->nr_pages;
	entry.has_flags = true;
	entry.flags = fs->flags;
	fs->nr_pages = 0;
	return image_write(fs->map, &entry.base);
}

static int file_extent(struct page_sink *s, uint64_t start, uint64_t nr_pages, uint32_t flags)
{
	struct file_sink *fs = file_sink(s);
	int err = 0;

	if (!fs->nr_pages || s->end != start || fs->flags != flags) {
		err = write_extent(fs);
		fs->start = start;
		fs->flags = flags;
	}
	fs->nr_pages += nr_pages;
	return err;
}

static int file_close(struct page_sink *s, int err)
{
	struct file_sink *fs = file_sink(s);
	int ret;

	if (!err)
		err = page_crcs_write(fs->dir, fs->pages_id, s->fd, s->written >> PAGE_SHIFT);
	if (!err)
		err = write_extent(fs);
	if (fs->map && !err) {
		ret = image_writer_close(take_ptr(fs->map));
		err = ret;
	}
	/* Network filesystems report here that a write did not reach them. */
	if (s->fd >= 0 && close(take_fd(&s->fd)) && !err)
		err = page_sink_error(s, -errno, "cannot close");
	image_writer_free(fs->map);
	free(fs);
	return err;
}

static const struct page_sink_ops file_sink_ops = {
	.extent = file_extent,
	.close = file_close,
};

int page_sink_file_open(struct image_dir *dir, enum image_type type, uint64_t key,
			uint32_t pages_id, struct page_sink **sink)
{
	struct file_sink *fs = calloc(1, sizeof(*fs));
	PagemapHead head = PAGEMAP_HEAD__INIT;
	int err;

	if (!fs)
		return log_errno(-ENOMEM, "pages-%u", pages_id);
	fs->sink = (struct page_sink){ .ops = &file_sink_ops, .fd = -1 };
	fs->dir = dir;
	fs->pages_id = pages_id;
	err = image_writer_open(dir, type, key, &fs->map);
	if (err) {
		free(fs);
		return err;
	}
	fs->sink.fd = image_open_raw(dir, IMAGE_PAGES, pages_id,
				     O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC);
	head.pages_id = pages_id;
	head.has_page_crcs = head.page_crcs = true;
	err = fs->sink.fd < 0 ? fs->sink.fd : image_write(fs->map, &head.base);
	if (err)
		return file_close(&fs->sink, err);
	*sink = &fs->sink;
	return 0;
}
