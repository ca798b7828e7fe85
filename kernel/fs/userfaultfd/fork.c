// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks of fork.
 *
 * With EVENT_FORK every context of the parent gets one of the child's; without it
 * the child's memory is nobody's. The event is sent when the child's address space
 * is complete, and the fork waits for it: so the child does not run before the
 * monitor has its descriptor. If the monitor never gets it, the child's VMAs are
 * let go, as its first fault would wait for somebody who does not exist.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/userfaultfd/registration.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"

static struct uffd_event *find_fork(struct userfaultfd_ctx *ctx, struct list_head *forks)
{
	struct uffd_event *event;

	list_for_each_entry(event, forks, link)
		if (event->ctx == ctx)
			return event;
	return NULL;
}

static struct uffd_event *announce_fork(struct userfaultfd_ctx *ctx, struct mm_struct *child_mm)
{
	struct userfaultfd_ctx *child = uffd_ctx_new(child_mm, ctx->flags);
	struct uffd_event *event;

	if (!child)
		return NULL;
	child->features = ctx->features;
	event = uffd_event_new(ctx, UFFD_EVENT_FORK, GFP_KERNEL_ACCOUNT);
	if (!event) {
		uffd_ctx_put(child);
		return NULL;
	}
	event->child = child;
	uffd_event_announce_whole(event);
	return event;
}

/* vma is the child's, a copy of the parent's. Both mmap_locks are held for writing. */
int dup_userfaultfd(struct vm_area_struct *vma, struct list_head *forks)
{
	struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;
	struct uffd_event *event;

	if (!ctx)
		return 0;
	if (!(ctx->features & UFFD_FEATURE_EVENT_FORK)) {
		uffd_vma_clear(vma);
		return 0;
	}
	event = find_fork(ctx, forks);
	if (!event) {
		event = announce_fork(ctx, vma->vm_mm);
		if (!event)
			return -ENOMEM;
		list_add_tail(&event->link, forks);
	}
	vma->vm_userfaultfd_ctx.ctx = event->child;
	return 0;
}

/* No lock is held. */
void dup_userfaultfd_complete(struct list_head *forks)
{
	struct uffd_event *event, *next;

	/* What is behind it in one context must not wait for the reader of another. */
	list_for_each_entry(event, forks, link)
		uffd_event_happens(event);
	list_for_each_entry_safe(event, next, forks, link) {
		struct userfaultfd_ctx *child = uffd_ctx_get(event->child);

		list_del_init(&event->link);
		if (!uffd_event_send(event))
			uffd_detach_all(child);
		uffd_ctx_put(child);
	}
}

/*
 * The fork has failed, and the child's tree of VMAs may be incomplete: it is not
 * looked at. What it has of our contexts goes with it, unfollowed.
 */
void dup_userfaultfd_fail(struct list_head *forks)
{
	struct uffd_event *event, *next;

	list_for_each_entry_safe(event, next, forks, link) {
		list_del_init(&event->link);
		uffd_event_drop(event);
	}
}
