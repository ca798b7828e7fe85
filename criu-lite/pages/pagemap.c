// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads a page map and resolves it down the chain of parent directories.
 *
 * Every directory of the chain is loaded on its own into a flat list of
 * entries; then the parent's map is resolved first, and a PARENT entry of the
 * child is replaced by what the parent has there. An entry that the parent
 * does not cover whole is refused: its pages exist nowhere. The list grows by
 * what was read, never by a number that an image claims, and the number of
 * extents of a resolved map is at most that of all entries in the chain.
 */
#include "pages/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/dir.h"
#include "image/reader.h"
#include "images/pagemap.pb-c.h"
#include "pages/page_crcs.h"
#include "util/array.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* A chain this long is a circle, or slower than dumping anew. */
#define CHAIN_MAX 256
/* Bytes that are verified at once. */
#define VERIFY_SIZE (8UL << 20)
#define PAGES_FLAGS_KNOWN (PAGE_PARENT | PAGE_LAZY | PAGE_PRESENT)
/* A page number has 52 bits: the end of any range fits 64 bits in bytes. */
#define PAGE_NUMBER_MAX (1ULL << 52)

static const char *map_name(const struct page_map *map)
{
	return map->type == IMAGE_SHMEM_PAGEMAP ? "pagemap-shmem" : "pagemap";
}

void page_map_free(struct page_map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->n_files; i++) {
		if (map->files[i].fd >= 0)
			close(map->files[i].fd);
		if (map->files[i].crcs_fd >= 0)
			close(map->files[i].crcs_fd);
	}
	free(map->files);
	free(map->extents);
	free(map);
}

/* What the entry says, older forms included (section 5.3). */
static uint32_t entry_flags(const PagemapEntry *entry)
{
	if (entry->has_flags)
		return entry->flags | (entry->has_in_parent && entry->in_parent ? PAGE_PARENT : 0);
	if (entry->has_in_parent && entry->in_parent)
		return PAGE_PARENT;
	return PAGE_PRESENT;
}

static uint64_t entry_pages(const PagemapEntry *entry)
{
	return entry->has_nr_pages ? entry->nr_pages : entry->compat_nr_pages;
}

static int check_entry(const struct page_map *map, const PagemapEntry *entry, size_t nr)
{
	uint64_t nr_pages = entry_pages(entry);
	uint32_t flags = entry_flags(entry);
	const struct page_extent *last = map->n_extents ? &map->extents[map->n_extents - 1] : NULL;
	const char *what = NULL;

	if (entry->vaddr % PAGE_SIZE)
		what = "is not page-aligned";
	else if (nr_pages > PAGE_NUMBER_MAX - 1 - (entry->vaddr >> PAGE_SHIFT))
		what = "is too long";
	else if (last && entry->vaddr < page_extent_end(last))
		what = "is not above the one before it";
	else if (flags & ~PAGES_FLAGS_KNOWN)
		what = "has unknown flags";
	else if ((flags & PAGE_PARENT) && (flags & PAGE_PRESENT))
		what = "is both here and in the parent";
	if (!what)
		return 0;
	log_error("%s %" PRIu64 ": entry %zu (%#" PRIx64 ", %" PRIu64 " pages, flags %#x) %s",
		  map_name(map), map->key, nr, entry->vaddr, nr_pages, flags, what);
	return -EINVAL;
}

/* Appends, or lengthens the last extent where memory and file both go on. */
static int push_extent(struct page_map *map, const struct page_extent *add)
{
	struct page_extent *last = map->n_extents ? &map->extents[map->n_extents - 1] : NULL;

	if (last && page_extent_end(last) == add->start && last->flags == add->flags &&
	    last->file == add->file &&
	    (!page_extent_has_data(add) || last->offset + last->len == add->offset)) {
		last->len += add->len;
		return 0;
	}
	last = array_push(&map->extents, &map->n_extents, &map->cap_extents);
	if (!last)
		return log_errno(-ENOMEM, "%s %" PRIu64 ": cannot hold its entries", map_name(map),
				 map->key);
	*last = *add;
	return 0;
}

/* An entry as it stands in its file: PARENT entries keep their flag for now. */
static int add_entry(struct page_map *map, const PagemapEntry *entry, size_t nr)
{
	uint32_t flags = entry_flags(entry);
	struct page_extent add = {
		.start = entry->vaddr,
		.len = entry_pages(entry) << PAGE_SHIFT,
	};
	int err = check_entry(map, entry, nr);

	/* Explicit 0: a hole that somebody wrote down. */
	if (err || !add.len || !flags)
		return err;
	if (flags & PAGE_PRESENT) {
		add.flags = PAGE_PRESENT;
		add.offset = map->nr_pages << PAGE_SHIFT;
		if (add.len >> PAGE_SHIFT > PAGE_NUMBER_MAX - 1 - map->nr_pages) {
			log_error("%s %" PRIu64 ": entry %zu: more pages than a file can hold",
				  map_name(map), map->key, nr);
			return -EINVAL;
		}
		map->nr_pages += add.len >> PAGE_SHIFT;
	} else {
		add.flags = flags & PAGE_PARENT ? PAGE_PARENT : PAGE_LAZY;
	}
	return push_extent(map, &add);
}

