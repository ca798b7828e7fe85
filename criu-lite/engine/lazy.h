/* SPDX-License-Identifier: GPL-2.0-only */
/* A lazy restore's side of the lazy-pages server. */
#ifndef CRIU_LITE_ENGINE_LAZY_H
#define CRIU_LITE_ENGINE_LAZY_H

struct options;
struct restore;

/* `criu-lite lazy-pages`. Returns 0 or -errno, logged. */
int lazy_serve(const struct options *opts);

/*
 * With --lazy-pages: connects to the server of the work directory, or starts
 * one, and sets r->handoff. Before the caller has children of its own.
 */
int lazy_connect(struct restore *r);
/* A server that lazy_connect() has started is there, before any task is handed to it. */
int lazy_await(struct restore *r);
/* The restore has failed: says so if such a server did before it was awaited. */
void lazy_failed(const struct restore *r);
/* All tasks are armed: the server takes charge. Nothing without --lazy-pages. */
int lazy_complete(struct restore *r);
/* The tree runs, whatever comes. Nothing without --lazy-pages. */
void lazy_running(struct restore *r);

#endif
