// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a userfaultfd.
 *
 * The kernel hands out faults first, then events, each in its order, and a
 * task goes on as soon as its event is read. What each means for the map is a
 * row of the table. A fork event brings a new userfaultfd: the child's space
 * is made before the next message is looked at, since the next may say that
 * the parent's memory changed, and the child's did not.
 */
#include "lazy-pages/event.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "lazy-pages/peek.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "lazy-pages/unmap.h"
#include "sys/uffd.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

#define MESSAGES_MAX 32
/* How long to wait until who was let go has noticed. */
#define SETTLE_NS 100000ULL
/* How often to ask before anything else is looked at. */
#define SETTLE_TRIES 16

static int on_fault(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	return serve_queue_fault(sp, msg->arg.pagefault.address);
}

int event_follow(struct server *server, struct lazy_space *sp)
{
	uint64_t mm;
	int err;

	if (!server->histories.on || sp->order.known)
		return 0;
	mm = histories_find_mm(&server->histories, sp->watch.fd);
	/* Without a history of its own its events are taken as they come. */
	if (!mm)
		return 0;
	err = history_claim(&server->histories, mm, &sp->history);
	return err && err != -EBUSY ? log_errno(err, "%s: cannot follow its changes", sp->name) : 0;
}

/* Whether events are applied in the order of their changes. */
static bool in_order(const struct lazy_space *sp)
{
	return sp->order.known || sp->n_untold;
}

static int on_fork(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	/* Not closed where this fails: the guardian needs it to hold the child. */
	struct lazy_space *child = server_add_space(server, msg->arg.fork.ufd, sp->pid,
						    ++server->stats.forks, sp->source);
	int err;

	if (!child)
		return -ENOMEM;
	order_init(&child->order, sp->order.known);
	if (!in_order(sp)) {
		child->parent = sp;
		sp->n_young++;
	}
	err = event_follow(server, child);
	if (err)
		return err;
	err = space_clone(&child->space, &sp->space);
	if (err)
		return log_errno(err, "%s: a fork: cannot track its memory", sp->name);
	log_debug("%s: forked %s, %" PRIu64 " pages to come", sp->name, child->name,
		  child->space.map.pending >> PAGE_SHIFT);
	return 0;
}

/* What departs from the parent may have departed before it forked: see space.h. */
static int tell_children(struct server *server, struct lazy_space *sp, uint64_t start,
			 uint64_t end)
{
	struct lazy_space *child;

	if (!sp->n_young)
		return 0;
	TAILQ_FOREACH(child, &server->spaces, link) {
		int err = child->parent == sp ? serve_doubt(server, child, start, end) : 0;

		if (err)
			return err;
	}
	return 0;
}

static int on_remap(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	int err;

	log_debug("%s: remap %#llx -> %#llx, %#llx", sp->name, msg->arg.remap.from,
		  msg->arg.remap.to, msg->arg.remap.len);
	err = space_move(&sp->space, msg->arg.remap.from, msg->arg.remap.to,
			 msg->arg.remap.len);
	if (!err)
		err = tell_children(server, sp, msg->arg.remap.from,
				    msg->arg.remap.from + msg->arg.remap.len);
	server->stats.remaps++;
	return err ? log_errno(err, "%s: cannot follow a move from %#llx to %#llx", sp->name,
			       msg->arg.remap.from, msg->arg.remap.to) : 0;
}

static int on_remove(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	int err;

	log_debug("%s: remove %#llx - %#llx", sp->name, msg->arg.remove.start,
		  msg->arg.remove.end);
	err = space_remove(&sp->space, msg->arg.remove.start, msg->arg.remove.end);
	server->stats.removes++;
	return err ? log_errno(err, "%s: cannot tell what its shared memory holds at %#llx",
			       sp->name, msg->arg.remove.start) : 0;
}

static int on_unmap(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	const uint64_t start = msg->arg.remove.start, end = msg->arg.remove.end;
	int err;

	log_debug("%s: unmap %#" PRIx64 " - %#" PRIx64, sp->name, start, end);
	server->stats.unmaps++;
	if (unmap_was_refused(sp, start, end))
		return 0;
	err = space_unmap(&sp->space, start, end);
	if (!err)
		err = tell_children(server, sp, start, end);
	return err ? log_errno(err, "%s: cannot follow an unmapping at %#" PRIx64, sp->name,
			       start) : 0;
}

static const struct event_row {
	uint8_t event;
	int (*apply)(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg);
} event_table[] = {
	{ UFFD_EVENT_FORK, on_fork },
	{ UFFD_EVENT_PAGEFAULT, on_fault },
	{ UFFD_EVENT_REMAP, on_remap },
	{ UFFD_EVENT_REMOVE, on_remove },
	{ UFFD_EVENT_UNMAP, on_unmap },
};

static int apply_event(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	for (size_t i = 0; i < ARRAY_SIZE(event_table); i++)
		if (event_table[i].event == msg->event)
			return event_table[i].apply(server, sp, msg);
	log_error("%s: the kernel sent an unknown event %#x", sp->name, msg->event);
	return -EPROTO;
}

/* An event that is about the space as it is: all that is older has been applied. */
static int apply_next(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg)
{
	int err = apply_event(server, sp, msg);

	if (!err)
		space_quiet(&sp->space);
	return err;
}

/* Events that the kernel numbers are applied in the order of their changes. */
static int apply_in_order(struct server *server, struct lazy_space *sp,
			  const struct uffd_msg *msg)
{
	int err = order_take(&sp->order, msg);
	struct uffd_msg next;

	if (err)
		return log_errno(err, "%s: event %u: cannot put it in its place", sp->name,
				 msg->reserved3);
	while (!err && order_next(&sp->order, &next))
		err = apply_next(server, sp, &next);
	return err;
}

