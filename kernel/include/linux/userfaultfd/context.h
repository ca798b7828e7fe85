/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context: what one userfaultfd descriptor stands for.
 *
 * It belongs to the address space of the one who made it (or, if it came by fork,
 * of the child), and does not keep that alive. References are held by the file,
 * by every waiting thread and by every event that has been announced.
 *
 * Lock order, from the outside:
 *	mmap_lock
 *	  a VMA's lock (fills: for reading)
 *	    changes.sem
 *	      lock
 *	        changes.lock
 * The lock of readers is taken with none of ours held, and the threads that are
 * to be woken are collected under lock and woken after it. No interrupt takes
 * any of them but that of readers, which belongs to the wait queue's users.
 */
#ifndef _LINUX_USERFAULTFD_CONTEXT_H
#define _LINUX_USERFAULTFD_CONTEXT_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/userfaultfd/change.h>
#include <linux/userfaultfd/waiter.h>
#include <linux/userfaultfd/event.h>

struct mm_struct;

/* In features: UFFDIO_API has succeeded. No feature has this bit; fdinfo shows it. */
#define UFFD_FEATURE_INITIALIZED	(1u << 31)

struct userfaultfd_ctx {
	refcount_t refs;
	/* Of userfaultfd(2): UFFD_USER_MODE_ONLY matters later. Constant. */
	unsigned int flags;
	/* 0 until UFFDIO_API, then constant. */
	unsigned int features;
	/* Counted with mmgrab(): it may have no users left. Constant. */
	struct mm_struct *mm;

	/* The queues: of faults, and of events. */
	spinlock_t lock;
	struct uffd_waiters waiters;
	struct list_head events;
	unsigned long event_count;
	/* Announced changes that have no number yet, in their order, and the last number. */
	struct list_head unnumbered;
	u32 number;
	/* Moves from when they happened until they are sent, and unmappings. */
	struct list_head moves;
	struct list_head unmaps;
	/* The file is closed: nothing is queued any more. Set under lock. */
	bool released;
	/* The address space has ended. Set once. */
	bool gone;

	/* Who reads or polls. */
	wait_queue_head_t readers;

	struct uffd_changes changes;

	/* Tells of gone, and of unmappings that happen. See notifier.c. */
	struct mmu_notifier notifier;
	struct mutex notifier_mutex;	/* mmap_lock nests inside */
	bool notifier_registered;
};

struct userfaultfd_ctx *uffd_ctx_new(struct mm_struct *mm, unsigned int flags);
struct userfaultfd_ctx *uffd_ctx_get(struct userfaultfd_ctx *ctx);
/* May sleep, when it is the last one. */
void uffd_ctx_put(struct userfaultfd_ctx *ctx);
int uffd_ctx_cache_init(void);

static inline bool uffd_ctx_initialized(struct userfaultfd_ctx *ctx)
{
	return READ_ONCE(ctx->features) & UFFD_FEATURE_INITIALIZED;
}

/* Is there something to be read? Takes no lock: it may be over in a moment. */
static inline bool uffd_ctx_readable(struct userfaultfd_ctx *ctx)
{
	return READ_ONCE(ctx->waiters.unread_count) || READ_ONCE(ctx->event_count);
}

/* A fault waits from here on. False: the file has been closed, it does not. */
bool uffd_ctx_wait_begin(struct userfaultfd_ctx *ctx, struct uffd_waiter *waiter);
void uffd_ctx_wait_end(struct userfaultfd_ctx *ctx, struct uffd_waiter *waiter);
void uffd_ctx_wake_waiting(struct userfaultfd_ctx *ctx, unsigned long start, unsigned long len);
/*
 * Wakes all threads whose fault is within [start, start + len); all if len is 0.
 *
 * A thread is counted before it looks at the page table; who fills looks at the
 * count after it has filled. The barriers in between make either the thread see the
 * page or us see the thread. Most fills wake nobody, and need no lock to know.
 */
static inline void uffd_ctx_wake(struct userfaultfd_ctx *ctx, unsigned long start,
				 unsigned long len)
{
	smp_mb();
	if (READ_ONCE(ctx->waiters.count))
		uffd_ctx_wake_waiting(ctx, start, len);
}
/* Ends all waiting, for good. */
void uffd_ctx_shut(struct userfaultfd_ctx *ctx);

#endif /* _LINUX_USERFAULTFD_CONTEXT_H */
