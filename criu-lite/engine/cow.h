/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a restored task shares copy-on-write with its children. In the
 * order of use:
 *
 *	coordinator	cow_init	when the memory of all tasks is loaded
 *	each task	cow_prepare	before it makes its children
 *	each task	cow_pieces	what the restorer finds in place
 */
#ifndef CRIU_LITE_ENGINE_COW_H
#define CRIU_LITE_ENGINE_COW_H

struct cow_pieces;
struct restore;
struct task;

/* Nothing is shared in a tree of one task. Returns 0 or -errno, logged. */
int cow_init(struct restore *r);

/*
 * In the task: makes what it has from its parent its own, drops what it has no
 * use for, and reads in what its children will have from it. All files that
 * mappings need are open. Returns 0 or -errno, logged.
 */
int cow_prepare(struct restore *r, struct task *t);

/*
 * The pieces of the task that called cow_prepare() last: this one, or who made
 * it. None before any did.
 */
const struct cow_pieces *cow_pieces(const struct restore *r);

#endif
