/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens, for programs that watch: a line of JSON on stdout for each event
 * (lazy-pages --json). Who reads too slowly misses some: nothing waits for them.
 */
#ifndef LAZY_PAGES_REPORT_H
#define LAZY_PAGES_REPORT_H

struct server;

/* Nothing without server->reporting. */
void report(struct server *server, const char *event);
/* How far it is, each second, and that the source is lost, or back. To be called often. */
void report_progress(struct server *server);

#endif
