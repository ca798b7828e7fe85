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

/* Bytes that the background fills at once, when it begins and after a fault. */
#define SERVE_CHUNK_MIN (64UL << 10)

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
 * Fills up to server->chunk bytes of a task, and as many of a segment, in the
 * background. *worked is set when it found something to do and did it.
 */
int serve_background(struct server *server, bool *worked);
/* The same for segments alone: what held spaces wait for. */
int serve_segments(struct server *server, bool *worked);
/*
 * An event of the parent's may be about memory that a child never had: see
 * space_doubt(). Brings what is PENDING in [start, end), where it is there.
 */
int serve_doubt(struct server *server, struct lazy_space *child, uint64_t start, uint64_t end);
/* Where events were out of order, looks whether none is on its way any more. */
int serve_settle(struct server *server);
/* Looks which address spaces are no more, where no filling would tell. */
int serve_probe(struct server *server);
/* Fills the pages of all windows in [start, end) now. */
int serve_windows(struct server *server, struct lazy_space *sp, uint64_t start, uint64_t end);

#endif
