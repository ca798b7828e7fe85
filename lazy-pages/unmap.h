/* SPDX-License-Identifier: GPL-2.0-only */
/* Unmappings that the kernel told of and then refused. */
#ifndef LAZY_PAGES_UNMAP_H
#define LAZY_PAGES_UNMAP_H

#include <stdbool.h>
#include <stdint.h>

struct lazy_space;

enum unmap_verdict {
	UNMAP_DONE,			/* or nothing says that it was not */
	UNMAP_REFUSED,			/* all of it is still there */
	UNMAP_UNKNOWN,			/* for now: an event is on its way */
};

/*
 * Whether an UNMAP of [start, end) that was just read may have been refused: then it is to
 * be asked for, before anything else is done to the space.
 */
bool unmap_doubtful(const struct lazy_space *sp, uint64_t start, uint64_t end);
/* What became of it; @now: not UNKNOWN. 0 or -errno, logged. */
int unmap_ask(const struct lazy_space *sp, uint64_t start, uint64_t end, bool now,
	      enum unmap_verdict *verdict);

#endif
