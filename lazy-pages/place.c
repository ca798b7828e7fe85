// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events, and the changes that they tell of.
 *
 * Which system call it was is not known, only its arguments: they have to fit well. Two
 * changes that fit the same event are those of two threads; where that decides anything,
 * they moved the same memory to different places, and the place tells. Two unmappings that
 * fit the same event are hard to tell apart, since the older may have found nothing there and
 * sent none: the younger is taken, and the older where that has its own already.
 */
#include "lazy-pages/place.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lazy-pages/history.h"
#include "lazy-pages/range.h"
#include "util/macro.h"

/* Of anonymous memory of that size and more; since Linux 6.7. */
#define HUGE_ALIGNMENT (2UL << 20)
#define MREMAP_FLAGS (MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)

enum fit {
	FIT_NONE,
	FIT_MAYBE,			/* the place is not one that is known */
	FIT_WITHIN,			/* part of what the arguments name */
	FIT_EXACT,
};

/*
 * Where the old place of what @change moved ends, or what it unmapped or mapped; 0: its
 * arguments name no memory. What else takes the lock has anything at all there: brk() one
 * argument, clone() flags, and a stack that grows what the registers held.
 */
static uint64_t old_end(const struct change *change)
{
	const uint64_t start = change->args[0], len = change->args[1];

	if (start % PAGE_SIZE || start >= USER_END || len > USER_END - start)
		return 0;
	return start + ALIGN_UP(len, PAGE_SIZE);
}

/* Whether it may be mremap() to a place that was asked for. */
static bool moves_onto(const struct change *change)
{
	const uint64_t flags = change->args[3];

	return (flags & MREMAP_FIXED) && flags <= MREMAP_FLAGS && old_end(change) &&
	       change->args[4] % PAGE_SIZE == 0;
}

/* Whether one that was read before is of @change already, and about the same memory. */
static bool is_taken(const struct change *change, const struct placed_event *events, size_t at)
{
	const struct uffd_msg *msg = &events[at].msg;

	for (size_t i = 0; i < at; i++)
		if (events[i].change == change && events[i].msg.event == msg->event &&
		    events[i].msg.arg.remap.from == msg->arg.remap.from)
			return true;
	return false;
}

static enum fit fit_remap(const struct change *change, const struct placed_event *events,
			  size_t at)
{
	const struct uffd_msg *msg = &events[at].msg;
	const uint64_t offset = msg->arg.remap.from - change->args[0];
	const uint64_t to = msg->arg.remap.to - offset;

	/* A mapping may be one of several that are moved together (since Linux 6.17). */
	if (!old_end(change) || change->args[3] > MREMAP_FLAGS ||
	    (offset && offset >= old_end(change) - change->args[0]) ||
	    is_taken(change, events, at))
		return FIT_NONE;
	if (moves_onto(change))
		return to == change->args[4] ? FIT_EXACT : FIT_NONE;
	if (to == change->room)
		return FIT_EXACT;
	/* Where it was aligned for huge pages. */
	return to > change->room && to - change->room < HUGE_ALIGNMENT ? FIT_WITHIN : FIT_MAYBE;
}

static bool is_within(uint64_t start, uint64_t end, uint64_t from, uint64_t to)
{
	return from <= start && end <= to;
}

static enum fit fit_unmap(const struct change *change, const struct placed_event *events,
			  size_t at)
{
	const uint64_t start = events[at].msg.arg.remove.start;
	const uint64_t end = events[at].msg.arg.remove.end;

	if (is_taken(change, events, at))
		return FIT_NONE;
	/* What it moved away goes for certain. */
	for (size_t i = 0; i < at; i++)
		if (events[i].change == change && events[i].msg.event == UFFD_EVENT_REMAP &&
		    !(change->args[3] & MREMAP_DONTUNMAP) &&
		    is_within(start, end, change->args[0], old_end(change)))
			return FIT_EXACT;
	/* And what it moved something onto, before that. */
	if (moves_onto(change) &&
	    is_within(start, end, change->args[4],
		      change->args[4] + ALIGN_UP(change->args[2], PAGE_SIZE)))
		return FIT_EXACT;
	if (is_within(start, end, change->args[0], old_end(change)))
		return FIT_WITHIN;
	/* brk() and shmdt(); shmat() onto it. */
	if (start == ALIGN_UP(change->args[0], PAGE_SIZE) || start == change->args[1])
		return FIT_MAYBE;
	return FIT_NONE;
}

static enum fit fit_fork(const struct change *change, const struct placed_event *events,
			 size_t at)
{
	const uint64_t child = events[at].child;

	return change->child && (!child || child == change->child) ? FIT_EXACT : FIT_NONE;
}

/* How well a change fits the event @at; those before it, which were read before it, have theirs. */
static const struct place_row {
	uint8_t event;
	enum fit (*fit)(const struct change *change, const struct placed_event *events, size_t at);
	bool youngest;			/* of those that fit as well */
} place_table[] = {
	{ UFFD_EVENT_FORK, fit_fork, false },
	{ UFFD_EVENT_REMAP, fit_remap, false },
	{ UFFD_EVENT_UNMAP, fit_unmap, true },
};

/* Whether the thread of change @i was still in it when @event was read. */
static bool was_last(const struct history *history, size_t i, const struct placed_event *event)
{
	const struct change *change = &history->changes[i];

	if (change->time_ns > event->to_ns)
		return false;
	while (++i < history->n_changes && history->changes[i].time_ns < event->from_ns)
		if (history->changes[i].tid == change->tid)
			return false;
	return true;
}

static void find_change(const struct history *history, const struct place_row *row,
			struct placed_event *events, size_t at)
{
	struct placed_event *event = &events[at];
	enum fit best = FIT_NONE;

	for (size_t i = 0; i < history->n_changes; i++) {
		const struct change *change = &history->changes[i];
		enum fit fit;

		if (!was_last(history, i, event))
			continue;
		fit = row->fit(change, events, at);
		if (fit > best || (fit && fit == best && row->youngest)) {
			best = fit;
			event->change = change;
		}
	}
	if (event->change)
		event->time_ns = event->change->time_ns;
}

static void sort(struct placed_event *events, size_t n)
{
	/* They nearly are in order. */
	for (size_t i = 1; i < n; i++) {
		struct placed_event event = events[i];
		size_t j = i;

		for (; j && events[j - 1].time_ns > event.time_ns; j--)
			events[j] = events[j - 1];
		events[j] = event;
	}
}

void place_events(const struct history *history, struct placed_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		events[i].change = NULL;
		events[i].time_ns = events[i].from_ns;
		for (size_t j = 0; j < ARRAY_SIZE(place_table); j++)
			if (place_table[j].event == events[i].msg.event)
				find_change(history, &place_table[j], events, i);
	}
	sort(events, n);
}
