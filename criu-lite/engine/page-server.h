/* SPDX-License-Identifier: GPL-2.0-only */
/* A page server, and the dump's way to one. */
#ifndef CRIU_LITE_ENGINE_PAGE_SERVER_H
#define CRIU_LITE_ENGINE_PAGE_SERVER_H

struct dump;
struct options;

/*
 * Listens, takes one connection, and receives the page maps and pages of one
 * dump into the images directory. 0 or -errno, logged.
 */
int page_server_run(const struct options *opts);

/* With --page-server: connects, before any task is touched. 0 or -errno, logged. */
int page_server_connect(struct dump *d);
/* Without its word that it has everything there is no dump. */
int page_server_complete(struct dump *d);

#endif
