/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lending: gives the memory of frozen tasks to who asks for it, as answer.h does, but to one
 * of ours, who may come back when the connection was cut.
 */
#ifndef CRIU_LITE_PAGES_LEND_H
#define CRIU_LITE_PAGES_LEND_H

#include <stddef.h>

#include "pages/frame.h"
#include "pages/stream.h"
#include "util/cleanup.h"

struct page_lend;
struct page_offer;
struct tls;
struct token;

struct lend_options {
	int listener;			/* takes connections; stays the caller's, as all of this */
	int stop_fd;			/* readable: an end is asked for; -1: none */
	const struct page_offer *offers;
	size_t n_offers;
	const struct token *token;	/* without one, anybody is given what he asks for */
	struct tls *tls;		/* NULL: bytes go as they are */
};

#define LEND_PLAIN 1

/* Who speaks CRIU's protocol, and what he has said. */
struct lend_plain {
	struct stream stream;
	struct page_frame first;
};

int page_lend_new(const struct lend_options *opts, struct page_lend **lend);
/*
 * 0: the other end has everything, and page_lend_close() is due; LEND_PLAIN: the first to
 * come is a plain peer: *plain is he, the caller's.
 * -ECONNRESET: it went away, and has not come back in the time that it had asked for;
 * -EINTR: @stop_fd; -EPROTO: it asked for what it may not have; -errno; all logged.
 */
int page_lend_serve(struct page_lend *lend, struct lend_plain *plain);
/*
 * The dumped tree has ended: says so until the other end has heard it. 0 or -errno, logged.
 */
int page_lend_close(struct page_lend *lend);
void page_lend_free(struct page_lend *lend);
DEFINE_CLEANUP(struct page_lend *, page_lend, page_lend_free)

#endif
