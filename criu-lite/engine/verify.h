/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether an image directory can be restored: `criu-lite verify`. */
#ifndef CRIU_LITE_ENGINE_VERIFY_H
#define CRIU_LITE_ENGINE_VERIFY_H

struct kind_table;
struct options;

/*
 * Reads and checks the images of opts->images_dir as a restore does before it
 * makes the first task. Returns 0 or -errno, logged with file and entry.
 */
int verify_run(const struct options *opts, const struct kind_table *kinds);

#endif
