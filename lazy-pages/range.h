/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A map of disjoint ranges, each with what is known of it; O(log n).
 *
 * Pure data: spaces and segments are built of it. All bounds are bytes, aligned
 * to the pages there, which may be huge. Neighbours that say the same are
 * merged, so that what was filled piece by piece becomes one range again.
 */
#ifndef LAZY_PAGES_RANGE_H
#define LAZY_PAGES_RANGE_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

/* Of user memory, in four levels of page tables. */
#define USER_END 0x7ffffffff000ULL

struct segment;

enum range_kind {
	RANGE_PENDING,			/* content is in the page source, not yet delivered */
	RANGE_SHARED,			/* a window on a segment, which knows what is pending */
	RANGE_SETTLED,			/* delivered, or a hole: nothing is to come any more */
};

struct range {
	RB_ENTRY(range) node;
	uint64_t start, end;
	/* Where `start` is in the source (PENDING) or segment (SHARED); else any. */
	uint64_t source;
	struct segment *segment;	/* SHARED; counted in segment->windows */
	enum range_kind kind : 8;
	uint32_t huge : 8;		/* log2 of the size of huge pages; 0: ordinary ones */
	uint32_t moved;			/* number of the move that brought it there; 0: none */
};

struct range_map {
	RB_HEAD(range_tree, range) tree;
	size_t n_ranges;
	uint64_t pending;		/* bytes in PENDING ranges */
	size_t n_shared;		/* SHARED ranges */
};

/* The size of its pages; its bounds and its source are aligned to it. */
static inline uint64_t range_page(const struct range *range)
{
	return range->huge ? 1ULL << range->huge : PAGE_SIZE;
}

void range_map_init(struct range_map *map);
void range_map_fini(struct range_map *map);

/* The range that holds @addr, or NULL. */
const struct range *range_find(const struct range_map *map, uint64_t addr);
/* The first range that ends above @addr, or NULL. */
const struct range *range_find_from(const struct range_map *map, uint64_t addr);
/* The last range that ends at or below @addr, or NULL. */
const struct range *range_find_below(const struct range_map *map, uint64_t addr);
const struct range *range_next(const struct range *range);

/*
 * Adds a copy of @range, of which all fields but `node` count. 0, -EEXIST when
 * some of it is there already, -EINVAL (empty), -ENOMEM.
 */
int range_insert(struct range_map *map, const struct range *range);

/*
 * Takes all of [start, end) out of the map, and splits what crosses its edges:
 *
 *	|aaaaaaaaaa|  |bbbbbb|		    |aaa|           |bbb|
 *	    [start      end)	    ->
 *
 * With @taken the pieces go there, at the same addresses. 0 or -ENOMEM, and
 * then nothing has changed.
 */
int range_carve(struct range_map *map, uint64_t start, uint64_t end, struct range_map *taken);

/*
 * Makes [start, end), all of it inside @range, SETTLED. @range is of the map, and PENDING; it
 * may be another one afterwards, or none. 0 or -ENOMEM, and then nothing has changed.
 */
int range_settle(struct range_map *map, const struct range *range, uint64_t start, uint64_t end);

/* The part of @range inside [start, end), with its source moved along. */
struct range range_clip(const struct range *range, uint64_t start, uint64_t end);

/* Adds copies of all ranges of @from to the empty map @to. 0 or -ENOMEM. */
int range_map_copy(struct range_map *to, const struct range_map *from);

#endif
