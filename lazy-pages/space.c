// SPDX-License-Identifier: GPL-2.0-only
/*
 * A space: one armed address space, drawn as ranges.
 *
 * Pure data. Nothing here asks the kernel, so that every case can be drawn and
 * tested; what an event means is decided here and nowhere else.
 */
#include "lazy-pages/space.h"

#include <errno.h>
#include <stdlib.h>

#include "util/macro.h"

void space_init(struct space *space)
{
	range_map_init(&space->map);
	range_map_init(&space->aside);
	TAILQ_INIT(&space->departures);
	space->moves = 0;
	space->quiet_moves = 0;
	space->born = 0;
}

void space_fini(struct space *space)
{
	range_map_fini(&space->map);
	space_quiet(space);
}

int space_add(struct space *space, const struct range *range)
{
	return range_insert(&space->map, range);
}

/*
 * A window whose mapping grew in place, which makes no event:
 *
 *	|SSSSSSSS|	   |AAA|	the window as it was armed
 *	|SSSSSSSSssssss?   |AAA|	a fault at ?
 *
 * Private memory that grew has nothing to bring, so that only a window is
 * continued, and only as far as its segment goes. Huge pages do not grow.
 */
static const struct range *grown_window(struct space *space, uint64_t addr)
{
	const struct range *below = range_find_below(&space->map, addr);
	struct range grown;

	if (!below || below->kind != RANGE_SHARED || below->huge)
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

	while (start < end && (r = space_pending_from(space, start)) && r->start < end) {
		struct range part = range_clip(r, start, end);
		int err = range_settle(&space->map, r, part.start, part.end);

		if (err)
			return err;
		start = part.end;
	}
	return 0;
}

int space_absent(struct space *space, uint64_t start, uint64_t end)
{
	return range_carve(&space->map, start, end, NULL);
}

int space_remove(struct space *space, uint64_t start, uint64_t end)
{
	if (space->map.n_shared && space_window_pending(space, start, end))
		return -EBUSY;
	return space_filled(space, start, end);
}

void space_quiet(struct space *space)
{
	struct departure *d;

	while ((d = TAILQ_FIRST(&space->departures))) {
		TAILQ_REMOVE(&space->departures, d, link);
		free(d);
	}
	if (space->aside.n_ranges)
		range_map_fini(&space->aside);
	space->quiet_moves = space->moves;
}

static int expect_departure(struct space *space, uint64_t start, uint64_t end, uint32_t moved,
			    bool displaced)
{
	struct departure *d = malloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	*d = (struct departure){
		.start = start, .end = end, .moved = moved, .displaced = displaced,
	};
	TAILQ_INSERT_TAIL(&space->departures, d, link);
	return 0;
}

/* The UNMAP that completes a move, if [start, end) is one; taken off the list. */
static struct departure *completed_move(struct space *space, uint64_t start, uint64_t end)
{
	struct departure *d;

	TAILQ_FOREACH(d, &space->departures, link) {
		if (d->displaced || d->start != start || d->end != end)
			continue;
		TAILQ_REMOVE(&space->departures, d, link);
		return d;
	}
	return NULL;
}

/* What was there up to move @last departed: it is no longer waited for in [start, end). */
static int departed(struct space *space, uint64_t start, uint64_t end, uint32_t last)
{
	struct departure *d, *next;

	TAILQ_FOREACH_SAFE(d, &space->departures, link, next) {
		int err = 0;

		if (!d->displaced || d->moved > last || d->end <= start || d->start >= end)
			continue;
		if (d->end > end)
			err = expect_departure(space, end, d->end, d->moved, true);
		if (err)
			return err;
		d->end = start;
		if (d->start < d->end)
			continue;
		TAILQ_REMOVE(&space->departures, d, link);
		free(d);
	}
	return 0;
}

/* Takes out of @map what is in [start, end) and was not moved there after @last. */
static int take_older(struct range_map *map, uint64_t start, uint64_t end, uint32_t last,
		      struct range_map *taken)
{
	const struct range *r;

	while (start < end && (r = range_find_from(map, start)) && r->start < end) {
		struct range part = range_clip(r, start, end);
		int err = 0;

		start = part.end;
		if (part.moved <= last)
			err = range_carve(map, part.start, part.end, taken);
		if (err)
			return err;
	}
	return 0;
}

/*
 * The last move that an UNMAP or REMAP of [start, end) can know of. It is one
 * change to the layout: made before what displaced something there came, and
 * before whatever has just come to its inside.
 *
 *	     |NNNNNN|		it is about [start, end) before N came
 *	[start    end)
 */
static uint32_t last_known(const struct space *space, uint64_t start, uint64_t end)
{
	const struct range *r = range_find_from(&space->map, start);
	uint32_t first = r && r->start <= start ? r->moved : 0, last = UINT32_MAX;
	const struct departure *d;

	for (; r && r->start < end; r = range_next(r))
		if (r->moved > MAX(space->quiet_moves, first))
			last = MIN(last, r->moved - 1);
	TAILQ_FOREACH(d, &space->departures, link)
		if (d->displaced && d->start < end && d->end > start)
			last = MIN(last, d->moved);
	return last;
}

/*
 * Takes what an UNMAP or REMAP of [start, end) is about: what was kept aside
 * there, and what is there and no newcomer.
 */
static int take_departing(struct space *space, uint64_t start, uint64_t end, uint32_t last,
			  struct range_map *taken)
{
	int err = take_older(&space->aside, start, end, last, taken);

