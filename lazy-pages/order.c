// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events in the order of the changes that they tell of.
 *
 * Few are early at a time: one for each thread that is in the middle of a change.
 */
#include "lazy-pages/order.h"

#include <errno.h>
#include <stdlib.h>

#include "util/array.h"

void order_init(struct event_order *order, bool known)
{
	*order = (struct event_order){ .known = known, .next = 1 };
}

void order_fini(struct event_order *order)
{
	free(order->early);
	*order = (struct event_order){};
}

static uint32_t number_of(const struct uffd_msg *msg)
{
	return msg->reserved3;
}

/* How many come before it; numbers wrap. */
static uint32_t distance(const struct event_order *order, const struct uffd_msg *msg)
{
	return number_of(msg) - order->next;
}

int order_take(struct event_order *order, const struct uffd_msg *msg)
{
	uint32_t far = distance(order, msg);
	size_t i;

	/* Half of all numbers lie behind. */
	if (far > INT32_MAX)
		return -EPROTO;
	for (i = order->n_early; i > 0 && distance(order, &order->early[i - 1]) <= far; i--)
		if (distance(order, &order->early[i - 1]) == far)
			return -EPROTO;
	if (!array_push(&order->early, &order->n_early, &order->cap_early))
		return -ENOMEM;
	for (size_t j = order->n_early - 1; j > i; j--)
		order->early[j] = order->early[j - 1];
	order->early[i] = *msg;
	return 0;
}

bool order_next(struct event_order *order, struct uffd_msg *msg)
{
	if (!order->n_early || distance(order, &order->early[order->n_early - 1]))
		return false;
	*msg = order->early[--order->n_early];
	order->next++;
	return true;
}