static int read_entries(struct page_map *map, struct image_reader *reader, uint32_t *pages_id,
			bool *page_crcs)
{
	ProtobufCMessage *msg;
	size_t nr = 0;
	int ret;

	ret = image_reader_next(reader, &msg);
	if (ret <= 0) {
		if (!ret)
			log_error("%s %" PRIu64 ": the file has no head", map_name(map), map->key);
		return ret ? ret : -EINVAL;
	}
	*pages_id = ((PagemapHead *)msg)->pages_id;
	*page_crcs = ((PagemapHead *)msg)->page_crcs;
	image_message_free(msg);

	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ret = add_entry(map, (PagemapEntry *)msg, nr++);
		image_message_free(msg);
		if (ret)
			return ret;
	}
	return ret;
}

/* The pages file must be exactly as long as the entries say. */
static int open_pages(struct page_map *map, struct image_dir *dir, uint32_t pages_id)
{
	struct page_file *file = array_push(&map->files, &map->n_files, &map->cap_files);
	uint64_t want = map->nr_pages << PAGE_SHIFT;
	struct stat st;

	if (!file)
		return log_errno(-ENOMEM, "pages-%u", pages_id);
	*file = (struct page_file){ .fd = -1, .crcs_fd = -1, .pages_id = pages_id };
	if (!want)
		return 0;
	file->fd = image_open_raw(dir, IMAGE_PAGES, pages_id, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0)
		return log_errno(file->fd == -ENOENT ? -EINVAL : file->fd,
				 "%s %" PRIu64 ": cannot open its pages-%u.img in %s",
				 map_name(map), map->key, pages_id, dir->path);
	if (fstat(file->fd, &st))
		return log_errno(-errno, "pages-%u: cannot stat", pages_id);
	file->size = st.st_size;
	if (file->size == want)
		return 0;
	log_error("pages-%u: has %" PRIu64 " bytes where %s %" PRIu64 " needs %" PRIu64, pages_id,
		  file->size, map_name(map), map->key, want);
	return -EINVAL;
}

/* One directory's own map. */
static int load_one(struct image_dir *dir, enum image_type type, uint64_t key,
		    struct page_map **ret)
{
	_cleanup_(page_map_cleanup) struct page_map *map = calloc(1, sizeof(*map));
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	uint32_t pages_id;
	bool page_crcs;
	int err;

	if (!map)
		return log_errno(-ENOMEM, "page map of %" PRIu64, key);
	map->type = type;
	map->key = key;
	err = image_reader_open(dir, type, key, &reader);
	if (!err)
		err = read_entries(map, reader, &pages_id, &page_crcs);
	if (!err)
		err = open_pages(map, dir, pages_id);
	if (!err && page_crcs && map->nr_pages)
		err = page_crcs_open(dir, pages_id, map->nr_pages, &map->files[0].crcs_fd);
	if (!err)
		*ret = take_ptr(map);
	return err;
}

/*
 * Gives @out what @parent has in [start, start + len), all of it. The files of
 * the parent stand behind those of the child: theirs are moved by @shift.
 *
 *	child		    |RRRRRRRRRRR|
 *	parent		|QQQQQQQ|SSSSSSSSSS|
 *	out		    |QQQ|SSSSSSS|
 */
static int inherit(struct page_map *out, const struct page_map *parent, uint64_t start,
		   uint64_t len, uint32_t shift)
{
	const struct page_extent *from = parent ? page_map_find(parent, start) : NULL;
	uint64_t end = start + len;
	int err = 0;

	while (start < end && !err) {
		struct page_extent add;

		if (!from || from->start > start) {
			log_error("%s %" PRIu64 ": %#" PRIx64 " is missing in the parent images",
				  map_name(out), out->key, start);
			return -EINVAL;
		}
		add = *from;
		add.offset += page_extent_has_data(from) ? start - from->start : 0;
		add.start = start;
		add.len = MIN(end, page_extent_end(from)) - start;
		add.file += page_extent_has_data(from) ? shift : 0;
		err = push_extent(out, &add);
		start += add.len;
		from = page_map_next(parent, from);
	}
	return err;
}

static int take_files(struct page_map *out, struct page_map *from)
{
	for (size_t i = 0; i < from->n_files; i++) {
		struct page_file *file = array_push(&out->files, &out->n_files, &out->cap_files);

		if (!file)
			return log_errno(-ENOMEM, "page map of %" PRIu64, out->key);
		*file = from->files[i];
		file->fd = take_fd(&from->files[i].fd);
		file->crcs_fd = take_fd(&from->files[i].crcs_fd);
	}
	return 0;
}

static void count_pages(struct page_map *map)
{
	map->nr_pages = 0;
	map->nr_lazy_only = 0;
	for (size_t i = 0; i < map->n_extents; i++) {
		const struct page_extent *e = &map->extents[i];

		if (page_extent_has_data(e))
			map->nr_pages += e->len >> PAGE_SHIFT;
		else
			map->nr_lazy_only += e->len >> PAGE_SHIFT;
	}
}

