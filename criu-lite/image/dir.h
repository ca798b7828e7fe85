/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An image directory.
 *
 * Every file is opened below it and nowhere else: a link that leads out, or
 * into /proc, is refused, so that a foreign image directory can't make us read
 * or write another file.
 *
 * A dump is complete when, and only when, inventory.img is there:
 *
 *	image_dir_begin()	an old inventory is removed, for good
 *	...			all images are written
 *	image_dir_commit()	all of them reach the disk, then the inventory
 */
#ifndef CRIU_LITE_IMAGE_DIR_H
#define CRIU_LITE_IMAGE_DIR_H

#include <stdint.h>

#include "image/catalogue.h"
#include "images/inventory.pb-c.h"
#include "util/cleanup.h"

/* A chain of parents that is longer is a circle, or might as well be one. */
#define IMAGE_DIR_MAX_DEPTH 1024

struct image_list;

struct image_dir {
	int fd;				/* O_PATH is not enough: it is synced */
	char *path;			/* as it was opened, for the log */
	/* Framing of all files but the inventory; 2 until the inventory says 1. */
	uint32_t img_version;
	unsigned int depth;		/* 0: the top, 1: its parent, ... */
	struct image_list *list;	/* what was written, or what may be read */
};

/* Opens an existing directory. Returns 0 or -errno, logged. */
int image_dir_open(const char *path, struct image_dir **dir);
/* One that is open; @name is for the log. Takes @fd, also on failure. 0 or -errno, logged. */
int image_dir_take(int fd, const char *name, struct image_dir **dir);
void image_dir_free(struct image_dir *dir);
DEFINE_CLEANUP(struct image_dir *, image_dir, image_dir_free)

/*
 * Opens the images that @dir builds on: the directory that its link `parent`
 * leads to, inside or outside. -ENOENT when there is no such link, not logged.
 */
int image_dir_open_parent(const struct image_dir *dir, struct image_dir **parent);

/*
 * Opens a file of any row, without looking at its content. @flags as open(2):
 * O_CREAT makes a new file (0644), never one that a hard link shares with
 * another directory. Returns a descriptor of a regular file, or -errno, logged,
 * but for -ENOENT without O_CREAT: the caller knows what a missing file means.
 */
int image_open_raw(const struct image_dir *dir, enum image_type type, uint64_t key, int flags);
/* The same by name. */
int image_open_named(const struct image_dir *dir, const char *name, int flags);
/* Removes what a failure leaves unfinished; one that isn't there is fine. */
int image_remove(const struct image_dir *dir, enum image_type type, uint64_t key);

/* Both return 0 or -errno, logged. */
int image_dir_begin(const struct image_dir *dir);
int image_dir_commit(const struct image_dir *dir, const InventoryEntry *inventory);

#endif
