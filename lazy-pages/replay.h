/* SPDX-License-Identifier: GPL-2.0-only */
/* Bringing a working set that was recorded before, ahead of everything else. */
#ifndef LAZY_PAGES_REPLAY_H
#define LAZY_PAGES_REPLAY_H

#include <stdbool.h>

struct server;

/*
 * Fills pieces of server->working_set that are still to come, up to server->chunk bytes.
 * *@worked is set when there were any. 0 or -errno, logged: as in serve.h.
 */
int replay(struct server *server, bool *worked);

#endif
