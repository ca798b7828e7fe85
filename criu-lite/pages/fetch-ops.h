/* SPDX-License-Identifier: GPL-2.0-only */
/* What the ways to ask a dump share with their door, fetch.c. Nobody else includes it. */
#ifndef CRIU_LITE_PAGES_FETCH_OPS_H
#define CRIU_LITE_PAGES_FETCH_OPS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "pages/pace.h"

struct page_fetch;

struct fetch_request {
	TAILQ_ENTRY(fetch_request) link;
	int pid;
	uint64_t start, len;		/* bytes; the length is that of the answer once it begins */
	uint64_t got;			/* bytes that have come */
	uint64_t asked_ns;		/* when, by clock_ns() */
	bool used;			/* it was looked at, up to its end */
	bool urgent;			/* a task waits for it */
	uint32_t id;			/* fetch_lanes.c: its name on the wire */
	bool damaged;			/* fetch_lanes.c: an answer to it was */
	char *data;
};

TAILQ_HEAD(fetch_list, fetch_request);

struct fetch_ops {
	/* Bytes: of one request that no fault waits for; as in fetch.h. */
	uint64_t request_max, window_min, window_max;
	/*
	 * What is urgent is answered before what is not. It only shares the road with it: the
	 * window goes by that, within its bounds.
	 */
	bool overtakes;
	/* Asks for what is now the last that waits. All return 0 or -errno, logged. */
	int (*ask)(struct page_fetch *f, struct fetch_request *r);
	/* Takes the answers that are there. */
	int (*receive)(struct page_fetch *f);
	/* The last words; free() comes after it. */
	int (*close)(struct page_fetch *f);
	/* NULL: the end of the connection says it. */
	void (*leave)(struct page_fetch *f);
	void (*free)(struct page_fetch *f);
};

/* What every fetch begins with. */
struct page_fetch {
	const struct fetch_ops *ops;
	int fd;				/* readable when there is something to receive */
	struct fetch_list waiting;	/* in the order in which they were asked for */
	struct fetch_list arrived;	/* the oldest first */
	uint64_t unused;		/* bytes that are on their way, or were not looked at */
	uint64_t used;			/* bytes */
	uint64_t window;
	uint64_t calm;			/* bytes that came since the last fault */
	struct pace pace;
	bool lost;			/* nothing can be asked for now */
	uint64_t session;		/* 0: it cannot be gone on with */
};

void fetch_init(struct page_fetch *f, const struct fetch_ops *ops, int fd);
/* The answer to a request that waits has only so many bytes. */
void fetch_shorten(struct page_fetch *f, struct fetch_request *r, uint64_t len);
/* It is all there. */
void fetch_arrived(struct page_fetch *f, struct fetch_request *r);
/* Forgets all that has arrived: nobody will look at it. */
void fetch_drop_arrived(struct page_fetch *f);

#endif
