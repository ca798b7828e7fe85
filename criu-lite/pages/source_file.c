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
#include "pages/source-file.h"
#include "pages/source.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/mapped.h"

struct file_source {
	struct page_source base;
	struct page_map *map;
	void **bytes;			/* one mapping for each file of the map, or NULL */
	void **crcs;			/* the same, of the checksums */
};

static struct file_source *file_source(struct page_source *src)
{
	return container_of(src, struct file_source, base);
}

/* The extent of a run with bytes here, else NULL. */
static const struct page_extent *find_run(const struct file_source *fs, uint64_t addr,
					  uint64_t len, struct source_run *run)
{
	const struct page_extent *e = page_map_find(fs->map, addr);

	if (!e || e->start > addr) {
		run->kind = SOURCE_HOLE;
		run->len = e ? MIN(len, e->start - addr) : len;
		return NULL;
	}
	run->kind = SOURCE_DATA;
	run->len = MIN(len, page_extent_end(e) - addr);
	/* The door tells who asks for bytes that are not here. */
	if (!page_extent_has_data(e))
		return NULL;
	run->data = (const char *)fs->bytes[e->file] + page_extent_offset(e, addr);
	return e;
}

static int file_find(struct page_source *src, uint64_t addr, uint64_t len,
		     struct source_run *run)
{
	find_run(file_source(src), addr, len, run);
	return 0;
}

struct look {
	const struct file_source *fs;
	const struct page_extent *e;
	uint64_t addr;
	const struct source_run *run;
};

/* A damaged page is nobody's page. Without checksums what counts is that it can be read. */
static int look_at_pages(void *arg)
{
	const struct look *look = arg;
	const struct source_run *run = look->run;
	const uint32_t *crcs = look->fs->crcs[look->e->file];

	if (crcs)
		return page_map_check(look->fs->map, look->e, look->addr,
				      crcs + (page_extent_offset(look->e, look->addr) >> PAGE_SHIFT),
				      run->data, run->len);
	for (uint64_t at = 0; at < run->len; at += PAGE_SIZE)
		(void)*((const volatile char *)run->data + at);
	return 0;
}

static int file_lookup(struct page_source *src, uint64_t addr, uint64_t len,
		       struct source_run *run)
{
	struct file_source *fs = file_source(src);
	const struct page_extent *e = find_run(fs, addr, len, run);
	struct look look = { fs, e, addr, run };
	int err = e ? mapped_read(look_at_pages, &look) : 0;

	if (err != -EIO)
		return err;
	return log_errno(err, "pages-%u: cannot read what it has at %#" PRIx64 " of %s %" PRIu64,
			 fs->map->files[e->file].pages_id, addr,
			 src->type == IMAGE_SHMEM_PAGEMAP ? "segment" : "task", src->key);
}

/* Starts reading from the disk, without waiting for it. */
static int file_will_need(struct page_source *src, uint64_t addr, uint64_t len, uint64_t *near)
{
	struct file_source *fs = file_source(src);
	const struct page_extent *e = page_map_find(fs->map, addr);
	uint64_t end = addr + len;

	for (; e && e->start < end; e = page_map_next(fs->map, e)) {
		uint64_t from = MAX(addr, e->start), to = MIN(end, page_extent_end(e));

		/* Advice: that it failed shows in nothing but time. */
		if (page_extent_has_data(e))
			madvise((char *)fs->bytes[e->file] + page_extent_offset(e, from),
				to - from, MADV_WILLNEED);
	}
	*near = len;
	return 0;
}

static uint64_t crcs_size(uint64_t size)
{
	return (size >> PAGE_SHIFT) * sizeof(uint32_t);
}

static void file_free(struct page_source *src)
{
	struct file_source *fs = file_source(src);

	for (size_t i = 0; i < fs->map->n_files; i++) {
		uint64_t size = fs->map->files[i].size;

		if (fs->bytes && fs->bytes[i])
			munmap(fs->bytes[i], size);
		if (fs->crcs && fs->crcs[i])
			munmap(fs->crcs[i], crcs_size(size));
	}
	free(fs->bytes);
	free(fs->crcs);
	page_map_free(fs->map);
	free(fs);
}

static const struct page_source_ops file_source_ops = {
	.name = "file",
	.find = file_find,
	.lookup = file_lookup,
	.will_need = file_will_need,
	.free = file_free,
};

/* Takes @fd, if there is one: the mapping holds the file. */
static int map_file(int *fd, uint64_t size, const char *what, uint32_t pages_id, void **mapping)
{
	void *bytes;

	if (*fd < 0)
		return 0;
	bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, *fd, 0);
	if (bytes == MAP_FAILED)
		return log_errno(-errno, "%s-%u: cannot map %" PRIu64 " bytes", what, pages_id,
				 size);
	*mapping = bytes;
	close(take_fd(fd));
	return 0;
}

static int map_files(struct file_source *fs)
{
	int err = 0;

	for (size_t i = 0; !err && i < fs->map->n_files; i++) {
		struct page_file *file = &fs->map->files[i];

		err = map_file(&file->fd, file->size, "pages", file->pages_id, &fs->bytes[i]);
		if (!err)
			err = map_file(&file->crcs_fd, crcs_size(file->size), "pages-crc",
				       file->pages_id, &fs->crcs[i]);
	}
	return err;
}

int source_file_open_map(struct image_dir *dir, enum image_type type, uint64_t key,
			 struct page_source **src, const struct page_map **map)
{
	struct file_source *fs = calloc(1, sizeof(*fs));
	int err;

	if (!fs)
		return log_errno(-ENOMEM, "page source of %" PRIu64, key);
	fs->base = (struct page_source){ .ops = &file_source_ops, .type = type, .key = key };
	err = page_map_load(dir, type, key, &fs->map);
	if (err) {
		free(fs);
		return err;
	}
	fs->bytes = calloc(fs->map->n_files + 1, sizeof(*fs->bytes));
	fs->crcs = calloc(fs->map->n_files + 1, sizeof(*fs->crcs));
	err = fs->bytes && fs->crcs ? map_files(fs) : log_errno(-ENOMEM, "page source of %" PRIu64, key);
	if (err) {
		source_free(&fs->base);
		return err;
	}
	*src = &fs->base;
	*map = fs->map;
	return 0;
}

int source_file_open(struct image_dir *dir, enum image_type type, uint64_t key,
		     struct page_source **src)
{
	_cleanup_(source_cleanup) struct page_source *file = NULL;
	const struct page_map *map;
	int err = source_file_open_map(dir, type, key, &file, &map);

	if (err)
		return err;
	if (map->nr_lazy_only) {
		log_error("%s %" PRIu64 ": %" PRIu64 " pages were left with the dump: they come "
			  "through criu-lite lazy-pages --page-server",
			  type == IMAGE_SHMEM_PAGEMAP ? "segment" : "task", key,
			  map->nr_lazy_only);
		return -ENOTSUP;
	}
	*src = take_ptr(file);
	return 0;
}
