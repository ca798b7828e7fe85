/* SPDX-License-Identifier: GPL-2.0-only */
/* The session with the restore: who connects, and what it hands over. */
#ifndef LAZY_PAGES_SESSION_H
#define LAZY_PAGES_SESSION_H

struct server;

/* Listens below server->workdir_fd. 0 or -errno, logged. */
int session_listen(struct server *server);
/* Serves the restore at the other end of @sock, and nobody else. Takes @sock. 0 or -errno, logged. */
int session_take(struct server *server, int sock);
/* In the server process, before all that session_take() is for. 0 or -errno, logged. */
int session_begin(struct server *server);

#endif
