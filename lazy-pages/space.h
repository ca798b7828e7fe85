/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A space: one armed address space, drawn as ranges.
 *
 *	image   |AAAAAAAAAAAA|....|BBBB|	A, B: in the image   .: hole (zero)
 *	space   |AA##AAAA|   |zzzz|BBBB|	#: delivered   z: removed, reads as zero
 *
 * PENDING ranges say where their content is in the page source; moving one
 * changes its address and leaves that as it is. Delivered, removed and empty
 * memory are all SETTLED: nothing of the image belongs there any more, and
 * who touches a missing page of it gets a zero page. SHARED ranges are windows
 * on segments. Addresses that no range covers are memory that the kernel
 * armed on its own (a mapping that grew in place): zero as well, or the
 * continuation of a window.
 *
 * Huge pages come and go whole: the kernel refuses a system call, and sends no
 * event, for part of one. So a range of them always holds whole ones.
 *
 * Order of events. Where it is known (order.h, place.h) each event is about the space as
 * it is. Else: the kernel queues UNMAP and REMAP when the change is made
 * and its locks are dropped; a move sends REMAP, then UNMAP of the old place,
 * and one onto something sends UNMAP of that before. In between, another
 * thread may move something of its own to the place that became free, and its
 * REMAP is read first. So departures from a place are kept in mind:
 *
 *	REMAP X -> Z		the UNMAP of X is to come, unless the old place
 *				stays (MREMAP_DONTUNMAP): what was moved to X
 *				since is not its concern
 *	REMAP Y -> X, and X is	what was there is kept aside: its own REMAP or
 *	taken			UNMAP is to come, and is about that, and not
 *				about the newcomer
 *
 * What was there may also be memory that grew and that no range covers, so an
 * UNMAP or REMAP that begins below a newcomer is not about the newcomer.
 *
 * No fill can go wrong meanwhile: as long as an event about a place is on its
 * way the kernel refuses to fill there (EAGAIN). A probe of the whole that it
 * does not refuse says that none is, anywhere: what is kept in mind is
 * forgotten then. One thing can't be told: when the newcomer
 * leaves, too, before the older departure was read, which of the two events is
 * whose. The older one is taken to come first.
 */
#ifndef LAZY_PAGES_SPACE_H
#define LAZY_PAGES_SPACE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "lazy-pages/range.h"
#include "lazy-pages/segment.h"

/* A place whose UNMAP, or UNMAP or REMAP, is to come. */
struct departure {
	TAILQ_ENTRY(departure) link;
	uint64_t start, end;
	uint32_t moved;			/* what was moved there by a later move is not meant */
	bool displaced;			/* its REMAP was not read yet */
};

TAILQ_HEAD(departure_list, departure);

struct space {
	struct range_map map;
	struct range_map aside;		/* displaced, see above */
	struct departure_list departures;	/* in the order they were noticed */
	uint32_t moves;			/* REMAP events so far */
	uint32_t quiet_moves;		/* as many when it was quiet last */
	uint32_t born;			/* as many when it was cloned */
};

void space_init(struct space *space);
void space_fini(struct space *space);

/*
 * Arms a range: PENDING (its source: address in the page source), SHARED
 * (segment, and offset in it) or SETTLED. 0, -EEXIST when some of it is armed
 * already, -EINVAL, -ENOMEM.
 */
int space_add(struct space *space, const struct range *range);

/*
 * The range to answer a fault at @addr from; NULL: nothing is known, a zero
 * page. A window that has grown in place is found by what it continues.
 */
const struct range *space_fault(struct space *space, uint64_t addr);
/* The first PENDING range that ends above @addr, or NULL. */
const struct range *space_pending_from(const struct space *space, uint64_t addr);
/* The first SHARED range that overlaps [start, end) and whose segment is not done, or NULL. */
const struct range *space_window_pending(const struct space *space, uint64_t start,
					 uint64_t end);

/* What follows returns 0 or -ENOMEM; the space can't be trusted after that. */

/* [start, end) was delivered: nothing of it is pending any more. Windows stay. */
int space_filled(struct space *space, uint64_t start, uint64_t end);
/* A fill found no armed memory there. */
int space_absent(struct space *space, uint64_t start, uint64_t end);
/* No event is on its way: a probe said so (fill_probe()). */
void space_quiet(struct space *space);
/* Whether something is kept in mind that quiet would let be forgotten. */
static inline bool space_unsettled(const struct space *space)
{
	return space->moves != space->quiet_moves || !TAILQ_EMPTY(&space->departures);
}

/*
 * The events. REMOVE: private memory reads as zero; of a window only the
 * kernel knows whether it was emptied (MADV_REMOVE) or only let go
 * (MADV_DONTNEED), so its pages must have been delivered before the event is
 * read: -EBUSY when they were not.
 */
int space_remove(struct space *space, uint64_t start, uint64_t end);
int space_unmap(struct space *space, uint64_t start, uint64_t end);
/*
 * REMAP. What was private leaves its old place empty, whether that place goes
 * (an UNMAP event follows) or stays armed (MREMAP_DONTUNMAP). A window stays
 * at its old place too, until that UNMAP. @len 0 duplicates a window.
 * -ENOTRECOVERABLE: what is at the new place can't be told from what else was there,
 * since too much has happened there that is not news yet.
 */
int space_move(struct space *space, uint64_t from, uint64_t to, uint64_t len);
/* FORK: @child, initialised and empty, becomes a copy. */
int space_clone(struct space *child, const struct space *parent);
/*
 * An UNMAP or REMAP of [start, end) came to the parent after its FORK, and may
 * have been made before: nobody will tell the child. Forgets what holds
 * nothing; for what is PENDING there a fill finds out.
 */
int space_doubt(struct space *child, uint64_t start, uint64_t end);

/* Whether nothing is left to deliver: neither here nor in a segment with a window here. */
bool space_done(const struct space *space);

#endif