	if (!err)
		err = take_older(&space->map, start, end, last, taken);
	return err ? err : departed(space, start, end, last);
}

/*
 * The kernel tells of an unmapping before it finds that it can't be: what ends inside a
 * huge page is refused (EINVAL), and all of it stays.
 *
 *	|pppppppppp|  huge page  |
 *	     [start   end)
 */
static bool unmap_refused(const struct space *space, uint64_t end)
{
	const struct range *r = range_find(&space->map, end);

	return r && end % range_page(r);
}

int space_unmap(struct space *space, uint64_t start, uint64_t end)
{
	struct departure *d = completed_move(space, start, end);
	int err;

	if (!d && unmap_refused(space, end))
		return 0;
	if (!d)
		return take_departing(space, start, end, last_known(space, start, end), NULL);
	err = take_older(&space->map, start, end, d->moved, NULL);
	free(d);
	return err;
}

/* Whether a completed move left [start, end): what is there is known to go. */
static bool was_left(const struct space *space, const struct range *r)
{
	const struct departure *d;

	TAILQ_FOREACH(d, &space->departures, link)
		if (!d->displaced && d->start <= r->start && d->end >= r->end &&
		    r->moved <= d->moved)
			return true;
	return false;
}

/*
 * Clears [start, end) for what is moved there. What is there, and was not left
 * by a move, is still to depart: the news of that is on its way.
 */
static int displace(struct space *space, uint64_t start, uint64_t end)
{
	struct range_map taken;
	const struct range *r;
	int err;

	range_map_init(&taken);
	err = range_carve(&space->map, start, end, &taken);
	for (r = range_find_from(&taken, 0); r && !err; r = range_next(r)) {
		if (was_left(space, r))
			continue;
		if (r->kind != RANGE_SETTLED)
			err = range_insert(&space->aside, r);
		/* Somebody is aside already: which of the two leaves first can't be told. */
		if (err == -EEXIST)
			err = -ENOTRECOVERABLE;
		else if (!err)
			err = expect_departure(space, r->start, r->end, space->moves - 1, true);
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
	to.moved = space->moves;
	err = range_insert(&space->map, &to);
	if (err)
		return err;
	if (from->kind != RANGE_SHARED)
		left.kind = RANGE_SETTLED;
	left.moved = 0;
	err = range_insert(&space->map, &left);
	/* It had been kept aside: its old place is taken by a newcomer. */
	return err == -EEXIST ? 0 : err;
}

/* What no range covers in [start, end) is there all the same, and holds nothing. */
static int cover(struct space *space, uint64_t start, uint64_t end)
{
	while (start < end) {
		const struct range *next = range_find_from(&space->map, start);
		struct range gap = {
			.start = start, .end = next ? MIN(next->start, end) : end,
			.kind = RANGE_SETTLED, .moved = space->moves,
		};
		int err = 0;

		start = next ? next->end : end;
		if (gap.start < gap.end)
			err = range_insert(&space->map, &gap);
		if (err)
			return err;
	}
	return 0;
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
	copy.moved = space->moves;
	next = range_find_from(&space->map, to);
	if (next && next->start < copy.end)
		copy.end = next->start;
	return copy.end > to ? range_insert(&space->map, &copy) : 0;
}

int space_move(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
	uint32_t last = last_known(space, from, from + len);
	struct range_map taken;
	const struct range *r;
	int err;

	space->moves++;
	if (!len)
		return duplicate_window(space, from, to);
	range_map_init(&taken);
	err = take_departing(space, from, from + len, last, &taken);
	if (!err)
		err = displace(space, to, to + len);
	for (r = range_find_from(&taken, 0); r && !err; r = range_next(r))
		err = move_one(space, r, to - from);
	range_map_fini(&taken);
	if (!err)
		err = cover(space, to, to + len);
	return err ? err : expect_departure(space, from, from + len, MIN(last, space->moves),
					    false);
}

/* Takes the SETTLED ranges in [start, end) that are not younger than move @last. */
static int forget_settled(struct space *space, uint64_t start, uint64_t end, uint32_t last)
{
	const struct range *r;

	while (start < end && (r = range_find_from(&space->map, start)) && r->start < end) {
		struct range part = range_clip(r, start, end);
		int err = 0;

		start = part.end;
		if (part.kind == RANGE_SETTLED && part.moved <= last)
			err = range_carve(&space->map, part.start, part.end, NULL);
		if (err)
			return err;
	}
	return 0;
}

int space_clone(struct space *child, const struct space *parent)
{
	const struct departure *d;
	int err = range_map_copy(&child->map, &parent->map);

	child->moves = parent->moves;
	child->quiet_moves = parent->moves;
	child->born = parent->moves;
	/* An UNMAP that is on its way to the parent does not come to the child. */
	TAILQ_FOREACH(d, &parent->departures, link)
		if (!err && !d->displaced)
			err = forget_settled(child, d->start, d->end, d->moved);
	return err;
}

int space_doubt(struct space *child, uint64_t start, uint64_t end)
{
	/* What the child moved there itself is its own. */
	return forget_settled(child, start, end, child->born);
}

bool space_done(const struct space *space)
{
	const struct range *r;

	if (space->map.pending || space->aside.pending)
		return false;
	if (!space->map.n_shared)
		return true;
	for (r = range_find_from(&space->map, 0); r; r = range_next(r))
		if (r->kind == RANGE_SHARED && !segment_done(r->segment))
			return false;
	return true;
}
