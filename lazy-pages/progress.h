/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a lazy-pages server is, in one line: on a terminal, and when it is asked. */
#ifndef LAZY_PAGES_PROGRESS_H
#define LAZY_PAGES_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lazy_stats;
struct server;

/*
 * One line about a server that has @total pages to bring, which it began @elapsed_ns ago.
 * @draining: nobody has to touch them for that.
 */
void progress_line(char *buf, size_t size, const struct lazy_stats *stats, uint64_t total,
		   uint64_t elapsed_ns, bool draining);

/* Where stderr is a terminal: keeps a line there up to date. To be called often. */
void progress_show(struct server *server);
/* Takes the line away. */
void progress_end(struct server *server);
/* Says it in the log, now, at any verbosity. */
void progress_say(const struct server *server);

#endif
