// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map of disjoint ranges.
 *
 * A red-black tree ordered by start. Everything that a space or segment does
 * to its map is made of two steps, taking ranges out and putting ranges in;
 * only taking out splits, and only putting in merges.
 */
#include "lazy-pages/range.h"

#include <errno.h>
#include <stdlib.h>

#include "lazy-pages/segment.h"
#include "util/macro.h"

static int range_cmp(struct range *a, struct range *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

RB_GENERATE_INTERNAL(range_tree, range, node, range_cmp, __attribute__((unused)) static)

void range_map_init(struct range_map *map)
{
	*map = (struct range_map){ .tree = RB_INITIALIZER(&map->tree) };
}

static void count(struct range_map *map, const struct range *r, int sign)
{
	map->n_ranges += sign;
	if (r->kind == RANGE_PENDING)
		map->pending += sign * (r->end - r->start);
	if (r->kind == RANGE_SHARED) {
		map->n_shared += sign;
		r->segment->windows += sign;
	}
}

static void link_range(struct range_map *map, struct range *r)
{
	RB_INSERT(range_tree, &map->tree, r);
	count(map, r, 1);
}

static void unlink_range(struct range_map *map, struct range *r)
{
	RB_REMOVE(range_tree, &map->tree, r);
	count(map, r, -1);
}

void range_map_fini(struct range_map *map)
{
	struct range *r;

	while ((r = RB_ROOT(&map->tree))) {
		unlink_range(map, r);
		free(r);
	}
}

const struct range *range_find_from(const struct range_map *map, uint64_t addr)
{
	struct range *r = RB_ROOT(&map->tree), *best = NULL;

	while (r) {
		if (r->end > addr) {
			best = r;
			r = RB_LEFT(r, node);
		} else {
			r = RB_RIGHT(r, node);
		}
	}
	return best;
}

const struct range *range_find_below(const struct range_map *map, uint64_t addr)
{
	struct range *r = RB_ROOT(&map->tree), *best = NULL;

	while (r) {
		if (r->end <= addr) {
			best = r;
			r = RB_RIGHT(r, node);
		} else {
			r = RB_LEFT(r, node);
		}
	}
	return best;
}

const struct range *range_find(const struct range_map *map, uint64_t addr)
{
	const struct range *r = range_find_from(map, addr);

	return r && r->start <= addr ? r : NULL;
}

const struct range *range_next(const struct range *range)
{
	return RB_NEXT(range_tree, NULL, (struct range *)range);
}

struct range range_clip(const struct range *range, uint64_t start, uint64_t end)
{
	struct range part = *range;

	part.start = MAX(range->start, start);
	part.end = MIN(range->end, end);
	if (range->kind != RANGE_SETTLED)
		part.source += part.start - range->start;
	return part;
}

/* Whether @b, which begins where @a ends, goes on where @a leaves off. */
static bool continues(const struct range *a, const struct range *b)
{
	if (a->end != b->start || a->kind != b->kind || a->moved != b->moved ||
	    a->huge != b->huge)
		return false;
	return a->kind == RANGE_SETTLED || (a->segment == b->segment &&
					    a->source + (a->end - a->start) == b->source);
}

/* Lengthens @r over the range behind it, which goes. */
static void absorb(struct range_map *map, struct range *r, struct range *behind)
{
	unlink_range(map, behind);
	count(map, r, -1);
	r->end = behind->end;
	count(map, r, 1);
	free(behind);
}

/* Makes one of @r and the neighbours that say the same. */
static void merge(struct range_map *map, struct range *r)
{
	struct range *other = RB_NEXT(range_tree, &map->tree, r);

	if (other && continues(r, other))
		absorb(map, r, other);
	other = RB_PREV(range_tree, &map->tree, r);
	if (other && continues(other, r))
		absorb(map, other, r);
}

int range_insert(struct range_map *map, const struct range *range)
{
	const struct range *there = range_find_from(map, range->start);
	struct range *r;

	if (range->start >= range->end)
		return -EINVAL;
	if (there && there->start < range->end)
		return -EEXIST;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = *range;
	link_range(map, r);
	merge(map, r);
	return 0;
}

/* Splits @low, which may be NULL, at @at, if that is inside. */
static int split(struct range_map *map, struct range *low, uint64_t at)
{
	struct range *high;

	if (!low || low->start >= at || low->end <= at)
		return 0;
	high = malloc(sizeof(*high));
	if (!high)
		return -ENOMEM;
	*high = range_clip(low, at, low->end);
	count(map, low, -1);
	low->end = at;
	count(map, low, 1);
	link_range(map, high);
	return 0;
}

int range_carve(struct range_map *map, uint64_t start, uint64_t end, struct range_map *taken)
{
	struct range *r, *next;
	int err;

	if (start >= end)
		return 0;
	err = split(map, (struct range *)range_find(map, start), start);
	if (!err)
		err = split(map, (struct range *)range_find(map, end), end);
	if (err)
		return err;
	for (r = (struct range *)range_find_from(map, start); r && r->start < end; r = next) {
		next = RB_NEXT(range_tree, &map->tree, r);
		unlink_range(map, r);
		if (taken)
			link_range(taken, r);
		else
			free(r);
	}
	return 0;
}

/*
 * What is brought in order moves the edge between two ranges, and the tree stays as it is:
 *
 *	|zzzzzz|aaaaaaaa|	->	|zzzzzzzzzz|aaaa|
 *	       [start   end)
 */
static bool move_edge(struct range_map *map, struct range *r, uint64_t end)
{
	struct range *before = RB_PREV(range_tree, &map->tree, r);

	if (!before || before->kind != RANGE_SETTLED || before->end != r->start ||
	    before->moved != r->moved || before->huge != r->huge)
		return false;
	count(map, r, -1);
	r->source += end - r->start;
	before->end = r->start = end;
	count(map, r, 1);
	return true;
}

int range_settle(struct range_map *map, const struct range *range, uint64_t start, uint64_t end)
{
	struct range *r = (struct range *)range;
	int err;

	if (start == r->start && end < r->end && move_edge(map, r, end))
		return 0;
	err = split(map, r, end);
	if (!err)
		err = split(map, r, start);
	if (err)
		return err;
	if (r->start < start)
		r = RB_NEXT(range_tree, &map->tree, r);
	count(map, r, -1);
	r->kind = RANGE_SETTLED;
	count(map, r, 1);
	merge(map, r);
	return 0;
}

int range_map_copy(struct range_map *to, const struct range_map *from)
{
	struct range *r;

	RB_FOREACH(r, range_tree, (struct range_tree *)&from->tree) {
		struct range *copy = malloc(sizeof(*copy));

		if (!copy) {
			range_map_fini(to);
			return -ENOMEM;
		}
		*copy = *r;
		link_range(to, copy);
	}
	return 0;
}
