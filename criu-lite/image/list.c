// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of images: made while they are written, checked before any is read
 * (of pages-crc-N.img the content, before any task runs).
 *
 * Checksums are of what the writer wrote; what went past it (bytes of pipes,
 * spliced) is read back from the page cache. Page images have none: a restore
 * that maps them, or brings a page on first touch, must not read all of them
 * first. Their size is held against the list and against their page map, each of
 * their pages against pages-crc-N.img when it is used.
 *
 * The inventory's own checksum is the last field of its message, four bytes at
 * the end of the file. It covers all bytes before them, also the length
 * words that a reader would have to believe to find it.
 *
 *	magic | size | fields ... images ... | tag of crc32c | value
 *	|<-------------------- covered --------------------->|
 */
#include "image/list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/dir.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/crc32c.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define CHUNK (64 << 10)
/* An inventory of a million files, with room to spare. */
#define INVENTORY_MAX (256 << 20)
/* Field 101, four bytes: the tag of inventory_entry.crc32c. */
#define CRC_TAG "\xad\x06"
#define CRC_SIZE sizeof(uint32_t)

struct listed {
	char *name;
	size_t order;			/* of several with one name the last one counts */
	uint32_t crc;
	bool has_crc;
	bool elsewhere;
};

struct image_list {
	/* Dump: in the order of writing. */
	struct listed *files;
	size_t n_files, cap_files;
	/* Restore: NULL until checked, or when there is none. */
	const InventoryEntry *inventory;
};

struct image_list *image_list_new(void)
{
	return calloc(1, sizeof(struct image_list));
}

void image_list_free(struct image_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n_files; i++)
		free(list->files[i].name);
	free(list->files);
	free(list);
}

static struct listed *find_written(const struct image_dir *dir, const char *name)
{
	struct image_list *list = dir->list;

	/* From the end: a file is closed soon after it was made. */
	for (size_t i = list->n_files; i-- > 0;)
		if (!strcmp(list->files[i].name, name))
			return &list->files[i];
	return NULL;
}

int image_list_add(const struct image_dir *dir, const char *name)
{
	struct image_list *list = dir->list;
	struct listed *file = array_push(&list->files, &list->n_files, &list->cap_files);

	if (file) {
		file->name = strdup(name);
		file->order = list->n_files;
	}
	if (!file || !file->name) {
		list->n_files -= file ? 1 : 0;
		return log_errno(-ENOMEM, "%s/%s: cannot list", dir->path, name);
	}
	return 0;
}

int image_list_expect(const struct image_dir *dir, const char *name)
{
	int r = image_list_add(dir, name);

	if (r == 0)
		dir->list->files[dir->list->n_files - 1].elsewhere = true;
	return r;
}

void image_list_set_crc(const struct image_dir *dir, const char *name, uint32_t crc)
{
	struct listed *file = find_written(dir, name);

	if (file) {
		file->crc = crc;
		file->has_crc = true;
	}
}

static int file_crc(const struct image_dir *dir, const char *name, int fd, uint32_t *crc)
{
	_cleanup_free_ uint8_t *buf = malloc(CHUNK);
	ssize_t n;

	if (!buf)
		return log_errno(-ENOMEM, "%s/%s: cannot read", dir->path, name);
	*crc = 0;
	for (off_t at = 0; (n = pread_all(fd, buf, CHUNK, at)) > 0; at += n)
		*crc = crc32c(*crc, buf, n);
	return n < 0 ? log_errno(n, "%s/%s: cannot read", dir->path, name) : 0;
}

static bool is_pages(const char *name)
{
	return image_desc_raw_by_name(name) == image_desc(IMAGE_PAGES);
}

static bool is_page_crcs(const char *name)
{
	return image_desc_raw_by_name(name) == image_desc(IMAGE_PAGE_CRCS);
}

/* Who writes the pages numbers both. */
static bool goes_with_pages(const char *name)
{
	return is_pages(name) || is_page_crcs(name);
}

