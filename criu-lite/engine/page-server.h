/* SPDX-License-Identifier: GPL-2.0-only */
/* A page server, and the dump's way to one. */
#ifndef CRIU_LITE_ENGINE_PAGE_SERVER_H
#define CRIU_LITE_ENGINE_PAGE_SERVER_H

struct dump;
struct options;
struct tls;
struct tls_files;

/* What --tls-* say of files and names. */
struct tls_files page_server_tls_files(const struct options *opts);
/* With --tls: reads them. *tls: NULL without. 0 or -errno, logged. */
int page_server_tls(const struct options *opts, struct tls **tls);

/*
 * Listens, takes one connection, and receives the page maps and pages of one
 * dump into the images directory. 0 or -errno, logged.
 */
int page_server_run(const struct options *opts);

/*
 * Its beginning, for who serves something else: at --address and --port; says
 * which port that is, if it was to be any, and that it is ready (--status-fd);
 * takes a connection, whose peer must not vanish. A descriptor, or 0; -errno,
 * logged.
 */
int page_server_listen(const struct options *opts);
int page_server_ready(const struct options *opts, int listener);
int page_server_accept(int listener);

/* With --page-server: connects, before any task is touched. 0 or -errno, logged. */
int page_server_connect(struct dump *d);
/* Without its word that it has everything there is no dump. */
int page_server_complete(struct dump *d);

#endif
