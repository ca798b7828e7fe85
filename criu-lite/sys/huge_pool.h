/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's huge pages (Documentation/admin-guide/mm/hugetlbpage.rst). */
#ifndef CRIU_LITE_SYS_HUGE_POOL_H
#define CRIU_LITE_SYS_HUGE_POOL_H

#include <stdint.h>

/* Of one size, in pages. */
struct huge_pool {
	uint64_t free;			/* in nobody's memory */
	uint64_t reserved;		/* of these, promised to mappings */
	uint64_t surplus;		/* made because they were asked for */
	uint64_t overcommit;		/* how many of that may be */
};

/*
 * Those of 1 << @shift bytes. 0; -ENOENT, not logged, where the machine has no such size, or
 * shows us none; -errno, logged.
 */
int huge_pool_read(unsigned int shift, struct huge_pool *pool);
/* How many a new mapping may reserve at most. */
uint64_t huge_pool_room(const struct huge_pool *pool);

#endif
