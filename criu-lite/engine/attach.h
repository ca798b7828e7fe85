/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving another source of pages to a lazy-pages server that is at work. */
#ifndef CRIU_LITE_ENGINE_ATTACH_H
#define CRIU_LITE_ENGINE_ATTACH_H

struct options;

/*
 * `lazy-pages --attach`: the images directory, or the page server, becomes the source of who
 * serves the tree of task opts->attach. 0 when it has; -errno, logged, when it goes on as before.
 */
int attach_run(const struct options *opts);

#endif
