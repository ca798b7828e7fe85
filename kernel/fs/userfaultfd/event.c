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
#include <linux/slab.h>
#include <linux/userfaultfd/context.h>

struct uffd_event *uffd_event_new(struct userfaultfd_ctx *ctx, u8 kind, gfp_t gfp)
{
	struct uffd_event *event = kzalloc(sizeof(*event), gfp);

	if (!event)
		return NULL;
	INIT_LIST_HEAD(&event->link);
	INIT_LIST_HEAD(&event->order_link);
	INIT_LIST_HEAD(&event->unmap_link);
	event->ctx = uffd_ctx_get(ctx);
	event->task = current;
	event->msg.event = kind;
	return event;
}

static void event_free(struct uffd_event *event)
{
	if (event->child)
		uffd_ctx_put(event->child);
	uffd_ctx_put(event->ctx);
	kfree(event);
}

void uffd_events_free(struct list_head *left)
{
	struct uffd_event *event, *next;

	list_for_each_entry_safe(event, next, left, link) {
		list_del_init(&event->link);
		event_free(event);
	}
}

static bool is_ordered(struct userfaultfd_ctx *ctx)
{
	return ctx->features & UFFD_FEATURE_EVENT_ORDER;
}

/*
 * That mmap_lock is held is what makes it the order of the changes: for writing, it
 * keeps all others away; for reading, all but those who drop pages, too.
 */
static void take_place(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;

	if (!is_ordered(ctx))
		return;
	spin_lock(&ctx->lock);
	list_add_tail(&event->order_link, &ctx->unnumbered);
	/* Nobody waits behind it yet: there is nothing more to be read. */
	uffd_events_number(ctx);
	spin_unlock(&ctx->lock);
}

void uffd_event_announce(struct uffd_event *event, unsigned long start, unsigned long end)
{
	uffd_change_begin(&event->ctx->changes, &event->change, start, end);
	take_place(event);
}

void uffd_event_announce_whole(struct uffd_event *event)
{
	uffd_change_begin_whole(&event->ctx->changes, &event->change);
	take_place(event);
}

struct uffd_event *uffd_event_first(struct userfaultfd_ctx *ctx)
{
	return list_first_entry_or_null(&ctx->events, struct uffd_event, link);
}

static void enqueue(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;

	list_add_tail(&event->link, &ctx->events);
	WRITE_ONCE(ctx->event_count, ctx->event_count + 1);
}

bool uffd_events_number(struct userfaultfd_ctx *ctx)
{
	struct uffd_event *event, *next;
	bool more = false;

	list_for_each_entry_safe(event, next, &ctx->unnumbered, order_link) {
		if (!event->happened)
			break;
		list_del_init(&event->order_link);
		event->msg.order = ++ctx->number;
		if (event->state != UFFD_EVENT_QUEUED)
			continue;
		enqueue(event);
		more = true;
	}
	return more;
}

/* It is known whether the event's change happens: those behind it need not wait for that. */
static void settle(struct uffd_event *event, bool happens)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	bool more;

	spin_lock(&ctx->lock);
	if (happens)
		event->happened = true;
	else
		list_del_init(&event->order_link);
	more = uffd_events_number(ctx);
	spin_unlock(&ctx->lock);
	if (more)
		wake_up_poll(&ctx->readers, EPOLLIN);
}

void uffd_event_happens(struct uffd_event *event)
{
	settle(event, true);
}

static void take_out(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;

	list_del_init(&event->link);
	WRITE_ONCE(ctx->event_count, ctx->event_count - 1);
	uffd_change_end(&ctx->changes, &event->change);
}

void uffd_event_finish(struct uffd_event *event, enum uffd_event_state state,
		       struct wake_q_head *wake, struct list_head *left)
{
	struct task_struct *task = event->task;

	take_out(event);
	if (!task) {
		list_add(&event->link, left);
		return;
	}
	/*
	 * The event is freed by its thread: once the state is seen, it is gone. And only
	 * what is seen is woken for: if the thread is in another wake queue already,
	 * that is where the wake-up comes from, perhaps at once.
	 */
	get_task_struct(task);
	smp_store_release(&event->state, state);
	wake_q_add_safe(wake, task);
}

void uffd_events_abandon(struct userfaultfd_ctx *ctx, struct wake_q_head *wake,
			 struct list_head *left)
{
	struct uffd_event *event, *next;

	list_for_each_entry_safe(event, next, &ctx->unnumbered, order_link) {
		list_del_init(&event->order_link);
		if (event->state == UFFD_EVENT_QUEUED)
			enqueue(event);
	}
	while ((event = uffd_event_first(ctx)))
		uffd_event_finish(event, UFFD_EVENT_ABANDONED, wake, left);
}

static bool queue(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	bool open;

	spin_lock(&ctx->lock);
	open = !ctx->released;
	if (open) {
		event->happened = true;
		event->state = UFFD_EVENT_QUEUED;
		if (list_empty(&event->order_link))
			enqueue(event);
		else
			uffd_events_number(ctx);
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

/*
 * The thread is killed. Perhaps its event is being read just now: the lock decides.
 * False: the event stays, and is not the thread's any more.
 */
static bool give_up(struct uffd_event *event)
{
	struct userfaultfd_ctx *ctx = event->ctx;
	bool stays;

	spin_lock(&ctx->lock);
	stays = event->state == UFFD_EVENT_QUEUED && is_ordered(ctx);
	if (stays) {
		event->task = NULL;
	} else if (event->state == UFFD_EVENT_QUEUED) {
		take_out(event);
		event->state = UFFD_EVENT_ABANDONED;
	}
	spin_unlock(&ctx->lock);
	return !stays;
}

bool uffd_event_send(struct uffd_event *event)
{
	bool was_read;

	if (!queue(event)) {
		uffd_event_drop(event);
		return false;
	}
	wait_until_read(event);
	if (waits(event) && !give_up(event))
		return false;
	was_read = event->state == UFFD_EVENT_DONE;
	event_free(event);
	return was_read;
}

void uffd_event_drop(struct uffd_event *event)
{
	uffd_change_end(&event->ctx->changes, &event->change);
	settle(event, false);
	event_free(event);
}
