/* SPDX-License-Identifier: GPL-2.0-only */
/* The story of a dump. */
#ifndef CRIU_LITE_ENGINE_DUMP_H
#define CRIU_LITE_ENGINE_DUMP_H

struct kind_table;
struct options;

/*
 * Saves the tree of opts->pid to opts->images_dir; then kills it, or, as
 * asked, lets it go on or leaves it stopped. Returns 0, or -errno with the
 * tree going on exactly as it was.
 */
int dump_run(const struct options *opts, const struct kind_table *kinds);

#endif
