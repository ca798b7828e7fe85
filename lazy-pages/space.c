// SPDX-License-Identifier: GPL-2.0-only
/*
 * A space: one armed address space, drawn as ranges.
 *
 * Pure data. Nothing here asks the kernel, so that every case can be drawn and
 * tested; what an event means is decided here and nowhere else.
 */
#include "lazy-pages/space.h"

#include <errno.h>

#include "util/macro.h"

void space_init(struct space *space)
{
	range_map_init(&space->map);
	range_map_init(&space->aside);
	space->epoch = 1;
}

void space_fini(struct space *space)
{
	range_map_fini(&space->map);
	range_map_fini(&space->aside);
}

int space_add(struct space *space, uint64_t start, uint64_t end, enum range_kind kind,
	      uint64_t source, struct segment *segment)
{
	struct range add = {
		.start = start, .end = end, .kind = kind,
		.source = source, .segment = segment,
	};

	return range_insert(&space->map, &add);
}

/*
 * A window whose mapping grew in place, which makes no event:
 *
 *	|SSSSSSSS|	   |AAA|	the window as it was armed
 *	|SSSSSSSSssssss?   |AAA|	a fault at ?
 *
 * Private memory that grew has nothing to bring, so that only a window is
 * continued, and only as far as its segment goes.
 */
static const struct range *grown_window(struct space *space, uint64_t addr)
{
	const struct range *below = range_find_below(&space->map, addr);
	struct range grown;

	if (!below || below->kind != RANGE_SHARED)
		return NULL;
	grown = *below;
	grown.start = below->end;
	grown.end = addr + PAGE_SIZE;
	grown.source = below->source + (below->end - below->start);
	if (grown.source + (grown.end - grown.start) > below->segment->size)
		return NULL;
	if (range_insert(&space->map, &grown))
		return NULL;
	return range_find(&space->map, addr);
}

const struct range *space_fault(struct space *space, uint64_t addr)
{
	const struct range *r = range_find(&space->map, addr);

	return r ? r : grown_window(space, addr);
}

const struct range *space_pending_from(const struct space *space, uint64_t addr)
{
	const struct range *r = range_find_from(&space->map, addr);

	while (r && r->kind != RANGE_PENDING)
		r = range_next(r);
	return r;
}

static bool window_pending(const struct range *window, uint64_t start, uint64_t end)
{
	struct range part = range_clip(window, start, end);
	const struct range *r = range_find_from(&window->segment->map, part.source);

	return r && r->start < part.source + (part.end - part.start);
}

const struct range *space_window_pending(const struct space *space, uint64_t start,
					 uint64_t end)
{
	const struct range *r = range_find_from(&space->map, start);

	for (; r && r->start < end; r = range_next(r))
		if (r->kind == RANGE_SHARED && window_pending(r, start, end))
			return r;
	return NULL;
}

/* PENDING parts of [start, end) become SETTLED; all else stays. */
int space_filled(struct space *space, uint64_t start, uint64_t end)
{
	const struct range *r;

	while ((r = space_pending_from(space, start)) && r->start < end) {
		struct range part = range_clip(r, start, end);
		int err = range_carve(&space->map, part.start, part.end, NULL);

		if (err)
			return err;
		start = part.end;
		part = (struct range){
			.start = part.start, .end = part.end, .kind = RANGE_SETTLED,
		};
		err = range_insert(&space->map, &part);
		if (err)
			return err;
	}
	return 0;
}

int space_absent(struct space *space, uint64_t start, uint64_t end)
{
	return range_carve(&space->map, start, end, NULL);
}

void space_settled(struct space *space)
{
	space->epoch++;
	if (space->aside.n_ranges)
		range_map_fini(&space->aside);
}

int space_remove(struct space *space, uint64_t start, uint64_t end)
{
	if (space->map.n_shared && space_window_pending(space, start, end))
		return -EBUSY;
	return space_filled(space, start, end);
}

