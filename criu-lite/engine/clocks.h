/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CLOCK_MONOTONIC and CLOCK_BOOTTIME of a tree, saved in timens-ID.img.
 *
 * A restored tree lives in a time namespace of its own, in which both clocks
 * go on from where they were: a sleeper neither wakes at once nor a day late.
 */
#ifndef CRIU_LITE_ENGINE_CLOCKS_H
#define CRIU_LITE_ENGINE_CLOCKS_H

struct dump;
struct restore;

/* Writes the clocks as the root task sees them now. Returns 0 or -errno, logged. */
int clocks_dump(struct dump *d);
/* Reads and checks them, when the tree is loaded. Returns 0 or -errno, logged. */
int clocks_load(struct restore *r);
/*
 * Makes the time namespace for the children that we have from now on.
 * Returns 0 or -errno, logged.
 */
int clocks_restore(struct restore *r);

#endif
