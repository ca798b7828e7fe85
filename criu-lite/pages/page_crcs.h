/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checksums of pages: pages-crc-N.img has one for each page of pages-N.img, in
 * its order, CRC-32C in four bytes, little-endian. An extension of ours; the head
 * of the page map says whether there is one.
 *
 * There is one a page because a lazy restore brings pages in any order, and
 * must not read others first.
 */
#ifndef CRIU_LITE_PAGES_PAGE_CRCS_H
#define CRIU_LITE_PAGES_PAGE_CRCS_H

#include <stddef.h>
#include <stdint.h>

struct image_dir;

/* Writes those of the pages file @fd, @n pages long, as number @pages_id. 0 or -errno, logged. */
int page_crcs_write(struct image_dir *dir, uint32_t pages_id, int fd, uint64_t n);
/*
 * Opens those of a pages file of @n pages. A file that is not there is a warning: whether
 * it should be is for the list of images to say. Returns 0, and in *fd a descriptor, or -1 for
 * that; -EINVAL: it has another length; -errno, all logged.
 */
int page_crcs_open(struct image_dir *dir, uint32_t pages_id, uint64_t n, int *fd);

/* The first of the @n pages at @data whose checksum is another one than it has in @crcs, or @n. */
size_t page_crcs_differ(const uint32_t *crcs, const void *data, size_t n);

#endif
