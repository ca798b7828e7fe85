// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks of mremap, madvise and munmap.
 *
 * Each has two halves. Under mmap_lock, where what changes is known, the change is
 * announced, so that no fill meets the new layout with the old one in mind. Without
 * it, the event is sent, which waits for the monitor.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/userfaultfd/registration.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"

static struct userfaultfd_ctx *ctx_of(struct vm_area_struct *vma, unsigned int feature)
{
	struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;

	return ctx && (ctx->features & feature) ? ctx : NULL;
}

/*
 * madvise is about to drop pages: the event comes before they go, as the monitor
 * must not fill them again after they went, having thought that they were there.
 * False: mmap_lock, held for reading, has been dropped.
 */
bool userfaultfd_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	struct userfaultfd_ctx *ctx = ctx_of(vma, UFFD_FEATURE_EVENT_REMOVE);
	struct mm_struct *mm = vma->vm_mm;
	struct uffd_event *event;

	if (!ctx)
		return true;
	event = uffd_event_new(ctx, UFFD_EVENT_REMOVE, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	event->msg.arg.remove.start = start;
	event->msg.arg.remove.end = end;
	event->happened = true;
	uffd_event_announce(event, start, end);
	mmap_read_unlock(mm);
	uffd_event_send(event);
	return false;
}

/* There is one event for all VMAs of a context that go in one munmap. */
static bool is_announced(struct userfaultfd_ctx *ctx, unsigned long start,
			 unsigned long end, struct list_head *events)
{
	struct uffd_event *event;

	list_for_each_entry(event, events, link)
		if (event->ctx == ctx && event->msg.arg.remove.start == start &&
		    event->msg.arg.remove.end == end)
			return true;
	return false;
}

int userfaultfd_unmap_prep(struct vm_area_struct *vma, unsigned long start,
			   unsigned long end, struct list_head *events)
{
	struct userfaultfd_ctx *ctx = ctx_of(vma, UFFD_FEATURE_EVENT_UNMAP);
	struct uffd_event *event;

	if (!ctx || is_announced(ctx, start, end, events))
		return 0;
	event = uffd_event_new(ctx, UFFD_EVENT_UNMAP, GFP_KERNEL_ACCOUNT);
	if (!event)
		return -ENOMEM;
	event->msg.arg.remove.start = start;
	event->msg.arg.remove.end = end;
	uffd_event_announce(event, start, end);
	spin_lock(&ctx->lock);
	list_add(&event->unmap_link, &ctx->unmaps);
	spin_unlock(&ctx->lock);
	list_add_tail(&event->link, events);
	return 0;
}

/* Also called when the unmapping has failed: then there is nothing to be told. */
void userfaultfd_unmap_complete(struct mm_struct *mm, struct list_head *events)
{
	struct uffd_event *event, *next;

	list_for_each_entry_safe(event, next, events, link) {
		spin_lock(&event->ctx->lock);
		list_del_init(&event->unmap_link);
		spin_unlock(&event->ctx->lock);
		list_del_init(&event->link);
		if (event->happened)
			uffd_event_send(event);
		else
			uffd_event_drop(event);
	}
}

/*
 * The pages have moved to the new VMA; mmap_lock is held for writing. There is no
 * way to fail, and the event is small. The caller keeps only a context for us: the
 * event waits in that for its thread to come back.
 */
void mremap_userfaultfd_prep(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *out)
{
	struct userfaultfd_ctx *ctx = ctx_of(vma, UFFD_FEATURE_EVENT_REMAP);
	struct uffd_event *event;

	if (!ctx) {
		/* The monitor would not know where its memory has gone. */
		if (vma->vm_userfaultfd_ctx.ctx)
			uffd_vma_clear(vma);
		return;
	}
	event = uffd_event_new(ctx, UFFD_EVENT_REMAP, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	event->happened = true;
	/*
	 * Where from is known in the end only, and the old place may stay registered
	 * (MREMAP_DONTUNMAP): what the monitor has for it must not get there before it
	 * knows. So until then it is refused everywhere. That is short, unless something
	 * else was unmapped to make room and the monitor is told of that first.
	 */
	uffd_event_announce_whole(event);
	spin_lock(&ctx->lock);
	list_add(&event->link, &ctx->moves);
	spin_unlock(&ctx->lock);
	out->ctx = ctx;
}

/* A thread makes one move at a time. */
static struct uffd_event *take_move(struct userfaultfd_ctx *ctx)
{
	struct uffd_event *event, *found = NULL;

	spin_lock(&ctx->lock);
	list_for_each_entry(event, &ctx->moves, link)
		if (event->task == current) {
			found = event;
			list_del_init(&event->link);
			break;
		}
	spin_unlock(&ctx->lock);
	return found;
}

/* No lock is held. to is an error, not aligned, if the move failed after all. */
void mremap_userfaultfd_complete(struct vm_userfaultfd_ctx *vm_ctx, unsigned long from,
				 unsigned long to, unsigned long len)
{
	struct userfaultfd_ctx *ctx = vm_ctx->ctx;
	struct uffd_event *event;

	if (!ctx)
		return;
	event = take_move(ctx);
	if (WARN_ON_ONCE(!event))
		return;
	if (offset_in_page(to)) {
		uffd_event_drop(event);
		return;
	}
	event->msg.arg.remap.from = from;
	event->msg.arg.remap.to = to;
	event->msg.arg.remap.len = len;
	uffd_change_refine(&ctx->changes, &event->change, from, to, len);
	uffd_event_send(event);
}
