/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events in the order of the changes that they tell of.
 *
 * A change is made under the kernel's locks, its event is queued when they are dropped:
 * of two threads the one that came second may be heard of first. A kernel with
 * UFFD_FEATURE_EVENT_ORDER (kernel/fs/userfaultfd/README.md) numbers the events of a space as
 * the changes are made, from 1 and without gaps. What is read too early waits here until
 * those before it have come.
 */
#ifndef LAZY_PAGES_ORDER_H
#define LAZY_PAGES_ORDER_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_order {
	bool known;			/* the kernel numbers the events */
	uint32_t next;			/* number of the event whose turn it is; may wrap */
	struct uffd_msg *early;		/* by number, the next one last */
	size_t n_early, cap_early;
};

void order_init(struct event_order *order, bool known);
void order_fini(struct event_order *order);

/* Takes an event that was read. 0; -EPROTO: its number has been there already; -ENOMEM. */
int order_take(struct event_order *order, const struct uffd_msg *msg);
/* The event whose turn it is; false: it has not been read yet, or there is none. */
bool order_next(struct event_order *order, struct uffd_msg *msg);

/* Whether events are here that wait for others: what the space looks like is not known. */
static inline bool order_waits(const struct event_order *order)
{
	return order->n_early;
}

#endif
