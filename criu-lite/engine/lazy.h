/* SPDX-License-Identifier: GPL-2.0-only */
/* A lazy restore's side of the lazy-pages server. */
#ifndef CRIU_LITE_ENGINE_LAZY_H
#define CRIU_LITE_ENGINE_LAZY_H

struct options;
struct restore;

/* `criu-lite lazy-pages`. Returns 0 or -errno, logged. */
int lazy_serve(const struct options *opts);

/*
 * With --lazy-pages: connects to the server of the work directory, or starts one, and sets
 * r->handoff. As soon as it is known which pids the tree needs, since it takes a server a
 * while to start; before the caller has children of its own.
 */
int lazy_find(struct restore *r);
/* All is loaded: the server is bound to this restore. Nothing without --lazy-pages. */
int lazy_greet(struct restore *r);
/* A server that lazy_find() has started is there, and listens to what has been handed to it. */
int lazy_await(struct restore *r);
/* The restore has failed: says so if such a server did before it was awaited. */
void lazy_failed(const struct restore *r);
/* All tasks are armed: the server takes charge. Nothing without --lazy-pages. */
int lazy_complete(struct restore *r);
/* The tree runs, whatever comes. Nothing without --lazy-pages. */
void lazy_running(struct restore *r);

#endif