/* Replaces *child by a map without PARENT entries; takes the files of both. */
static int resolve(struct page_map **child, struct page_map *parent)
{
	_cleanup_(page_map_cleanup) struct page_map *out = calloc(1, sizeof(*out));
	struct page_map *map = *child;
	int err;

	if (!out)
		return log_errno(-ENOMEM, "page map of %" PRIu64, map->key);
	out->type = map->type;
	out->key = map->key;
	for (size_t i = 0; i < map->n_extents; i++) {
		const struct page_extent *e = &map->extents[i];

		if (e->flags & PAGE_PARENT)
			err = inherit(out, parent, e->start, e->len, map->n_files);
		else
			err = push_extent(out, e);
		if (err)
			return err;
	}
	err = take_files(out, map);
	if (!err && parent)
		err = take_files(out, parent);
	if (err)
		return err;
	count_pages(out);
	page_map_free(map);
	*child = take_ptr(out);
	return 0;
}

static bool needs_parent(const struct page_map *map)
{
	for (size_t i = 0; i < map->n_extents; i++)
		if (map->extents[i].flags & PAGE_PARENT)
			return true;
	return false;
}

static int load_chain(struct image_dir *dir, enum image_type type, uint64_t key,
		      unsigned int depth, struct page_map **ret)
{
	_cleanup_(page_map_cleanup) struct page_map *map = NULL;
	_cleanup_(page_map_cleanup) struct page_map *parent = NULL;
	int err = load_one(dir, type, key, &map);

	if (err)
		return err;
	if (needs_parent(map)) {
		_cleanup_(image_dir_cleanup) struct image_dir *above = NULL;

		if (depth >= CHAIN_MAX)
			return log_errno(-ELOOP, "%s %" PRIu64 ": more than %d parent directories",
					 map_name(map), key, CHAIN_MAX);
		err = image_dir_open_parent(dir, &above);
		if (!err)
			err = load_chain(above, type, key, depth + 1, &parent);
		if (err && err != -ENOENT)
			return err;
	}
	err = resolve(&map, parent);
	if (!err)
		*ret = take_ptr(map);
	return err;
}

int page_map_load(struct image_dir *dir, enum image_type type, uint64_t key,
		  struct page_map **map)
{
	return load_chain(dir, type, key, 0, map);
}

const struct page_extent *page_map_find(const struct page_map *map, uint64_t addr)
{
	size_t low = 0, high = map->n_extents;

	/* The first extent that ends above the address. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (page_extent_end(&map->extents[mid]) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < map->n_extents ? &map->extents[low] : NULL;
}

int page_map_check(const struct page_map *map, const struct page_extent *extent, uint64_t start,
		   const uint32_t *crcs, const void *data, uint64_t len)
{
	const struct page_file *file = &map->files[extent->file];
	uint64_t offset = page_extent_offset(extent, start);
	size_t n = len >> PAGE_SHIFT, bad = page_crcs_differ(crcs, data, n);

	if (bad == n)
		return 0;
	offset += bad << PAGE_SHIFT;
	return log_errno(-EBADMSG, "pages-%u: damaged at %#" PRIx64 ", page %#" PRIx64 " of %s %"
			 PRIu64 ": not what pages-crc-%u has", file->pages_id, offset,
			 start + (bad << PAGE_SHIFT), map_name(map), map->key, file->pages_id);
}

static int verify_part(const struct page_map *map, const struct page_extent *e, uint64_t start,
		       uint64_t len)
{
	const struct page_file *file = &map->files[e->file];
	uint64_t offset = page_extent_offset(e, start);
	uint32_t crcs[VERIFY_SIZE >> PAGE_SHIFT];
	size_t size = (len >> PAGE_SHIFT) * sizeof(*crcs);
	ssize_t n = pread_all(file->crcs_fd, crcs, size, (offset >> PAGE_SHIFT) * sizeof(*crcs));
	void *data;
	int err;

	if (n != (ssize_t)size)
		return log_errno(n < 0 ? n : -EIO, "pages-crc-%u: cannot read", file->pages_id);
	data = mmap(NULL, len, PROT_READ, MAP_SHARED, file->fd, offset);
	if (data == MAP_FAILED)
		return log_errno(-errno, "pages-%u: cannot map", file->pages_id);
	err = page_map_check(map, e, start, crcs, data, len);
	munmap(data, len);
	return err;
}

int page_map_verify(const struct page_map *map, uint64_t start, uint64_t end)
{
	const struct page_extent *e = page_map_find(map, start);
	int err = 0;

	for (; !err && e && e->start < end; e = page_map_next(map, e)) {
		uint64_t at = MAX(start, e->start), to = MIN(end, page_extent_end(e));

		if (!page_extent_has_data(e) || map->files[e->file].crcs_fd < 0)
			continue;
		for (; !err && at < to; at += VERIFY_SIZE)
			err = verify_part(map, e, at, MIN(to - at, VERIFY_SIZE));
	}
	return err;
}
