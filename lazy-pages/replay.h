/* SPDX-License-Identifier: GPL-2.0-only */
/* Bringing a working set that was recorded before, ahead of everything else. */
#ifndef LAZY_PAGES_REPLAY_H
#define LAZY_PAGES_REPLAY_H

#include <stdbool.h>

struct server;

/*
 * Fills pieces of server->working_set that are still to come, up to a chunk.
 * *@worked is set when there were any. 0 or -errno, logged: as in serve.h.
 */
int replay(struct server *server, bool *worked);
/*
 * The same, before the tasks run: for no longer than their first faults would have taken them
 * instead.
 */
int replay_ahead(struct server *server);

#endif
