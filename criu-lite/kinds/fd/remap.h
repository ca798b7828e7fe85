/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that their path does not lead to: remap-fpath.img. Of the kind of
 * regular files (kinds/fd/regular.c), which calls all of this.
 */
#ifndef CRIU_LITE_KINDS_FD_REMAP_H
#define CRIU_LITE_KINDS_FD_REMAP_H

#include <stdint.h>

#include "images/regfile.pb-c.h"

struct dump;
struct fd_info;
struct restore;

/* __O_TMPFILE: how the file was made, not what it is. */
#define TMPFILE_FLAG 020000000u

/*
 * @info has lost its name: its link ends in " (deleted)". Finds out how it can
 * be kept, notes that for reg->id, and sets reg->name to what the path was.
 * Returns 0 or -errno, logged.
 */
int remap_dump(struct dump *d, const struct fd_info *info, RegFileEntry *reg);
/* Writes the images; gives names to files that keep another one (--link-remap). */
int remap_save(struct dump *d);
/* Takes those names away again. */
void remap_abandon(struct dump *d);

/* Reads and checks the images. 0 or -errno, logged. */
int remap_load(struct restore *r);
/* Makes every ghost and every name; sets file->path and file->made. */
int remap_arrange(struct restore *r);
/* Removes what remap_arrange() made. */
int remap_clear(struct restore *r);
/* Removes the names that the dump made. */
int remap_finish(struct restore *r);

#endif
