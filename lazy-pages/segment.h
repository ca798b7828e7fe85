/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A shared anonymous segment: what of it is still to come.
 *
 * One per shmid, whoever maps it: a page that was delivered is there for all.
 * That is why the pending state of shared pages lives here, and a space only
 * says which of its addresses are a window on which offsets.
 */
#ifndef LAZY_PAGES_SEGMENT_H
#define LAZY_PAGES_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lazy-pages/range.h"

struct segment {
	uint64_t shmid;
	uint64_t size;			/* bytes; 0 until its file came */
	unsigned int huge;		/* as in struct range */
	struct range_map map;		/* PENDING ranges alone, by offset */
	size_t windows;			/* RANGE_SHARED ranges on it, in all maps */
};

void segment_init(struct segment *seg, uint64_t shmid, unsigned int huge);
void segment_fini(struct segment *seg);

/* Says that [start, end) has content to come. 0, -EEXIST or -ENOMEM. */
int segment_add(struct segment *seg, uint64_t start, uint64_t end);

/* [start, end) was delivered, or had its hole punched. 0 or -ENOMEM. */
int segment_filled(struct segment *seg, uint64_t start, uint64_t end);

/* The size of its pages. */
static inline uint64_t segment_page(const struct segment *seg)
{
	return seg->huge ? 1ULL << seg->huge : PAGE_SIZE;
}

/* Whether all of it was delivered. */
static inline bool segment_done(const struct segment *seg)
{
	return seg->map.pending == 0;
}

#endif
