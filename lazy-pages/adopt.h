/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Adopting another source of pages, which pages/attach brings, while the tree runs.
 *
 * It is of the same dump, or it is refused and everything stays as it was: a page of another
 * dump is a wrong page.
 */
#ifndef LAZY_PAGES_ADOPT_H
#define LAZY_PAGES_ADOPT_H

struct server;

/*
 * Keeps what tells this dump from others, while the images are there to be read. Without it,
 * which is logged, no other images are taken.
 */
void adopt_remember(struct server *server);
/* Listens. Without it, which is logged, the server does all else. */
void adopt_listen(struct server *server);
/* A pid that `--attach` may be told, in our own pid namespace; 0: all those have ended. */
int adopt_pid(const struct server *server);

#endif
