/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ghosts: inodes that live on without a name, whole in ghost-file-ID.img.
 * kinds/fd/remap.h says which paths lead to them.
 */
#ifndef CRIU_LITE_KINDS_FD_GHOST_H
#define CRIU_LITE_KINDS_FD_GHOST_H

#include <stdint.h>

#include "images/ghost-file.pb-c.h"

struct dump;
struct fd_info;
struct image_dir;
struct restore;

/*
 * Whether the inode behind info->local can be saved: its type, what it holds
 * (--ghost-limit), its attributes. Returns 0 or -errno, logged.
 */
int ghost_check(const struct dump *d, const struct fd_info *info);
/* Writes ghost-file-ID.img. Returns 0 or -errno, logged. */
int ghost_save(struct dump *d, const struct fd_info *info, uint32_t id);

/*
 * Reads the image of ghost @id to its end: whether it makes sense. Gives its
 * head, in the restore's arena. Returns 0 or -errno, logged.
 */
int ghost_load(struct restore *r, uint32_t id, const GhostFileEntry **head);
/*
 * Makes the inode under a new name, @name in @dir: empty, ours, closed to others.
 * Returns 0 or -errno: -EEXIST, not logged, when there is such a name already.
 */
int ghost_make(uint32_t id, const GhostFileEntry *head, int dir, const char *name);
/*
 * Gives it all that the image says of it. Returns an O_PATH descriptor of it or
 * -errno, logged.
 */
int ghost_fill(struct restore *r, uint32_t id, const GhostFileEntry *head, int dir,
	       const char *name);
/*
 * Makes and fills one without a name, as open(2) with O_TMPFILE and @flags makes it.
 * Returns the open file or -errno, logged.
 */
int ghost_make_tmpfile(struct restore *r, uint32_t id, const GhostFileEntry *head, int dir,
		       uint32_t flags);
/* The times of the image: last, when names and content are done. 0 or -errno, logged. */
int ghost_set_times(uint32_t id, const GhostFileEntry *head, int fd);

#endif
