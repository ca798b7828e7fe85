/* SPDX-License-Identifier: GPL-2.0-only */
/* What other sources have of that of image files. Nobody outside of them includes it. */
#ifndef CRIU_LITE_PAGES_SOURCE_FILE_H
#define CRIU_LITE_PAGES_SOURCE_FILE_H

#include <stdint.h>

#include "image/catalogue.h"

struct image_dir;
struct page_map;
struct page_source;

/*
 * As source_file_open(), whatever was left with a dump-side page server: for
 * that it has no bytes, and a lookup of it fails. *map is the source's own.
 */
int source_file_open_map(struct image_dir *dir, enum image_type type, uint64_t key,
			 struct page_source **src, const struct page_map **map);

#endif
