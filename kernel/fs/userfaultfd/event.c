// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events, from their announcement to the moment at which the monitor has them.
 *
 * The change that an event is about ends in the same moment as the event is read:
 * it is the reader who ends it, not the thread that waits and still has to be
 * scheduled. So a monitor that has read an event can fill there at once.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>
#include <linux/string.h>
#include <linux/userfaultfd/context.h>

void uffd_event_init(struct uffd_event *event, struct userfaultfd_ctx *ctx, u8 kind)
{
	memset(event, 0, sizeof(*event));
	INIT_LIST_HEAD(&event->link);
	INIT_LIST_HEAD(&event->unmap_link);
	event->ctx = uffd_ctx_get(ctx);
	event->task = current;
	event->msg.event = kind;
}

struct uffd_event *uffd_event_first(struct userfaultfd_ctx *ctx)
{
	return list_first_entry_or_null(&ctx->events, struct uffd_event, link);
}

void uffd_event_finish(struct uffd_event *event, enum uffd_event_state state,
		       struct wake_q_head *wake)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	struct task_struct *task = event->task;

	list_del_init(&event->link);
	WRITE_ONCE(ctx->event_count, ctx->event_count - 1);
	uffd_change_end(&ctx->changes, &event->change);
	/*
	 * The event is on its thread's stack, or freed by it: once the state is seen,
	 * it is gone. And only what is seen is woken for: if the thread is in another
	 * wake queue already, that is where the wake-up comes from, perhaps at once.
	 */
	get_task_struct(task);
	smp_store_release(&event->state, state);
	if (wake)
		wake_q_add_safe(wake, task);
	else
		put_task_struct(task);
}

static bool queue(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	bool open;

	spin_lock(&ctx->lock);
	open = !ctx->released;
	if (open) {
		list_add_tail(&event->link, &ctx->events);
		WRITE_ONCE(ctx->event_count, ctx->event_count + 1);
		event->state = UFFD_EVENT_QUEUED;
	}
	spin_unlock(&ctx->lock);
	if (open)
		wake_up_poll(&ctx->readers, EPOLLIN);
	return open;
}

static bool waits(struct uffd_event *event)
{
	return smp_load_acquire(&event->state) == UFFD_EVENT_QUEUED;
}

/* Only a signal that kills ends it early: else the monitor would miss a change. */
static void wait_until_read(struct uffd_event *event)
{
	for (;;) {
		set_current_state(TASK_KILLABLE);
		if (!waits(event) || fatal_signal_pending(current))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

bool uffd_event_send(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	bool was_read;

	if (!queue(event)) {
		uffd_event_drop(event);
		return false;
	}
	wait_until_read(event);
	if (waits(event)) {
		/* Killed. Perhaps it is being read just now: the lock decides. */
		spin_lock(&ctx->lock);
		if (event->state == UFFD_EVENT_QUEUED)
			uffd_event_finish(event, UFFD_EVENT_ABANDONED, NULL);
		spin_unlock(&ctx->lock);
	}
	was_read = event->state == UFFD_EVENT_DONE;
	uffd_ctx_put(ctx);
	return was_read;
}

void uffd_event_drop(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;

	uffd_change_end(&ctx->changes, &event->change);
	uffd_ctx_put(ctx);
}
