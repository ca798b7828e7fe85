// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting threads: the tree by address, and the queue of unread messages.
 *
 * Several threads may wait at one address; those are neighbours in the tree, in
 * the order of arrival.
 */
#include <linux/sched/task.h>
#include <linux/userfaultfd/waiter.h>

#define to_waiter(rb)	rb_entry(rb, struct uffd_waiter, node)

void uffd_waiters_init(struct uffd_waiters *waiters)
{
	waiters->by_address = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&waiters->unread);
	waiters->count = 0;
	waiters->unread_count = 0;
}

static bool before(struct rb_node *a, const struct rb_node *b)
{
	return to_waiter(a)->address < to_waiter(b)->address;
}

void uffd_waiter_add(struct uffd_waiters *waiters, struct uffd_waiter *waiter)
{
	waiter->woken = false;
	rb_add_cached(&waiter->node, &waiters->by_address, before);
	WRITE_ONCE(waiters->count, waiters->count + 1);
	list_add_tail(&waiter->link, &waiters->unread);
	WRITE_ONCE(waiters->unread_count, waiters->unread_count + 1);
}

struct uffd_waiter *uffd_waiter_first_unread(struct uffd_waiters *waiters)
{
	return list_first_entry_or_null(&waiters->unread, struct uffd_waiter, link);
}

void uffd_waiter_read(struct uffd_waiters *waiters, struct uffd_waiter *waiter)
{
	list_del_init(&waiter->link);
	WRITE_ONCE(waiters->unread_count, waiters->unread_count - 1);
}

static void unlink(struct uffd_waiters *waiters, struct uffd_waiter *waiter)
{
	rb_erase_cached(&waiter->node, &waiters->by_address);
	WRITE_ONCE(waiters->count, waiters->count - 1);
	if (!list_empty(&waiter->link))
		uffd_waiter_read(waiters, waiter);
}

void uffd_waiter_remove(struct uffd_waiters *waiters, struct uffd_waiter *waiter)
{
	if (!waiter->woken)
		unlink(waiters, waiter);
}

/* The first whose address is not below start. */
static struct uffd_waiter *first_from(struct uffd_waiters *waiters, unsigned long start)
{
	struct rb_node *rb = waiters->by_address.rb_root.rb_node;
	struct uffd_waiter *found = NULL;

	while (rb) {
		struct uffd_waiter *waiter = to_waiter(rb);

		if (waiter->address < start) {
			rb = rb->rb_right;
			continue;
		}
		found = waiter;
		rb = rb->rb_left;
	}
	return found;
}

void uffd_waiters_wake(struct uffd_waiters *waiters, unsigned long start,
		       unsigned long last, struct wake_q_head *wake)
{
	struct uffd_waiter *waiter = first_from(waiters, start);

	while (waiter && waiter->address <= last) {
		struct rb_node *next = rb_next(&waiter->node);
		struct task_struct *task = get_task_struct(waiter->task);

		unlink(waiters, waiter);
		/* The waiter is gone once this is seen; its thread may end, too. */
		smp_store_release(&waiter->woken, true);
		wake_q_add_safe(wake, task);
		waiter = next ? to_waiter(next) : NULL;
	}
}
