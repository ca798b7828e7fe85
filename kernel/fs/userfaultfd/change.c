// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pending changes of the layout: an interval tree, and a count of forks.
 *
 * That a fill and the beginning of a change don't overlap rests on this: a change
 * is first made visible, and then waits for all fills to land that may not have
 * seen it. A fill looks under sem, and keeps sem until it has landed.
 */
#include <linux/userfaultfd/change.h>

void uffd_changes_init(struct uffd_changes *changes)
{
	init_rwsem(&changes->sem);
	spin_lock_init(&changes->lock);
	changes->ranges = RB_ROOT_CACHED;
	changes->whole = 0;
	changes->pending = 0;
}

static void insert(struct uffd_changes *changes, struct uffd_change *change,
		   unsigned long start, unsigned long end)
{
	struct interval_tree_node *range = &change->range[change->ranges];

	/* mremap() of length 0 duplicates a mapping, and moves nothing. */
	if (start == end)
		return;
	change->ranges++;
	range->start = start;
	range->last = end - 1;
	interval_tree_insert(range, &changes->ranges);
}

static void remove(struct uffd_changes *changes, struct uffd_change *change)
{
	while (change->ranges)
		interval_tree_remove(&change->range[--change->ranges], &changes->ranges);
	if (change->whole)
		changes->whole--;
	change->whole = false;
}

static void wait_for_fills(struct uffd_changes *changes)
{
	down_write(&changes->sem);
	up_write(&changes->sem);
}

void uffd_change_begin(struct uffd_changes *changes, struct uffd_change *change,
		       unsigned long start, unsigned long end)
{
	change->ranges = 0;
	change->whole = false;
	spin_lock(&changes->lock);
	WRITE_ONCE(changes->pending, changes->pending + 1);
	insert(changes, change, start, end);
	spin_unlock(&changes->lock);
	wait_for_fills(changes);
}

void uffd_change_begin_whole(struct uffd_changes *changes, struct uffd_change *change)
{
	change->ranges = 0;
	change->whole = true;
	spin_lock(&changes->lock);
	WRITE_ONCE(changes->pending, changes->pending + 1);
	changes->whole++;
	spin_unlock(&changes->lock);
	wait_for_fills(changes);
}

void uffd_change_refine(struct uffd_changes *changes, struct uffd_change *change,
			unsigned long from, unsigned long to, unsigned long len)
{
	spin_lock(&changes->lock);
	remove(changes, change);
	insert(changes, change, from, from + len);
	insert(changes, change, to, to + len);
	spin_unlock(&changes->lock);
}

void uffd_change_end(struct uffd_changes *changes, struct uffd_change *change)
{
	spin_lock(&changes->lock);
	remove(changes, change);
	WRITE_ONCE(changes->pending, changes->pending - 1);
	spin_unlock(&changes->lock);
}

bool uffd_change_overlaps(struct uffd_changes *changes, unsigned long start,
			  unsigned long end)
{
	bool pending;

	spin_lock(&changes->lock);
	pending = changes->whole ||
		  interval_tree_iter_first(&changes->ranges, start, end - 1);
	spin_unlock(&changes->lock);
	return pending;
}
