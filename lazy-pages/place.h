/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events, and the changes that they tell of.
 *
 * A change is made under the kernel's lock, its event is queued when that is dropped, and read
 * some time later; who made it sleeps until then. So the change of an event is one that its
 * thread made last when the event was read, and whose arguments fit:
 *
 *	REMAP	mremap(from, len, ...): and the new place is the one that was asked for, or
 *		where the kernel found room
 *	UNMAP	the old place of a REMAP; else within what a munmap(), a mmap() or mremap()
 *		onto it, a brk() or a shmdt() names
 *	FORK	one that made that child
 *
 * REMOVE is sent before anything is changed, and changes what is there after it was read:
 * its place is when it was read. So is that of an event whose change isn't found.
 */
#ifndef LAZY_PAGES_PLACE_H
#define LAZY_PAGES_PLACE_H

#include <linux/userfaultfd.h>
#include <stddef.h>
#include <stdint.h>

struct change;
struct history;

/* An event, and between when it was read, by histories_now(). */
struct placed_event {
	struct uffd_msg msg;
	uint64_t from_ns, to_ns;
	uint64_t time_ns;		/* of its change, or from_ns */
	uint64_t child;			/* of a FORK: the mm of the child; 0: it is gone */
	const struct change *change;	/* NULL: not found, or not needed */
};

/*
 * Finds the change of each of @events, which are in the order in which they were read, and
 * puts them into the order of their changes; those of one change stay as they were.
 */
void place_events(const struct history *history, struct placed_event *events, size_t n);

#endif
