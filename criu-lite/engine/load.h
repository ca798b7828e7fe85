/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads what an image directory says of the tree into a restore. */
#ifndef CRIU_LITE_ENGINE_LOAD_H
#define CRIU_LITE_ENGINE_LOAD_H

struct restore;

/*
 * Reads inventory, pstree and, for each task, ids, core, mm and fs. Files and
 * memory come later (core/restore.h, engine/memory-restore.h).
 * Returns 0 or -errno, logged with file and entry.
 */
int load_tree(struct restore *r);

#endif
