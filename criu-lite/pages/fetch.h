/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page fetch: the asking end of a lazy session with a page server, which has
 * the memory of a tree that was dumped with --lazy-pages (spec/images.md,
 * section 16.4).
 *
 * Nothing here waits, but page_fetch_open() and page_fetch_close(). A page that
 * has not come is asked for, and the caller told to come back: when the socket is
 * readable page_fetch_receive() takes what there is.
 *
 *	asked for	|F|BBBB|BBBB|BBBB|	F: a fault, asked for at once
 *	answered	|F|BBBB|		B: more, as far as the window goes
 *
 * A plain server (CRIU's protocol) answers in the order of the requests, so a fault waits for
 * what was asked for before it. That is the window: small when there are faults, and growing
 * as long as there are none. One of ours has a connection of its own for faults, which still
 * wait for what is on the road already: the window then is what fills it, and no more.
 */
#ifndef CRIU_LITE_PAGES_FETCH_H
#define CRIU_LITE_PAGES_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "pages/stream.h"
#include "util/cleanup.h"

struct page_fetch;
struct tls;
struct token;

/* Bytes that may be on their way without anybody waiting for them. */
#define FETCH_WINDOW_MIN (128UL << 10)
#define FETCH_WINDOW_MAX (1UL << 20)

struct fetch_options {
	const struct token *token;	/* stays the caller's */
	struct tls *tls;		/* so does this; NULL: bytes go as they are */
	/* Seconds for which a connection that is lost, or not there yet, is looked for; 0: not. */
	unsigned int retry;
	bool wait;			/* for ever, with a word when they are over */
};

/*
 * Begins a session. Returns 0 or -errno, logged. page_fetch_open() connects, says hello, waits
 * for the answer, and speaks what the other end does; -EINTR: @stop, a descriptor or -1, was
 * readable before that. The other two have a connection, which they own, also on failure.
 */
int page_fetch_open(const char *address, uint16_t port, int stop,
		    const struct fetch_options *opts, struct page_fetch **fetch);
int page_fetch_new(struct stream stream, struct page_fetch **fetch);
int page_fetch_lanes_new(struct stream stream, uint64_t session, const struct fetch_options *opts,
			 struct page_fetch **fetch);
/* To be watched for input. Owned by the fetch. */
int page_fetch_fd(const struct page_fetch *fetch);

/*
 * The memory of task @pid from @addr on, at most @len bytes, page-aligned. What
 * is neither here nor on its way is asked for at once, whatever the window: that
 * is for faults. Returns 0, with *data valid until the next call and *got bytes
 * of it, not 0; -EAGAIN: not yet; -errno, logged.
 */
int page_fetch_get(struct page_fetch *fetch, int pid, uint64_t addr, uint64_t len,
		   const void **data, uint64_t *got);
/* A task waits for the page at @addr, for which page_fetch_get() has just said -EAGAIN. */
int page_fetch_hurry(struct page_fetch *fetch, int pid, uint64_t addr);
/*
 * Asks for what will be wanted soon, as far as the window goes; what has arrived and
 * was not looked at is still in it. Returns 0, or -errno, logged; *asked: how many
 * bytes from @addr on are here or on their way.
 */
int page_fetch_ahead(struct page_fetch *fetch, int pid, uint64_t addr, uint64_t len,
		     uint64_t *asked);
/*
 * The oldest answer that nobody has looked at to its end: whose memory it is. False:
 * there is none. page_fetch_unwanted() drops it.
 */
bool page_fetch_arrived(const struct page_fetch *fetch, int *pid, uint64_t *addr, uint64_t *len);
void page_fetch_unwanted(struct page_fetch *fetch);
/*
 * Takes the answers that are there. 0 or -errno, logged: -ECONNRESET when the
 * server is gone, -EPROTO when it says what nobody asked for.
 */
int page_fetch_receive(struct page_fetch *fetch);
/* Nothing comes for now: the server is looked for. */
bool page_fetch_lost(const struct page_fetch *fetch);
/* What a hello names who wants to go on with the session elsewhere; 0: nobody can. */
uint64_t page_fetch_session(const struct page_fetch *fetch);

/*
 * Tells the server that nothing is wanted any more, and waits for its word that
 * it knows. Frees the fetch in any case. 0 or -errno, logged.
 */
int page_fetch_close(struct page_fetch *fetch);
/* Tells the server that nobody will come back, if it can. */
void page_fetch_leave(struct page_fetch *fetch);
/* Frees it; for the server the session was broken off. */
void page_fetch_free(struct page_fetch *fetch);
DEFINE_CLEANUP(struct page_fetch *, page_fetch, page_fetch_free)

#endif
