/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of a userfaultfd: read, and brought into the map in the order in
 * which they are read. Faults are only noted: they are answered when no event
 * is left to read.
 */
#ifndef LAZY_PAGES_EVENT_H
#define LAZY_PAGES_EVENT_H

#include <stdint.h>

struct server;
struct watch;

/* A space's watch.ready: reads all there is. 0 or -errno, logged. */
int event_ready(struct server *server, struct watch *watch, uint32_t events);

#endif
