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
	/* ANNOUNCED: in the list of the one who does it. QUEUED: in the context's. */
	struct list_head link;
	struct userfaultfd_ctx *ctx;	/* counted */
	struct task_struct *task;	/* who does it, and waits */
	/* Protected by the lock of the queues from QUEUED on. */
	enum uffd_event_state state;
	struct uffd_change change;
	struct uffd_msg msg;
	/* FORK: the context of the child. Counted. */
	struct userfaultfd_ctx *child;
	/* UNMAP: it has happened. See notifier.c. */
	struct list_head unmap_link;
	bool happened;
};

/* Makes an event of ctx, and takes a reference to ctx. Its change is not begun. */
void uffd_event_init(struct uffd_event *event, struct userfaultfd_ctx *ctx, u8 kind);
/*
 * Queues the event and waits until the monitor has read it. Sleeps, killably.
 * True if it was read. The change has ended, and the reference is given back;
 * the caller must not look at event->ctx, unless it has its own.
 */
bool uffd_event_send(struct uffd_event *event);
/* Undoes the announcement: ends the change, gives the reference back. */
void uffd_event_drop(struct uffd_event *event);

/* The first of the queue, or NULL. These need the lock of the queues. */
struct uffd_event *uffd_event_first(struct userfaultfd_ctx *ctx);
/* The event is over. Its thread goes on; the event may cease to be at once. */
void uffd_event_finish(struct uffd_event *event, enum uffd_event_state state,
		       struct wake_q_head *wake);

#endif /* _LINUX_USERFAULTFD_EVENT_H */
