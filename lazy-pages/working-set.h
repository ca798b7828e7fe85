/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The working set: what the tasks of a lazy restore touched, and in which order.
 *
 * One restore records it, later ones bring it before anything else. It is a
 * hint and no more: a piece that is not there any more is passed over.
 */
#ifndef LAZY_PAGES_WORKING_SET_H
#define LAZY_PAGES_WORKING_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_dir;

/* Pages that follow one another in the page map of one task or segment. */
struct working_piece {
	uint64_t id;			/* the task's pid, or the segment's id */
	uint64_t addr;			/* in the page map */
	uint32_t n_pages;		/* not 0 */
	bool shared;			/* a segment's */
};

struct working_set {
	struct working_piece *pieces;	/* in the order of the first touch */
	size_t n, cap;
	bool full;			/* there was more than is worth keeping */
};

void working_set_fini(struct working_set *ws);

/*
 * Notes a page that was touched for the first time. 0; -ENOMEM, not logged. Beyond a
 * bound nothing is noted any more: who touches that much has no working set.
 */
int working_set_note(struct working_set *ws, bool shared, uint64_t id, uint64_t addr);

/* Writes the image `working-set`. 0 or -errno, logged; then there is none. */
int working_set_save(const struct working_set *ws, const struct image_dir *dir);
/*
 * Reads it into @ws, which is to be freed. 0, also when there is no such image; -errno,
 * logged: it is damaged, and @ws is empty.
 */
int working_set_load(struct working_set *ws, const struct image_dir *dir);

#endif
