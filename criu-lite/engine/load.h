/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads an image directory into a restore, and checks all of it. */
#ifndef CRIU_LITE_ENGINE_LOAD_H
#define CRIU_LITE_ENGINE_LOAD_H

struct restore;

/*
 * Reads and checks everything that a task is made from: first which tasks there are, then
 * their files, state and where their memory is. Nothing runs, nothing is made; messages
 * and descriptors of page images stay with @r.
 * Return 0 or -errno, logged with file and entry.
 */
int load_tree(struct restore *r);
int load_rest(struct restore *r);
/* Both. */
int load_images(struct restore *r);
/*
 * What these leave for a moment when there is time: the sums of pages. Before
 * any task runs. Returns 0 or -errno, logged.
 */
int load_page_crcs(struct restore *r);

#endif
