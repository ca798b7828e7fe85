/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking before reading, where shared memory is still to come.
 *
 * REMOVE is sent for MADV_REMOVE, which empties shared memory for everyone,
 * and for MADV_DONTNEED, which only lets it go: what comes back is its old
 * content. The event does not say which, and its task goes on when it is read.
 * So the pages it is about are brought before it is read: then they are in the
 * page cache, and the kernel does the right thing in both cases.
 */
#ifndef LAZY_PAGES_PEEK_H
#define LAZY_PAGES_PEEK_H

#include <stdbool.h>
#include <stddef.h>

struct lazy_space;
struct server;

/*
 * How many messages may be read now: *max is lowered to 1 where each must be
 * looked at, to 0 where none may be read yet (sp->held). 0 or -errno, logged.
 */
int peek_messages(struct server *server, struct lazy_space *sp, size_t *max);

/* Whether messages must be looked at before they are read, and so heard of at once. */
bool peek_needed(const struct server *server, const struct lazy_space *sp);

/* Whether a message waits to be read. */
bool peek_waiting(const struct lazy_space *sp);

#endif
