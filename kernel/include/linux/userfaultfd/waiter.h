/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that wait for a page.
 *
 * A waiting thread is in a tree by the address of its fault until it is woken or
 * gives up, and until its message is read also in a queue, in order of arrival.
 * So reading looks at the head of a queue, and waking at the threads of the range
 * only, however many there are.
 *
 * All of it is protected by the lock of the queues of the context.
 */
#ifndef _LINUX_USERFAULTFD_WAITER_H
#define _LINUX_USERFAULTFD_WAITER_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/sched/wake_q.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>

struct uffd_waiters {
	struct rb_root_cached by_address;
	struct list_head unread;	/* of struct uffd_waiter */
	unsigned long count;		/* in the tree */
	unsigned long unread_count;	/* in the queue */
};

/* Lives on the stack of its thread, which is always in the tree or woken. */
struct uffd_waiter {
	struct rb_node node;
	struct list_head link;		/* in unread; else empty */
	struct task_struct *task;
	unsigned long address;		/* as in the message */
	bool woken;			/* set last: then *this may cease to be */
	struct uffd_msg msg;
};

void uffd_waiters_init(struct uffd_waiters *waiters);
void uffd_waiter_add(struct uffd_waiters *waiters, struct uffd_waiter *waiter);
/* The thread stops waiting by itself. Nothing if it has been woken. */
void uffd_waiter_remove(struct uffd_waiters *waiters, struct uffd_waiter *waiter);
/* The first unread one, or NULL; stays first. */
struct uffd_waiter *uffd_waiter_first_unread(struct uffd_waiters *waiters);
/* Its message is with the monitor. It goes on waiting. */
void uffd_waiter_read(struct uffd_waiters *waiters, struct uffd_waiter *waiter);
/* Takes out all of [start, last], and lists their threads for wake_up_q(). */
void uffd_waiters_wake(struct uffd_waiters *waiters, unsigned long start,
		       unsigned long last, struct wake_q_head *wake);

#endif /* _LINUX_USERFAULTFD_WAITER_H */