/* What becomes of an event is not known before its place among the others is. */
static int note_untold(struct server *server, struct lazy_space *sp, const struct uffd_msg *msg,
		       uint64_t from_ns, uint64_t to_ns)
{
	struct placed_event *event = array_push(&sp->untold, &sp->n_untold, &sp->cap_untold);

	if (!event)
		return log_errno(-ENOMEM, "%s: cannot track its memory", sp->name);
	*event = (struct placed_event){ .msg = *msg, .from_ns = from_ns, .to_ns = to_ns };
	if (msg->event == UFFD_EVENT_FORK)
		event->child = histories_find_mm(&server->histories, msg->arg.fork.ufd);
	return 0;
}

static int apply_placed(struct server *server, struct lazy_space *sp,
			const struct placed_event *event)
{
	if (event > sp->untold && event->from_ns < event[-1].from_ns)
		server->stats.late++;
	if (!event->change && event->msg.event != UFFD_EVENT_REMOVE)
		server->stats.unplaced++;
	return apply_next(server, sp, &event->msg);
}

int event_settle(struct server *server, struct lazy_space *sp, struct moment when)
{
	struct moment now;
	int err;

	if (!sp->history)
		return 0;
	err = sp->n_untold ? histories_read(&server->histories, &now) : 0;
	if (err)
		return log_errno(err, "%s: cannot track what it does to its memory", sp->name);
	/* With some missing, others would be taken for them: threads are rarely that close. */
	if (sp->n_untold && !history_is_whole(&server->histories, sp->history))
		log_debug("%s: its changes are not all known: events are taken as they came",
			  sp->name);
	else
		place_events(sp->history, sp->untold, sp->n_untold);
	for (size_t i = 0; i < sp->n_untold && !err; i++)
		err = apply_placed(server, sp, &sp->untold[i]);
	sp->n_untold = 0;
	history_forget(&server->histories, sp->history, when);
	return err;
}

/*
 * Whether an event may be about a later change than one that is read after it: of one thread
 * they come in their order.
 */
static bool may_be_late(const struct server *server, const struct lazy_space *sp)
{
	return sp->history && !peek_needed(server, sp) &&
	       (sp->n_untold || !history_is_of_one(&server->histories, sp->history));
}

static int apply_message(struct server *server, struct lazy_space *sp,
			 const struct uffd_msg *msg, uint64_t from_ns, uint64_t to_ns)
{
	if (msg->event == UFFD_EVENT_PAGEFAULT)
		return apply_event(server, sp, msg);
	if (sp->order.known)
		return apply_in_order(server, sp, msg);
	if (may_be_late(server, sp))
		return note_untold(server, sp, msg, from_ns, to_ns);
	return apply_event(server, sp, msg);
}

static bool any_event(const struct uffd_msg *msgs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (msgs[i].event != UFFD_EVENT_PAGEFAULT)
			return true;
	return false;
}

/* Reads up to @max messages and applies them. *n: how many there were. */
static int read_some(struct server *server, struct lazy_space *sp, size_t max, size_t *n)
{
	struct uffd_msg msgs[MESSAGES_MAX];
	/* A fault should not wait for what only events need, and those of one thread do not. */
	struct moment from = may_be_late(server, sp) ? histories_now(&server->histories) :
						       server->histories.last;
	ssize_t len = read(sp->watch.fd, msgs, max * sizeof(*msgs));
	struct moment to = {};
	int err;

	*n = 0;
	if (len < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		/* The child's descriptor found no room; its parent waits in fork(). */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			log_debug("%s: cannot take a forked child's memory yet: %s", sp->name,
				  strerror(errno));
			return server_hold(server, sp);
		}
		return log_errno(-errno, "%s: cannot read its userfaultfd", sp->name);
	}
	*n = len / sizeof(*msgs);
	err = sp->history && any_event(msgs, *n) ? histories_read(&server->histories, &to) : 0;
	if (err)
		return log_errno(err, "%s: cannot track what it does to its memory", sp->name);
	for (size_t i = 0; i < *n && !err; i++)
		err = apply_message(server, sp, &msgs[i], from.time_ns, to.time_ns);
	return err;
}

/*
 * What happens after a quiet moment is known to be younger than what was before.
 * So who was let go gets the time to leave its system call, if no other event is
 * waiting: with a thread for each processor, such moments are seen.
 */
static int let_settle(struct server *server, struct lazy_space *sp)
{
	const uint64_t end = clock_ns() + SETTLE_NS;
	int err = 0;

	while (!err && !sp->gone && space_needs_quiet(sp) && !peek_waiting(sp) &&
	       clock_ns() < end) {
		/* The moment between two system calls is short. */
		for (int i = 0; i < SETTLE_TRIES && !err && space_needs_quiet(sp); i++)
			err = serve_settle_space(server, sp);
		sched_yield();
	}
	return err;
}

int event_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct lazy_space *sp = container_of(watch, struct lazy_space, watch);
	int err = serve_settle_space(server, sp);
	size_t n, max;

	if (err || sp->gone)
		return err;
	do {
		max = space_needs_quiet(sp) && !sp->n_untold ? 1 : MESSAGES_MAX;
		err = peek_messages(server, sp, &max);
		if (!err && max)
			err = read_some(server, sp, max, &n);
		if (!err)
			err = let_settle(server, sp);
		if (err)
			return err;
		if (!max)
			break;
		/* Fewer than were asked for: that was the last of them. */
	} while (n == max);
	return 0;
}
