/* SPDX-License-Identifier: GPL-2.0-only */
/* The story of a restore, as its coordinator tells it. */
#ifndef CRIU_LITE_ENGINE_RESTORE_H
#define CRIU_LITE_ENGINE_RESTORE_H

struct kind_table;
struct options;

/*
 * Restores the tree of opts->images_dir. Unless opts->detach, returns when the
 * root task has ended. Returns 0, or -errno with nothing left running.
 */
int restore_run(const struct options *opts, const struct kind_table *kinds);

#endif