/* Takes [start, end) out of the map, but leaves what was moved there in this epoch. */
static int carve_older(struct space *space, uint64_t start, uint64_t end)
{
	while (start < end) {
		const struct range *r = range_find_from(&space->map, start);
		struct range part;
		int err;

		if (!r || r->start >= end)
			break;
		part = range_clip(r, start, end);
		start = part.end;
		if (part.epoch == space->epoch)
			continue;
		err = range_carve(&space->map, part.start, part.end, NULL);
		if (err)
			return err;
	}
	return 0;
}

int space_unmap(struct space *space, uint64_t start, uint64_t end)
{
	int err = 0;

	if (space->aside.n_ranges)
		err = range_carve(&space->aside, start, end, NULL);
	return err ? err : carve_older(space, start, end);
}

/* Keeps aside what is at [start, end) and still has something to bring. */
static int displace(struct space *space, uint64_t start, uint64_t end)
{
	struct range_map taken;
	const struct range *r;
	int err;

	range_map_init(&taken);
	err = range_carve(&space->map, start, end, &taken);
	for (r = range_find_from(&taken, 0); r && !err; r = range_next(r)) {
		if (r->kind == RANGE_SETTLED)
			continue;
		/* The one that was there first is the one whose event is to come. */
		err = range_insert(&space->aside, r);
		if (err == -EEXIST)
			err = 0;
	}
	range_map_fini(&taken);
	return err;
}

/* One range of a move, with what it leaves behind. */
static int move_one(struct space *space, const struct range *from, int64_t by)
{
	struct range to = *from, left = *from;
	int err;

	to.start += by;
	to.end += by;
	to.epoch = from->kind == RANGE_SETTLED ? 0 : space->epoch;
	err = range_insert(&space->map, &to);
	if (err)
		return err;
	if (from->kind != RANGE_SHARED)
		left = (struct range){
			.start = from->start, .end = from->end, .kind = RANGE_SETTLED,
		};
	err = range_insert(&space->map, &left);
	/* An older one was kept aside: its place is taken by a newcomer. */
	return err == -EEXIST ? 0 : err;
}

/*
 * mremap() of a window with an old length of 0: the new length is not told, so
 * the window reaches as far as its segment does and nothing else begins.
 */
static int duplicate_window(struct space *space, uint64_t from, uint64_t to)
{
	const struct range *window = range_find(&space->map, from), *next;
	struct range copy;

	if (!window || window->kind != RANGE_SHARED)
		return 0;
	copy = range_clip(window, from, window->end);
	copy.start = to;
	copy.end = to + MAX(window->segment->size, copy.source + PAGE_SIZE) - copy.source;
	copy.epoch = space->epoch;
	next = range_find_from(&space->map, to);
	if (next && next->start < copy.end)
		copy.end = next->start;
	return copy.end > to ? range_insert(&space->map, &copy) : 0;
}

int space_move(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
	struct range_map taken;
	const struct range *r;
	int err = 0;

	if (!len)
		return duplicate_window(space, from, to);
	range_map_init(&taken);
	if (space->aside.n_ranges)
		err = range_carve(&space->aside, from, from + len, &taken);
	/* Nothing aside: the usual case. */
	if (!err && !taken.n_ranges)
		err = range_carve(&space->map, from, from + len, &taken);
	if (!err)
		err = displace(space, to, to + len);
	for (r = range_find_from(&taken, 0); r && !err; r = range_next(r))
		err = move_one(space, r, to - from);
	range_map_fini(&taken);
	return err;
}

int space_clone(struct space *child, const struct space *parent)
{
	/* No event of the parent's is outstanding in the child: all is older. */
	child->epoch = parent->epoch + 1;
	return range_map_copy(&child->map, &parent->map);
}

bool space_done(const struct space *space)
{
	const struct range *r;

	if (space->map.pending || space->aside.n_ranges)
		return false;
	if (!space->map.n_shared)
		return true;
	for (r = range_find_from(&space->map, 0); r; r = range_next(r))
		if (r->kind == RANGE_SHARED && !segment_done(r->segment))
			return false;
	return true;
}
