// SPDX-License-Identifier: GPL-2.0-only
/*
 * The context's life, and its queues as a whole.
 *
 * A context is made with one reference, which becomes the file's. When the file
 * is closed, the context is shut: whoever waits in it is woken, and nobody can
 * begin to. That released is set and looked at under the lock of the queues is
 * what makes it certain.
 */
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/sched/wake_q.h>
#include <linux/slab.h>
#include <linux/userfaultfd/context.h>

#include "internal.h"

static struct kmem_cache *ctx_cache __ro_after_init;

int __init uffd_ctx_cache_init(void)
{
	ctx_cache = kmem_cache_create("userfaultfd_ctx_cache", sizeof(struct userfaultfd_ctx),
				      0, SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT, NULL);
	return 0;
}

struct userfaultfd_ctx *uffd_ctx_new(struct mm_struct *mm, unsigned int flags)
{
	struct userfaultfd_ctx *ctx = kmem_cache_zalloc(ctx_cache, GFP_KERNEL);

	if (!ctx)
		return NULL;
	refcount_set(&ctx->refs, 1);
	ctx->flags = flags;
	ctx->mm = mm;
	mmgrab(mm);
	spin_lock_init(&ctx->lock);
	uffd_waiters_init(&ctx->waiters);
	INIT_LIST_HEAD(&ctx->events);
	INIT_LIST_HEAD(&ctx->unnumbered);
	INIT_LIST_HEAD(&ctx->moves);
	INIT_LIST_HEAD(&ctx->unmaps);
	init_waitqueue_head(&ctx->readers);
	uffd_changes_init(&ctx->changes);
	mutex_init(&ctx->notifier_mutex);
	return ctx;
}

struct userfaultfd_ctx *uffd_ctx_get(struct userfaultfd_ctx *ctx)
{
	refcount_inc(&ctx->refs);
	return ctx;
}

void uffd_ctx_put(struct userfaultfd_ctx *ctx)
{
	if (!refcount_dec_and_test(&ctx->refs))
		return;
	/* Everyone in a queue has a reference: whoever is left there lost his. */
	WARN_ON_ONCE(ctx->waiters.count || ctx->event_count || !list_empty(&ctx->unnumbered));
	WARN_ON_ONCE(!list_empty(&ctx->moves) || !list_empty(&ctx->unmaps));
	uffd_notifier_unregister(ctx);
	mmdrop(ctx->mm);
	kmem_cache_free(ctx_cache, ctx);
}

bool uffd_ctx_wait_begin(struct userfaultfd_ctx *ctx, struct uffd_waiter *waiter)
{
	bool open;

	spin_lock(&ctx->lock);
	open = !ctx->released;
	if (open)
		uffd_waiter_add(&ctx->waiters, waiter);
	spin_unlock(&ctx->lock);
	/* The page table is looked at after this. See uffd_ctx_wake(). */
	smp_mb();
	return open;
}

void uffd_ctx_wait_end(struct userfaultfd_ctx *ctx, struct uffd_waiter *waiter)
{
	/* Whoever has set woken does not look at the waiter any more. */
	if (smp_load_acquire(&waiter->woken))
		return;
	spin_lock(&ctx->lock);
	uffd_waiter_remove(&ctx->waiters, waiter);
	spin_unlock(&ctx->lock);
}

void uffd_ctx_wake_waiting(struct userfaultfd_ctx *ctx, unsigned long start, unsigned long len)
{
	unsigned long last = len ? start + len - 1 : ULONG_MAX;
	DEFINE_WAKE_Q(wake);

	spin_lock(&ctx->lock);
	uffd_waiters_wake(&ctx->waiters, len ? start : 0, last, &wake);
	spin_unlock(&ctx->lock);
	wake_up_q(&wake);
}

void uffd_ctx_shut(struct userfaultfd_ctx *ctx)
{
	DEFINE_WAKE_Q(wake);
	LIST_HEAD(left);

	spin_lock(&ctx->lock);
	WRITE_ONCE(ctx->released, true);
	uffd_waiters_wake(&ctx->waiters, 0, ULONG_MAX, &wake);
	uffd_events_abandon(ctx, &wake, &left);
	spin_unlock(&ctx->lock);
	wake_up_q(&wake);
	wake_up_poll(&ctx->readers, EPOLLHUP);
	uffd_events_free(&left);
}