static int describe_file(const struct image_dir *dir, struct listed *file, ImageFileEntry *entry)
{
	_cleanup_close_ int fd = image_open_named(dir, file->name, O_RDONLY);
	struct stat st;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? fd : log_errno(fd, "%s/%s: cannot list", dir->path,
						      file->name);
	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "%s/%s: cannot list", dir->path, file->name);
	if (!file->has_crc && !is_pages(file->name)) {
		r = file_crc(dir, file->name, fd, &file->crc);
		if (r < 0)
			return r;
		file->has_crc = true;
	}
	entry->name = file->name;
	entry->size = st.st_size;
	entry->has_crc32c = file->has_crc;
	entry->crc32c = file->crc;
	return 0;
}

/* Returns 0, -ENOENT when the file is gone again, or -errno, logged. */
static int describe(const struct image_dir *dir, struct listed *file, ImageFileEntry *entry)
{
	if (file->elsewhere) {
		entry->name = file->name;
		entry->has_elsewhere = true;
		entry->elsewhere = true;
		return 0;
	}
	return describe_file(dir, file, entry);
}

static int compare_files(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	int r = strcmp(x->name, y->name);

	return r ? r : (x->order > y->order) - (x->order < y->order);
}

/* What the file of this message has before the last four bytes. */
static int set_own_crc(const struct image_dir *dir, InventoryEntry *inventory)
{
	uint32_t size, magic = image_desc(IMAGE_INVENTORY)->magic;
	_cleanup_free_ uint8_t *packed = NULL;

	inventory->has_crc32c = true;
	inventory->crc32c = 0;
	size = inventory_entry__get_packed_size(inventory);
	packed = malloc(size);
	if (!packed)
		return log_errno(-ENOMEM, "%s: cannot list the images", dir->path);
	inventory_entry__pack(inventory, packed);
	inventory->crc32c = crc32c(crc32c(crc32c(0, &magic, sizeof(magic)), &size, sizeof(size)),
				   packed, size - CRC_SIZE);
	return 0;
}

int image_list_seal(const struct image_dir *dir, InventoryEntry *inventory)
{
	struct image_list *list = dir->list;
	ImageFileEntry *entries = calloc(list->n_files + 1, sizeof(*entries));
	int r;

	inventory->images = calloc(list->n_files + 1, sizeof(*inventory->images));
	inventory->n_images = 0;
	if (!entries || !inventory->images) {
		free(entries);
		free(inventory->images);
		return log_errno(-ENOMEM, "%s: cannot list the images", dir->path);
	}
	/* The first one is what image_list_unseal() frees. */
	inventory->images[0] = entries;
	qsort(list->files, list->n_files, sizeof(*list->files), compare_files);
	for (size_t i = 0; i < list->n_files; i++) {
		ImageFileEntry *e = &entries[inventory->n_images];

		/* Written twice: the later one took its place. */
		if (i + 1 < list->n_files &&
		    !strcmp(list->files[i].name, list->files[i + 1].name))
			continue;
		image_file_entry__init(e);
		r = describe(dir, &list->files[i], e);
		if (r == -ENOENT)
			continue;
		if (r < 0) {
			image_list_unseal(inventory);
			return r;
		}
		inventory->images[inventory->n_images++] = e;
	}
	r = set_own_crc(dir, inventory);
	if (r < 0)
		image_list_unseal(inventory);
	return r;
}

void image_list_unseal(InventoryEntry *inventory)
{
	free(inventory->images[0]);
	free(inventory->images);
	inventory->images = NULL;
	inventory->n_images = 0;
}

/* @edited: what differs is what somebody changed on purpose. */
__attribute__((format(printf, 4, 5)))
static int differs(const struct image_dir *dir, const char *name, bool edited, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (edited) {
		log_warn("%s/%s: %s: taken as it is (--allow-edited)", dir->path, name, text);
		return 0;
	}
	log_error("%s/%s: %s: it is not as it was dumped (--allow-edited takes it as it is)",
		  dir->path, name, text);
	return -EINVAL;
}

