// SPDX-License-Identifier: GPL-2.0-only
/*
 * The content of memory files, as pagemap-shmem-SHMID and its pages file.
 *
 * Saved is what the file system says is data: pages that were never touched,
 * or only reserved by fallocate(), are holes and stay so. The bytes go from
 * the page cache of one file to that of the other inside the kernel.
 *
 * Images hold whole pages, a file may end inside one. What lies behind the end
 * in that last page can be seen through a mapping only, so that page, if
 * any, is read and written through a mapping:
 *
 *	file	|  page  |  page  |  pa:  |
 *					^ size
 *	moved	|--- in the kernel ---|map|
 */
#include "kinds/mm/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/restore.h"
#include "image/dir.h"
#include "pages/pagemap.h"
#include "pages/sink.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* The kernel moves no more at once. */
#define SENDFILE_MAX (1UL << 30)

static const char *inode_name(const struct memfd_inode *inode)
{
	return inode->entry->name;
}

static int save_tail(const struct memfd_inode *inode, struct page_sink *sink, uint64_t start)
{
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, inode->fd, start);
	int ret;

	if (page == MAP_FAILED)
		return log_errno(-errno, "memfd %s: cannot map its last page", inode_name(inode));
	ret = page_sink_data(sink, page, PAGE_SIZE);
	munmap(page, PAGE_SIZE);
	return ret;
}

/* Saves [start, end); @end may be the end of the file, inside a page. */
static int save_range(const struct memfd_inode *inode, struct page_sink *sink, uint64_t start,
		      uint64_t end)
{
	uint64_t whole = ALIGN_DOWN(end, PAGE_SIZE);
	int ret = page_sink_extent(sink, start, (ALIGN_UP(end, PAGE_SIZE) - start) >> PAGE_SHIFT,
				   PAGE_PRESENT);

	if (ret < 0)
		return ret;
	if (whole > start) {
		ret = page_sink_data_from_file(sink, inode->fd, start, whole - start);
		if (ret < 0)
			return ret;
	}
	return whole < end ? save_tail(inode, sink, whole) : 0;
}

static int save_all(const struct memfd_inode *inode, struct page_sink *sink)
{
	off_t size = inode->entry->size, start = 0, end;
	int ret;

	while (start < size) {
		start = lseek(inode->fd, start, SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			return 0;
		end = start < 0 ? -1 : lseek(inode->fd, start, SEEK_HOLE);
		if (end < 0)
			return log_errno(-errno, "memfd %s: cannot find its data",
					 inode_name(inode));
		/* Whoever is not in the tree may still make it grow. */
		end = MIN(end, size);
		ret = start < end ? save_range(inode, sink, start, end) : 0;
		if (ret < 0)
			return ret;
		start = end;
	}
	return 0;
}

int memfd_pages_save(struct dump *d, struct memfd_inode *inode)
{
	_cleanup_(page_sink_cleanup) struct page_sink *sink = NULL;
	int ret;

	if (!inode->entry->size)
		return 0;
	ret = page_sink_open(d->images, d->page_link, IMAGE_SHMEM_PAGEMAP, inode->entry->shmid,
			     ++d->last_pages_id, &sink);
	if (ret < 0)
		return ret;
	ret = inode->huge_page ? memfd_huge_save(inode, sink) : save_all(inode, sink);
	if (ret < 0)
		return ret;
	if (d->stats) {
		d->stats->has_shpages_scanned = d->stats->has_shpages_written = true;
		d->stats->shpages_scanned += ALIGN_UP(inode->entry->size, PAGE_SIZE) >> PAGE_SHIFT;
		d->stats->shpages_written += page_sink_pages(sink);
	}
	return page_sink_close(take_ptr(sink));
}

int memfd_pages_load(struct restore *r, struct memfd_inode *inode)
{
	const MemfdInodeEntry *e = inode->entry;
	int ret = page_map_load(r->images, IMAGE_SHMEM_PAGEMAP, e->shmid, &inode->pages);

	if (ret == -ENOENT)
		return log_errno(ret, "memfd %s: pagemap-shmem-%u is missing", e->name, e->shmid);
	if (ret < 0)
		return ret;
	if (inode->pages->nr_lazy_only)
		return log_errno(-ENOTSUP, "pagemap-shmem-%u: %lu pages were left with the dump",
				 e->shmid, (unsigned long)inode->pages->nr_lazy_only);
	return 0;
}

static int fill_tail(const struct memfd_inode *inode, int fd, uint64_t offset, uint64_t start)
{
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inode->fd, start);
	ssize_t n;

	if (page == MAP_FAILED)
		return log_errno(-errno, "memfd %s: cannot map its last page", inode_name(inode));
	n = pread_all(fd, page, PAGE_SIZE, offset);
	munmap(page, PAGE_SIZE);
	if (n != (ssize_t)PAGE_SIZE)
		return log_errno(n < 0 ? n : -EIO, "memfd %s: cannot read its last page",
				 inode_name(inode));
	return 0;
}

static int fill_whole(const struct memfd_inode *inode, int fd, uint64_t offset, uint64_t start,
		      uint64_t len)
{
	off_t from = offset;

	if (lseek(inode->fd, start, SEEK_SET) < 0)
		return log_errno(-errno, "memfd %s: cannot seek", inode_name(inode));
	while (len) {
		ssize_t n = sendfile(inode->fd, fd, &from, MIN(len, SENDFILE_MAX));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return log_errno(n < 0 ? -errno : -EIO, "memfd %s: cannot fill at %#lx",
					 inode_name(inode), (unsigned long)start);
		len -= n;
		start += n;
	}
	return 0;
}

static int fill_extent(const struct memfd_inode *inode, const struct page_extent *ext,
		       uint64_t start, uint64_t end)
{
	uint64_t offset = page_extent_offset(ext, start);
	int fd = inode->pages->files[ext->file].fd;
	uint64_t whole = MIN(end, ALIGN_DOWN(inode->entry->size, PAGE_SIZE));
	int ret = page_map_verify(inode->pages, start, end);

	if (ret < 0)
		return ret;
	if (inode->huge_page)
		return memfd_huge_fill(inode, ext, start, end);
	if (start < whole)
		ret = fill_whole(inode, fd, offset, start, whole - start);
	if (ret < 0 || end <= whole)
		return ret;
	return fill_tail(inode, fd, offset + (whole - start), whole);
}

int memfd_pages_fill(const struct memfd_inode *inode, uint64_t start, uint64_t end)
{
	const struct page_extent *ext = page_map_find(inode->pages, start);

	for (; ext && ext->start < end; ext = page_map_next(inode->pages, ext)) {
		uint64_t from = MAX(start, ext->start), to = MIN(end, page_extent_end(ext));
		int ret = page_extent_has_data(ext) ? fill_extent(inode, ext, from, to) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}
