// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plans for memory that a parent and its children share copy-on-write.
 *
 * Images do not say that two tasks share a page. They say where each has which
 * mapping, and what is in it; what has the same place and nature in both may
 * come from a fork, and where the content is the same nobody can tell whether
 * it does:
 *
 *	parent	|-----A-----|   |--B--|
 *	child	   |----A-----| |--C--|
 *	pieces	   |++++++++|			inherited
 *	dropped	|--|            |-----|
 *
 * Within a piece, the page maps of both say what is to be done with a page:
 *
 *	parent	|11112222....|
 *	child	|1133..4444..|
 *	runs	|ccccddrr....|	compare, drop, read; nothing
 */
#include "engine/cow-plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pages/pagemap.h"
#include "util/array.h"
#include "util/macro.h"

static bool same_key(const struct cow_key *a, const struct cow_key *b)
{
	return a->class == b->class && a->flags == b->flags && a->file == b->file &&
	       a->shift == b->shift;
}

static bool has_pages(const struct page_map *map, uint64_t start, uint64_t end)
{
	const struct page_extent *e = page_map_find(map, start);

	return e && e->start < end;
}

void cow_want(struct cow_area *areas, size_t n, const struct page_map *pages,
	      const struct cow_area *child, size_t n_child, const struct page_map *child_pages)
{
	size_t i = 0, k = 0;

	while (i < n && k < n_child) {
		struct cow_area *a = &areas[i];
		const struct cow_area *c = &child[k];
		uint64_t start = MAX(a->start, c->start), end = MIN(a->end, c->end);

		if (!a->wanted && start < end && same_key(&a->key, &c->key))
			a->wanted = has_pages(pages, start, end) &&
				    has_pages(child_pages, start, end);
		if (a->end <= c->end)
			i++;
		else
			k++;
	}
}

/* The part [start, end) of a piece, which stays where it is. */
static int push_part(struct cow_pieces *pieces, const struct cow_piece *of, uint64_t start,
		     uint64_t end)
{
	struct cow_piece *part;

	if (start >= end)
		return 0;
	part = array_push(&pieces->list, &pieces->n, &pieces->cap);
	if (!part)
		return -ENOMEM;
	*part = *of;
	part->start = start;
	part->end = end;
	part->at = of->at + (start - of->start);
	part->locked = false;
	return 0;
}

int cow_inherit(const struct cow_pieces *from, const struct cow_area *areas, size_t n,
		struct cow_pieces *kept, struct cow_pieces *dropped)
{
	size_t first = 0;

	for (size_t i = 0; i < from->n; i++) {
		const struct cow_piece *p = &from->list[i];
		uint64_t at = p->start;
		int ret;

		while (first < n && areas[first].end <= at)
			first++;
		for (size_t k = first; k < n && areas[k].start < p->end; k++) {
			uint64_t start = MAX(p->start, areas[k].start);
			uint64_t end = MIN(p->end, areas[k].end);

			if (!same_key(&p->key, &areas[k].key))
				continue;
			ret = push_part(dropped, p, at, start);
			if (ret == 0)
				ret = push_part(kept, p, start, end);
			if (ret < 0)
				return ret;
			at = end;
		}
		ret = push_part(dropped, p, at, p->end);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int cow_pieces_add(struct cow_pieces *pieces, const struct cow_piece *piece)
{
	struct cow_piece *slot = array_push(&pieces->list, &pieces->n, &pieces->cap);

	if (!slot)
		return -ENOMEM;
	*slot = *piece;
	return 0;
}

void cow_pieces_fini(struct cow_pieces *pieces)
{
	free(pieces->list);
	memset(pieces, 0, sizeof(*pieces));
}

struct cow_segment cow_segment_at(const struct cow_pieces *pieces, size_t *i, uint64_t start,
				  uint64_t end)
{
	const struct cow_piece *p;

	while (*i < pieces->n && pieces->list[*i].end <= start)
		++*i;
	p = *i < pieces->n ? &pieces->list[*i] : NULL;
	if (!p || p->start >= end)
		return (struct cow_segment){ .start = start, .end = end };
	if (p->start > start)
		return (struct cow_segment){ .start = start, .end = p->start };
	return (struct cow_segment){ .start = start, .end = p->end, .piece = p };
}

void cow_walk_init(struct cow_walk *w, uint64_t start, uint64_t end,
		   const struct page_map *parent, const struct page_map *child)
{
	*w = (struct cow_walk){
		.parent = parent,
		.child = child,
		.in_parent = parent ? page_map_find(parent, start) : NULL,
		.in_child = page_map_find(child, start),
		.at = start,
		.end = end,
	};
}

/* The first extent with bytes that ends above @at, from @e on. */
static const struct page_extent *advance(const struct page_map *map, const struct page_extent *e,
					 uint64_t at)
{
	while (e && (page_extent_end(e) <= at || !page_extent_has_data(e)))
		e = page_map_next(map, e);
	return e;
}

/* Where the state of @at, in @e or before it, ends. */
static uint64_t border(const struct page_extent *e, uint64_t at, uint64_t end)
{
	if (!e)
		return end;
	return MIN(end, e->start > at ? e->start : page_extent_end(e));
}

bool cow_walk_next(struct cow_walk *w, struct cow_run *run)
{
	while (w->at < w->end) {
		uint64_t start = w->at;
		bool parent, child;

		w->in_parent = advance(w->parent, w->in_parent, start);
		w->in_child = advance(w->child, w->in_child, start);
		parent = w->in_parent && w->in_parent->start <= start;
		child = w->in_child && w->in_child->start <= start;
		w->at = MIN(border(w->in_parent, start, w->end),
			    border(w->in_child, start, w->end));
		if (!parent && !child)
			continue;
		run->kind = !child ? COW_DROP : parent ? COW_COMPARE : COW_READ;
		run->start = start;
		run->end = w->at;
		run->from = child ? w->in_child : NULL;
		return true;
	}
	return false;
}