/* The inventory against its own checksum, where it has one. */
static int check_own_crc(const struct image_dir *dir, const InventoryEntry *inventory, bool edited)
{
	const char *name = image_desc(IMAGE_INVENTORY)->name;
	const size_t tail = sizeof(CRC_TAG) - 1 + CRC_SIZE;
	_cleanup_free_ char *data = NULL;
	uint32_t stored, found;
	size_t len;
	int r = read_file(dir->fd, name, INVENTORY_MAX, &data, &len);

	if (r < 0)
		return log_errno(r, "%s/%s: cannot read", dir->path, name);
	if (len < tail || memcmp(data + len - tail, CRC_TAG, sizeof(CRC_TAG) - 1)) {
		if (!inventory->n_images && !inventory->has_crc32c)
			return 0;
		return differs(dir, name, edited, "its checksum is not at its end");
	}
	memcpy(&stored, data + len - CRC_SIZE, CRC_SIZE);
	found = crc32c(0, data, len - CRC_SIZE);
	if (found == stored)
		return 0;
	return differs(dir, name, edited, "its checksum is %08x, not %08x", found, stored);
}

static int check_content(const struct image_dir *dir, const ImageFileEntry *e, int fd, bool edited)
{
	uint32_t crc;
	int r;

	if (!e->has_crc32c)
		return 0;
	r = file_crc(dir, e->name, fd, &crc);
	if (r < 0 || crc == e->crc32c)
		return r;
	return differs(dir, e->name, edited, "its checksum is %08x, not %08x", crc, e->crc32c);
}

static int check_file(const struct image_dir *dir, const ImageFileEntry *e, bool edited)
{
	_cleanup_close_ int fd = image_open_named(dir, e->name, O_RDONLY);
	struct stat st;

	if (fd == -ENOENT)
		return differs(dir, e->name, edited, "the image is missing");
	if (fd < 0)
		return fd;
	if (e->elsewhere)
		return 0;
	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "%s/%s: cannot stat", dir->path, e->name);
	if ((uint64_t)st.st_size != e->size)
		return differs(dir, e->name, edited, "it has %" PRIu64 " bytes, not %" PRIu64,
			       (uint64_t)st.st_size, e->size);
	return is_page_crcs(e->name) ? 0 : check_content(dir, e, fd, edited);
}

int image_list_check(struct image_dir *dir, const InventoryEntry *inventory, bool edited)
{
	int r = check_own_crc(dir, inventory, edited);

	if (r < 0)
		return r;
	for (size_t i = 0; i < inventory->n_images; i++) {
		const ImageFileEntry *e = inventory->images[i];

		if (i && strcmp(inventory->images[i - 1]->name, e->name) >= 0)
			return log_errno(-EINVAL, "%s/inventory.img: its list of images is not in "
					 "order at %s", dir->path, e->name);
		r = check_file(dir, e, edited);
		if (r < 0)
			return r;
	}
	if (inventory->n_images && !edited)
		dir->list->inventory = inventory;
	return 0;
}

int image_list_check_page_crcs(const struct image_dir *dir, const InventoryEntry *inventory,
			       bool edited)
{
	for (size_t i = 0; i < inventory->n_images; i++) {
		const ImageFileEntry *e = inventory->images[i];
		_cleanup_close_ int fd = -1;
		int r;

		if (e->elsewhere || !is_page_crcs(e->name))
			continue;
		fd = image_open_named(dir, e->name, O_RDONLY);
		if (fd == -ENOENT)
			return differs(dir, e->name, edited, "the image is missing");
		r = fd < 0 ? fd : check_content(dir, e, fd, edited);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_name(const void *key, const void *element)
{
	return strcmp(key, (*(ImageFileEntry *const *)element)->name);
}

/* A page server gives the files with the pages of its page maps names of its own. */
static bool pages_elsewhere(const InventoryEntry *inventory)
{
	for (size_t i = 0; i < inventory->n_images; i++)
		if (inventory->images[i]->elsewhere)
			return true;
	return false;
}

bool image_list_hides(const struct image_dir *dir, const char *name)
{
	const InventoryEntry *inventory = dir->list->inventory;

	if (!inventory || !strcmp(name, image_desc(IMAGE_INVENTORY)->name) ||
	    (goes_with_pages(name) && pages_elsewhere(inventory)))
		return false;
	return !bsearch(name, inventory->images, inventory->n_images, sizeof(*inventory->images),
			compare_name);
}
