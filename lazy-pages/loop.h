/* SPDX-License-Identifier: GPL-2.0-only */
/* The loop of the server process. */
#ifndef LAZY_PAGES_LOOP_H
#define LAZY_PAGES_LOOP_H

struct server;

/*
 * Serves until everything is delivered or gone. Returns 0, or -errno (logged)
 * when the server can't go on: it must then exit without closing anything.
 */
int loop_run(struct server *server);

#endif
