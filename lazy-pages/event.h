/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of a userfaultfd: read, and brought into the map in the order of the changes that
 * they tell of, as far as that is known (order.h, place.h, space.h). Faults are only noted:
 * they are answered when no event is left to read.
 */
#ifndef LAZY_PAGES_EVENT_H
#define LAZY_PAGES_EVENT_H

#include "lazy-pages/history.h"

struct lazy_space;
struct server;
struct watch;

/* A space's watch.ready: reads all there is. 0 or -errno, logged. */
int event_ready(struct server *server, struct watch *watch, uint32_t events);

/*
 * From now on @sp's events are applied in the order of its changes, if the kernel tells that
 * (history.h). 0 or -errno, logged.
 */
int event_follow(struct server *server, struct lazy_space *sp);
/*
 * Nothing that was changed before @when is news to the space any more: what was read
 * since the last time is applied, in the order in which it happened. 0 or -errno, logged.
 */
int event_settle(struct server *server, struct lazy_space *sp, struct moment when);

#endif
