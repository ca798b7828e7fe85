// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page source of image files.
 *
 * The pages files of the whole chain are mapped read-only, and a run is a
 * pointer into the mapping: UFFDIO_COPY copies from the page cache straight
 * into the task. What a mapping costs grows with what was touched of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pages/pagemap.h"
#include "pages/source.h"
#include "util/log.h"
#include "util/macro.h"

struct file_source {
	struct page_source base;
	struct page_map *map;
	void **bytes;			/* one mapping for each file of the map, or NULL */
};

static struct file_source *file_source(struct page_source *src)
{
	return container_of(src, struct file_source, base);
}

static int file_lookup(struct page_source *src, uint64_t addr, uint64_t len,
		       struct source_run *run)
{
	struct file_source *fs = file_source(src);
	const struct page_extent *e = page_map_find(fs->map, addr);

	if (!e || e->start > addr) {
		run->kind = SOURCE_HOLE;
		run->len = e ? MIN(len, e->start - addr) : len;
		return 0;
	}
	run->kind = SOURCE_DATA;
	run->len = MIN(len, page_extent_end(e) - addr);
	run->data = (const char *)fs->bytes[e->file] + e->offset + (addr - e->start);
	return 0;
}

/* Starts reading from the disk, without waiting for it. */
static void file_will_need(struct page_source *src, uint64_t addr, uint64_t len)
{
	struct file_source *fs = file_source(src);
	const struct page_extent *e = page_map_find(fs->map, addr);
	uint64_t end = addr + len;

	for (; e && e->start < end; e = page_map_next(fs->map, e)) {
		uint64_t from = MAX(addr, e->start), to = MIN(end, page_extent_end(e));

		/* Advice: that it failed shows in nothing but time. */
		madvise((char *)fs->bytes[e->file] + e->offset + (from - e->start), to - from,
			MADV_WILLNEED);
	}
}

static void file_free(struct page_source *src)
{
	struct file_source *fs = file_source(src);

	for (size_t i = 0; fs->bytes && i < fs->map->n_files; i++)
		if (fs->bytes[i])
			munmap(fs->bytes[i], fs->map->files[i].size);
	free(fs->bytes);
	page_map_free(fs->map);
	free(fs);
}

static const struct page_source_ops file_source_ops = {
	.name = "file",
	.lookup = file_lookup,
	.will_need = file_will_need,
	.free = file_free,
};

static int map_files(struct file_source *fs)
{
	for (size_t i = 0; i < fs->map->n_files; i++) {
		struct page_file *file = &fs->map->files[i];
		void *bytes;

		if (file->fd < 0)
			continue;
		bytes = mmap(NULL, file->size, PROT_READ, MAP_SHARED, file->fd, 0);
		if (bytes == MAP_FAILED)
			return log_errno(-errno, "pages-%u: cannot map %" PRIu64 " bytes",
					 file->pages_id, file->size);
		fs->bytes[i] = bytes;
		/* The mapping holds the file. */
		close(take_fd(&file->fd));
	}
	return 0;
}

int source_file_open(struct image_dir *dir, enum image_type type, uint64_t key,
		     struct page_source **src)
{
	_cleanup_(page_map_cleanup) struct page_map *map = NULL;
	struct file_source *fs;
	int err = page_map_load(dir, type, key, &map);

	if (err)
		return err;
	if (map->nr_lazy_only) {
		log_error("%s %" PRIu64 ": %" PRIu64 " pages were left with a dump-side page "
			  "server, which cannot be asked; dump without lazy pages",
			  type == IMAGE_SHMEM_PAGEMAP ? "segment" : "task", key,
			  map->nr_lazy_only);
		return -ENOTSUP;
	}
	fs = calloc(1, sizeof(*fs));
	if (!fs)
		return log_errno(-ENOMEM, "page source of %" PRIu64, key);
	fs->base = (struct page_source){ .ops = &file_source_ops, .type = type, .key = key };
	fs->map = take_ptr(map);
	fs->bytes = calloc(fs->map->n_files + 1, sizeof(*fs->bytes));
	err = fs->bytes ? map_files(fs) : log_errno(-ENOMEM, "page source of %" PRIu64, key);
	if (err) {
		source_free(&fs->base);
		return err;
	}
	*src = &fs->base;
	return 0;
}
