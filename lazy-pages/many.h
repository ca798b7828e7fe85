/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many restores of the same images, one after the other and at the same time.
 *
 * Each is served by processes of its own, a guardian and a server, so that the
 * end of one tree, or of its server, is no matter of the others. What they share
 * is the page cache of the images.
 */
#ifndef LAZY_PAGES_MANY_H
#define LAZY_PAGES_MANY_H

/*
 * Takes connections from @listener, which it closes, until one of guard_signals_to_end()
 * comes, which must be blocked, and calls @serve for each in a child, with the socket; its
 * result, 0 or not, is how that ends. Signals are passed on to the children. Returns when
 * all have ended: 0, or -errno: -EIO when one had failed.
 */
int many_run(int listener, int workdir_fd, int (*serve)(void *arg, int sock), void *arg);

#endif
