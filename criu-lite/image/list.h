/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of images in an inventory: which files a dump wrote, how long they
 * are and what their checksum is. An extension of ours: images of CRIU have
 * none, and are read without.
 */
#ifndef CRIU_LITE_IMAGE_LIST_H
#define CRIU_LITE_IMAGE_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "images/inventory.pb-c.h"

struct image_dir;
struct image_list;

struct image_list *image_list_new(void);
void image_list_free(struct image_list *list);

/* Dump: a file was made; what its writer wrote has this checksum. */
int image_list_add(const struct image_dir *dir, const char *name);
/* A page map that a page server writes. */
int image_list_expect(const struct image_dir *dir, const char *name);
void image_list_set_crc(const struct image_dir *dir, const char *name, uint32_t crc);
/*
 * Puts the list and the checksum of the inventory itself into @inventory;
 * image_list_unseal() frees them. Files that are gone again are left out.
 */
int image_list_seal(const struct image_dir *dir, InventoryEntry *inventory);
void image_list_unseal(InventoryEntry *inventory);

/*
 * Restore: holds the files against the list in @inventory, which outlives @dir.
 * From here on files that are not listed are not there (image_list_hides). With
 * @edited a difference is a warning, and nothing is hidden. Returns 0 or
 * -errno, logged with the file.
 */
int image_list_check(struct image_dir *dir, const InventoryEntry *inventory, bool edited);
/*
 * The rest of it: what pages-crc-N.img hold. They grow with the memory, so that this is
 * for a moment when there is time; a page that is looked at before is held against
 * what may be wrong, and taken for damaged.
 */
int image_list_check_page_crcs(const struct image_dir *dir, const InventoryEntry *inventory,
			       bool edited);
bool image_list_hides(const struct image_dir *dir, const char *name);

#endif
