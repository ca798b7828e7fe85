/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Serving: answers faults, and fills in the background.
 *
 * All return 0, or -errno (logged) when the server can't go on: the tasks must
 * then not either. Nothing here reads events; the caller has just read them.
 */
#ifndef LAZY_PAGES_SERVE_H
#define LAZY_PAGES_SERVE_H

#include <stdbool.h>
#include <stdint.h>

struct lazy_segment;
struct lazy_space;
struct server;

/* Notes a fault that was read. */
int serve_queue_fault(struct lazy_space *sp, uint64_t addr);
/*
 * Answers the faults noted for a space. Those that have to wait stay noted,
 * and sp->deferred is set.
 */
int serve_faults(struct server *server, struct lazy_space *sp);
/*
 * Fills up to server->chunk bytes in the background. *worked is set when it
 * found something to do and did it.
 */
int serve_background(struct server *server, bool *worked);
/* Looks which address spaces are no more, where no filling would tell. */
int serve_probe(struct server *server);
/* Fills the pages of all windows in [start, end) now. */
int serve_windows(struct server *server, struct lazy_space *sp, uint64_t start, uint64_t end);

#endif
