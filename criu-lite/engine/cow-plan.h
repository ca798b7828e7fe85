/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans for memory that a parent and its children share copy-on-write: pure
 * functions on ranges. Nothing here asks the kernel.
 */
#ifndef CRIU_LITE_ENGINE_COW_PLAN_H
#define CRIU_LITE_ENGINE_COW_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page_extent;
struct page_map;

/* What two mappings must have in common for one to come from the other by fork. */
struct cow_key {
	uint32_t class;			/* enum vma_status, without heap and stack */
	uint32_t flags;			/* MAP_* that stay for the life of a mapping */
	uint64_t file;			/* its id; 0 where there is none */
	uint64_t shift;			/* file offset of address 0, wrapping; 0 without a file */
};

/* A private mapping of a task whose pages are read before it runs. */
struct cow_area {
	uint64_t start, end;
	struct cow_key key;
	size_t vma;			/* index in the task's list */
	bool wanted;			/* by a child: cow_want() */
};

/* A part of a task's memory that is there before its children are made. */
struct cow_piece {
	uint64_t start, end;		/* where it belongs */
	uint64_t at;			/* where it is; start: it is in place */
	struct cow_key key;
	bool locked;			/* by this task: no child inherits that */
};

struct cow_pieces {
	struct cow_piece *list;		/* ascending by start, disjoint */
	size_t n, cap;
};

/* Part of a mapping: one piece whole, or what lies between two of them. */
struct cow_segment {
	uint64_t start, end;
	const struct cow_piece *piece;	/* NULL: nothing is there yet */
};

enum cow_run_kind {
	COW_READ,			/* the child has pages where the parent has none */
	COW_COMPARE,			/* both have */
	COW_DROP,			/* only the parent has */
};

struct cow_run {
	enum cow_run_kind kind;
	uint64_t start, end;
	const struct page_extent *from;	/* holds the run in the child's map; NULL: COW_DROP */
};

/* The pages of one range, in two page maps at once. */
struct cow_walk {
	const struct page_map *parent, *child;
	const struct page_extent *in_parent, *in_child;
	uint64_t at, end;
};

/*
 * Marks the areas of a parent that meet an area of @child with the same key,
 * both with stored pages in the part that meets. @pages and @child_pages are the
 * page maps of the two.
 */
void cow_want(struct cow_area *areas, size_t n, const struct page_map *pages,
	      const struct cow_area *child, size_t n_child, const struct page_map *child_pages);

/*
 * What a child with @areas keeps of its parent's pieces, and what it has no use
 * for; all of @from is in one of the two lists. Returns 0 or -ENOMEM.
 */
int cow_inherit(const struct cow_pieces *from, const struct cow_area *areas, size_t n,
		struct cow_pieces *kept, struct cow_pieces *dropped);

/* Adds a piece above all others. Returns 0 or -ENOMEM. */
int cow_pieces_add(struct cow_pieces *pieces, const struct cow_piece *piece);
void cow_pieces_fini(struct cow_pieces *pieces);

/*
 * The segment of a mapping that ends at @end which begins at @start < @end. No
 * piece crosses a border of the mapping. *i is 0 at first and only grows while
 * addresses ascend.
 */
struct cow_segment cow_segment_at(const struct cow_pieces *pieces, size_t *i, uint64_t start,
				  uint64_t end);

/* @parent NULL: has no pages. */
void cow_walk_init(struct cow_walk *w, uint64_t start, uint64_t end,
		   const struct page_map *parent, const struct page_map *child);
/* The next run, ascending; a run ends where an extent does. False: no more. */
bool cow_walk_next(struct cow_walk *w, struct cow_run *run);

#endif
