/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much to zero when a task touches memory that holds nothing.
 *
 * A heap or a stack that grows would fault on each page of it. What is behind the touched
 * page, or before it, is zeroed as well, and twice as much each time that the task has come
 * to the end of that.
 */
#ifndef LAZY_PAGES_HOLE_H
#define LAZY_PAGES_HOLE_H

#include <stdint.h>

/* Threads grow into memory of their own, each at its own place. */
#define HOLE_STREAMS 8

struct hole_run {
	uint64_t start, end;
};

struct hole_streams {
	uint64_t first, max;		/* bytes: for a first touch, in whole blocks; at most */
	struct hole_run last[HOLE_STREAMS];	/* what each was given last */
	unsigned int next;		/* which to forget first */
};

/*
 * What to zero when the page at @addr was touched, in the hole [@start, @end). The page is
 * the first or the last one of it.
 */
struct hole_run hole_touched(struct hole_streams *streams, uint64_t addr, uint64_t start,
			     uint64_t end);

#endif
