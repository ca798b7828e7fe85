// SPDX-License-Identifier: GPL-2.0-only
/*
 * The content of memory files made of huge pages (MFD_HUGETLB, or a shared
 * mapping with MAP_HUGETLB).
 *
 * Their file system can be read from, but not written to, nor does it move
 * pages to other files, nor say where the holes are. So what reads as zeros is
 * taken for a hole, a chunk at a time, and content goes back through a
 * mapping, which takes its huge pages from those that are reserved: where too
 * few are free it fails before any task runs.
 *
 *	file	|    huge page    |    huge page    |    huge page    |
 *	chunks	|  #  |  0  |  #  |  0  |  0  |  0  |  ...
 *	saved	|#####|     |#####|
 */
#include "kinds/mm/memfd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages/pagemap.h"
#include "pages/sink.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/zero.h"

#define CHUNK_SIZE (256UL << 10)

static int save_chunk(const struct memfd_inode *inode, struct page_sink *sink, char *buf,
		      uint64_t start, size_t len)
{
	ssize_t n = pread_all(inode->fd, buf, len, start);
	int ret;

	if (n != (ssize_t)len)
		return log_errno(n < 0 ? n : -EIO, "memfd %s: cannot read at %#lx",
				 inode->entry->name, (unsigned long)start);
	if (all_zero(buf, len))
		return 0;
	ret = page_sink_extent(sink, start, len >> PAGE_SHIFT, PAGE_PRESENT);
	return ret < 0 ? ret : page_sink_data(sink, buf, len);
}

int memfd_huge_save(const struct memfd_inode *inode, struct page_sink *sink)
{
	_cleanup_free_ char *buf = malloc(CHUNK_SIZE);
	uint64_t size = inode->entry->size;

	if (!buf)
		return log_errno(-ENOMEM, "memfd %s: cannot save it", inode->entry->name);
	for (uint64_t start = 0; start < size; start += CHUNK_SIZE) {
		int ret = save_chunk(inode, sink, buf, start, MIN(size - start, CHUNK_SIZE));

		if (ret < 0)
			return ret;
	}
	return 0;
}

int memfd_huge_fill(const struct memfd_inode *inode, const struct page_extent *ext,
		    uint64_t start, uint64_t end)
{
	uint64_t from = ALIGN_DOWN(start, inode->huge_page), len = end - start;
	uint64_t map_len = ALIGN_UP(end, inode->huge_page) - from;
	char *map = mmap(NULL, map_len, PROT_READ | PROT_WRITE, MAP_SHARED, inode->fd, from);
	ssize_t n;

	if (map == MAP_FAILED)
		return log_errno(-errno, "memfd %s: cannot map its huge pages of %lu KiB: are "
				 "enough free?", inode->entry->name,
				 (unsigned long)inode->huge_page / 1024);
	n = pread_all(inode->pages->files[ext->file].fd, map + (start - from), len,
		      page_extent_offset(ext, start));
	munmap(map, map_len);
	if (n != (ssize_t)len)
		return log_errno(n < 0 ? n : -EIO, "memfd %s: cannot fill it at %#lx",
				 inode->entry->name, (unsigned long)start);
	return 0;
}
