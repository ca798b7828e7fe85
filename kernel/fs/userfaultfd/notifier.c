// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the address space itself tells us: that it ends, and that it unmaps.
 *
 * Its end has no other hook: exit and exec drop the VMAs with their context in
 * them, and a monitor would wait for ever for a message from nobody.
 *
 * An unmapping is announced to us before it is certain, and what comes after it
 * comes whether it has worked or not. But past the point of no return the pages
 * are taken from the page tables, and that is told to us here, by the same thread.
 */
#include <linux/build_bug.h>
#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "internal.h"

/* Without notifiers all below would compile, and nobody would be told anything. */
static_assert(IS_ENABLED(CONFIG_MMU_NOTIFIER));

static struct userfaultfd_ctx *to_ctx(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct userfaultfd_ctx, notifier);
}

/* Also called, harmlessly, when the notifier goes before the address space. */
static void address_space_ends(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct userfaultfd_ctx *ctx = to_ctx(notifier);

	WRITE_ONCE(ctx->gone, true);
	wake_up_poll(&ctx->readers, EPOLLHUP | EPOLLRDHUP);
}

static void unmapping_happens(struct userfaultfd_ctx *ctx, unsigned long start,
			      unsigned long end)
{
	struct uffd_event *event;
	bool more;

	spin_lock(&ctx->lock);
	list_for_each_entry(event, &ctx->unmaps, unmap_link)
		if (event->task == current && event->msg.arg.remove.start < end &&
		    event->msg.arg.remove.end > start)
			event->happened = true;
	more = uffd_events_number(ctx);
	spin_unlock(&ctx->lock);
	if (more)
		wake_up_poll(&ctx->readers, EPOLLIN);
}

static int pages_go(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct userfaultfd_ctx *ctx = to_ctx(notifier);

	/* What this thread has announced it sees without the lock. */
	if (range->event == MMU_NOTIFY_UNMAP && !list_empty_careful(&ctx->unmaps))
		unmapping_happens(ctx, range->start, range->end);
	return 0;
}

static const struct mmu_notifier_ops notifier_ops = {
	.release		= address_space_ends,
	.invalidate_range_start	= pages_go,
};

static int register_once(struct userfaultfd_ctx *ctx)
{
	int error;

	if (ctx->notifier_registered)
		return 0;
	ctx->notifier.ops = &notifier_ops;
	error = mmu_notifier_register(&ctx->notifier, ctx->mm);
	ctx->notifier_registered = !error;
	return error;
}

/* No lock may be held. Of an address space that has ended there is no news. */
int uffd_notifier_register(struct userfaultfd_ctx *ctx)
{
	int error;

	if (!mmget_not_zero(ctx->mm)) {
		WRITE_ONCE(ctx->gone, true);
		return 0;
	}
	mutex_lock(&ctx->notifier_mutex);
	error = register_once(ctx);
	mutex_unlock(&ctx->notifier_mutex);
	mmput(ctx->mm);
	return error;
}

void uffd_notifier_unregister(struct userfaultfd_ctx *ctx)
{
	if (ctx->notifier_registered)
		mmu_notifier_unregister(&ctx->notifier, ctx->mm);
}
