/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of the layout that the monitor has not heard of yet.
 *
 * A monitor fills pages by address. Between the moment at which an address begins
 * to mean something else (unmapped, moved, emptied, duplicated by fork) and the
 * one at which the monitor reads about it, a fill may be for the meaning of
 * before. Such a fill is refused with -EAGAIN: where it touches a range that is
 * changing, and nowhere else.
 *
 * Lock order: mmap_lock or a VMA's lock > sem > lock. lock nests inside the lock
 * of a context's queues, too, and is never held while something else is taken.
 */
#ifndef _LINUX_USERFAULTFD_CHANGE_H
#define _LINUX_USERFAULTFD_CHANGE_H

#include <linux/interval_tree.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* All pending changes, as one context sees them. Embedded in the context. */
struct uffd_changes {
	/* Read: a fill is in flight. Write: a change waits for those to land. */
	struct rw_semaphore sem;
	/* Protects what follows. */
	spinlock_t lock;
	struct rb_root_cached ranges;
	/* Changes that touch everything: forks, and moves until their places are known. */
	unsigned int whole;
	/* All of them. Read without the lock: 0 only if there is none, at any moment. */
	unsigned int pending;
};

/* One pending change. A move has two ranges, a fork none: it is all. */
struct uffd_change {
	struct interval_tree_node range[2];
	unsigned int ranges;
	bool whole;
};

void uffd_changes_init(struct uffd_changes *changes);

/*
 * From here on fills of [start, end) are refused, and none is under way any more.
 * May sleep. The caller holds mmap_lock, for reading or for writing.
 */
void uffd_change_begin(struct uffd_changes *changes, struct uffd_change *change,
		       unsigned long start, unsigned long end);
void uffd_change_begin_whole(struct uffd_changes *changes, struct uffd_change *change);

/*
 * The change is known better now: it becomes that of the two ranges, with no
 * moment in between at which neither the old nor the new ones are refused.
 */
void uffd_change_refine(struct uffd_changes *changes, struct uffd_change *change,
			unsigned long from, unsigned long to, unsigned long len);

/* The monitor knows, or there is nobody who could be told. Doesn't sleep. */
void uffd_change_end(struct uffd_changes *changes, struct uffd_change *change);

bool uffd_change_overlaps(struct uffd_changes *changes, unsigned long start,
			  unsigned long end);
/*
 * Is something within [start, end) changing? The caller holds sem for reading; as
 * long as it does, a "no" remains true.
 */
static inline bool uffd_change_pending(struct uffd_changes *changes, unsigned long start,
				       unsigned long end)
{
	/*
	 * Most often there is nothing. Who inserts and has not yet been seen here
	 * still has to take sem for writing, and so waits for this fill.
	 */
	return READ_ONCE(changes->pending) && uffd_change_overlaps(changes, start, end);
}

#endif /* _LINUX_USERFAULTFD_CHANGE_H */
