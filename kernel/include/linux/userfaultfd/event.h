/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events: what a thread of the address space did to it, for the monitor to know.
 *
 * The thread waits until its event is read. It is announced first: from then on
 * the change that it is about is pending, see change.h. It may be dropped without
 * having been sent, when what was announced did not happen.
 *
 *	announced --send--> queued --read--> done
 *	    |                  `--kill, close--> abandoned
 *	    `--drop--> (gone)
 *
 * With UFFD_FEATURE_EVENT_ORDER an event has a number: its place among all changes of
 * its context. That place is taken by the announcement, under mmap_lock, which keeps
 * changes apart. The number is given when it is certain that the change happens, and
 * that of all changes before it, too; no event is read before it has one. So what is
 * announced and does not happen leaves no gap. Nor does a thread that is killed: its
 * event stays in the queue without it.
 */
#ifndef _LINUX_USERFAULTFD_EVENT_H
#define _LINUX_USERFAULTFD_EVENT_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <linux/userfaultfd/change.h>

struct userfaultfd_ctx;

enum uffd_event_state {
	UFFD_EVENT_ANNOUNCED,
	UFFD_EVENT_QUEUED,
	UFFD_EVENT_DONE,	/* the monitor has read it */
	UFFD_EVENT_ABANDONED,	/* nobody ever will */
};

struct uffd_event {
	/*
	 * ANNOUNCED: in the list of the one who does it. QUEUED: in the context's,
	 * unless it has to wait for a number.
	 */
	struct list_head link;
	struct list_head order_link;	/* in the context's unnumbered; else empty */
	struct userfaultfd_ctx *ctx;	/* counted */
	/* Who does it, and waits. NULL: killed; then it is freed by who takes it out. */
	struct task_struct *task;
	/* Protected by the lock of the queues from QUEUED on. */
	enum uffd_event_state state;
	struct uffd_change change;
	struct uffd_msg msg;
	/* FORK: the context of the child. Counted. */
	struct userfaultfd_ctx *child;
	struct list_head unmap_link;	/* UNMAP: in the context's unmaps */
	/* It has happened, or nothing can keep it from happening. Set under the lock. */
	bool happened;
};

/* A new event of ctx, and a reference to ctx. NULL: no memory. */
struct uffd_event *uffd_event_new(struct userfaultfd_ctx *ctx, u8 kind, gfp_t gfp);
/*
 * The change begins, see uffd_change_begin(), and has its place among all changes. The
 * caller holds mmap_lock. If the change can't fail, happened has been set before.
 */
void uffd_event_announce(struct uffd_event *event, unsigned long start, unsigned long end);
void uffd_event_announce_whole(struct uffd_event *event);
/* What was announced happens, now or soon: nothing can keep it any more. */
void uffd_event_happens(struct uffd_event *event);
/*
 * Queues the event and waits until the monitor has read it. Sleeps, killably.
 * True if it was read. The caller must not look at the event any more.
 */
bool uffd_event_send(struct uffd_event *event);
/* Undoes the announcement: ends the change, and frees the event. */
void uffd_event_drop(struct uffd_event *event);

/* These need the lock of the queues. The first of the queue, or NULL. */
struct uffd_event *uffd_event_first(struct userfaultfd_ctx *ctx);
/* Gives numbers to all whose turn it is. True: there is more to be read than before. */
bool uffd_events_number(struct userfaultfd_ctx *ctx);
/*
 * The event is over. Its thread goes on, and the event may cease to be at once. If it
 * has no thread any more, it is put into left: for uffd_events_free(), without the lock.
 */
void uffd_event_finish(struct uffd_event *event, enum uffd_event_state state,
		       struct wake_q_head *wake, struct list_head *left);
/* The file is closed: all that are sent are over, whether they have a number or not. */
void uffd_events_abandon(struct userfaultfd_ctx *ctx, struct wake_q_head *wake,
			 struct list_head *left);
/* The lock is not held. */
void uffd_events_free(struct list_head *left);

#endif /* _LINUX_USERFAULTFD_EVENT_H */
