/* SPDX-License-Identifier: GPL-2.0-only */
/* A dump that keeps the memory until it is asked for: dump --lazy-pages. */
#ifndef CRIU_LITE_ENGINE_POST_COPY_H
#define CRIU_LITE_ENGINE_POST_COPY_H

struct dump;
struct post_copy;

/*
 * All do nothing without --lazy-pages, where *pc is NULL. All return 0 or
 * -errno, logged.
 */

/* Listens, before any task is touched. The caller frees *pc with post_copy_free(). */
int post_copy_begin(struct dump *d, struct post_copy **pc);
/*
 * The images are there, the tree stands still and has no parasites: gives its
 * memory to one peer, until that one has all it wants. What fails leaves the
 * tree as it is.
 */
int post_copy_serve(struct dump *d, struct post_copy *pc);
/* The tree has ended: tells the peer. */
void post_copy_end(struct post_copy *pc);
void post_copy_free(struct post_copy *pc);

#endif
