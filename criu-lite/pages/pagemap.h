/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page map: which pages of an address space or segment are in images, and
 * where (spec/images.md, sections 5.3 to 5.5).
 *
 * Loading checks all there is to check and follows parent directories, so
 * that what a loaded map says can be used as it stands.
 *
 *	pagemap-7.img		|PPPP....PPRR|		P: in pages-1.img
 *	parent/pagemap-7.img	|QQ......QQQQ|		R: unchanged since the parent
 *	page map		|PPPP....PPQQ|		.: not stored, a hole
 */
#ifndef CRIU_LITE_PAGES_PAGEMAP_H
#define CRIU_LITE_PAGES_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/catalogue.h"
#include "util/cleanup.h"

struct image_dir;

/* pagemap_entry.flags */
enum page_flags {
	PAGE_PARENT = 1 << 0,		/* as in the parent directory; no bytes here */
	PAGE_LAZY = 1 << 1,		/* memory that a lazy restore may leave out */
	PAGE_PRESENT = 1 << 2,		/* bytes are in the pages file */
};

/* Pages that lie one after the other in memory and in one pages file. */
struct page_extent {
	uint64_t start;			/* address, or offset in the segment; bytes */
	uint64_t len;			/* bytes, a multiple of the page size, not 0 */
	uint64_t offset;		/* bytes, in files[file] */
	uint32_t file;			/* index in page_map.files */
	uint32_t flags;			/* PAGE_PRESENT, or PAGE_LAZY alone: no bytes of it here */
};

/* The pages file of one directory: element 0 is the top one, then its parents. */
struct page_file {
	int fd;				/* -1: no extent has its bytes there */
	uint32_t pages_id;
	uint64_t size;			/* bytes */
	int crcs_fd;			/* the checksums of its pages; -1: there are none */
};

struct page_map {
	enum image_type type;		/* IMAGE_PAGEMAP or IMAGE_SHMEM_PAGEMAP */
	uint64_t key;			/* pid or shmid */
	struct page_extent *extents;	/* ascending, disjoint */
	size_t n_extents, cap_extents;
	struct page_file *files;
	size_t n_files, cap_files;
	uint64_t nr_pages;		/* with bytes, in all extents */
	uint64_t nr_lazy_only;		/* pages without bytes: with a dump-side page server */
};

/*
 * Loads pagemap-@key (@type IMAGE_PAGEMAP: key is a pid) or pagemap-shmem-@key
 * (IMAGE_SHMEM_PAGEMAP) and opens the pages files that hold its bytes.
 * Returns 0; -ENOENT when there is no such image (not logged); -EINVAL when it
 * is damaged, -errno, all logged. The caller frees *map with page_map_free().
 */
int page_map_load(struct image_dir *dir, enum image_type type, uint64_t key,
		  struct page_map **map);
void page_map_free(struct page_map *map);
DEFINE_CLEANUP(struct page_map *, page_map, page_map_free)

/*
 * Whether @data, @len bytes, is what the dump had at @start, which is in @extent: @crcs are
 * the checksums of these pages. Returns 0 or -EBADMSG, logged.
 */
int page_map_check(const struct page_map *map, const struct page_extent *extent, uint64_t start,
		   const uint32_t *crcs, const void *data, uint64_t len);
/* The same of all that the files have of [@start, @end). Returns 0 or -errno, logged. */
int page_map_verify(const struct page_map *map, uint64_t start, uint64_t end);

/* The extent that holds @addr, else the first one above it, else NULL. O(log n). */
const struct page_extent *page_map_find(const struct page_map *map, uint64_t addr);

static inline uint64_t page_extent_end(const struct page_extent *extent)
{
	return extent->start + extent->len;
}

/* Where its pages file has what is at @addr; bytes. */
static inline uint64_t page_extent_offset(const struct page_extent *extent, uint64_t addr)
{
	return extent->offset + (addr - extent->start);
}

static inline bool page_extent_has_data(const struct page_extent *extent)
{
	return extent->flags & PAGE_PRESENT;
}

/* extent + 1 when there is one, else NULL. */
static inline const struct page_extent *page_map_next(const struct page_map *map,
						      const struct page_extent *extent)
{
	return extent + 1 < map->extents + map->n_extents ? extent + 1 : NULL;
}

#endif
