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

struct lazy_segment;
struct lazy_space;
struct range;
struct server;

/* Notes a fault that was read. */
int serve_queue_fault(struct lazy_space *sp, uint64_t addr);
/*
 * Answers the faults noted for a space. Those that have to wait stay noted,
 * and sp->deferred is set.
 */
int serve_faults(struct server *server, struct lazy_space *sp);
/*
 * In the background: pieces of the working set while there are any; then up to
 * server->chunk bytes of a task, and as many of a segment. *worked is set when
 * it found something to do and did it.
 */
int serve_background(struct server *server, bool *worked);
/*
 * Fills what has arrived from a source that is far away and that nobody waits for any
 * more: the background, which asked for it, went on elsewhere.
 */
int serve_arrived(struct server *server, bool *worked);
/* The same for segments alone: what held spaces wait for. */
int serve_segments(struct server *server, bool *worked);
/*
 * Fills [@addr, @addr + @len), or a first part of it, which is in the range @r, PENDING;
 * *@done: how many bytes of it are settled now, 0 when it has to wait.
 */
int serve_task_pages(struct server *server, struct lazy_space *sp, const struct range *r,
		     uint64_t addr, uint64_t len, uint64_t *done);
/* The same of a segment, from @offset on; it may be any part of it. */
int serve_segment_pages(struct server *server, struct lazy_segment *ls, uint64_t offset,
			uint64_t len, uint64_t *done);
/*
 * An event of the parent's may be about memory that a child never had: see
 * space_doubt(). Brings what is PENDING in [start, end), where it is there.
 */
int serve_doubt(struct server *server, struct lazy_space *child, uint64_t start, uint64_t end);
/* Where events were out of order, looks whether none is on its way any more. */
int serve_settle_space(struct server *server, struct lazy_space *sp);
int serve_settle(struct server *server);
/* Looks which address spaces are no more, where no filling would tell. */
int serve_probe(struct server *server);
/* Fills the pages of all windows in [start, end) now. -EAGAIN: they are damaged, and wait. */
int serve_windows(struct server *server, struct lazy_space *sp, uint64_t start, uint64_t end);

#endif
