// SPDX-License-Identifier: GPL-2.0-only
/* A page map, and pages of a size that the first four bytes say. */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/dir.h"
#include "pages/pagemap.h"
#include "test/fuzz/target.h"
#include "util/io.h"
#include "util/macro.h"

static struct image_dir *dir;

static void remove_dir(void)
{
	unlinkat(dir->fd, "pagemap-1.img", 0);
	unlinkat(dir->fd, "pages-1.img", 0);
	rmdir(dir->path);
	image_dir_free(dir);
}

static void make_dir(void)
{
	char path[] = "/dev/shm/fuzz-pagemap.XXXXXX";

	if (dir)
		return;
	if (!mkdtemp(path) || image_dir_open(path, &dir) < 0)
		err(1, "%s", path);
	atexit(remove_dir);
}

static void put(const char *name, const uint8_t *data, size_t size, off_t length)
{
	int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_all(fd, data, size) < 0 || ftruncate(fd, length) < 0)
		err(1, "%s", name);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page_map *map;
	uint32_t n_pages;

	target_silence();
	make_dir();
	if (size < sizeof(n_pages))
		return 0;
	memcpy(&n_pages, data, sizeof(n_pages));
	put("pages-1.img", NULL, 0, (off_t)n_pages << PAGE_SHIFT);
	put("pagemap-1.img", data + sizeof(n_pages), size - sizeof(n_pages),
	    size - sizeof(n_pages));
	if (page_map_load(dir, IMAGE_PAGEMAP, 1, &map) < 0)
		return 0;
	for (size_t i = 0; i < map->n_extents; i++) {
		const struct page_extent *e = &map->extents[i];

		if (page_map_find(map, e->start) != e || !e->len)
			abort();
		if (page_extent_has_data(e) &&
		    e->offset + e->len > (uint64_t)n_pages << PAGE_SHIFT)
			abort();
	}
	page_map_free(map);
	return 0;
}
