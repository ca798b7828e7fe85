// SPDX-License-Identifier: GPL-2.0-only
/*
 * The beginning of a lazy session: which protocol it is.
 *
 * The other end may be busy for a while with what it dumps. Nobody waits for us yet, so that
 * this is the one place that may wait for it.
 */
#include <errno.h>
#include <poll.h>

#include "pages/fetch.h"
#include "pages/hello.h"
#include "pages/tls.h"
#include "util/cleanup.h"
#include "util/log.h"

#define PATIENCE_MS 60000

static int say_hello(struct hello *h, struct stream *s)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
	int r;

	while ((r = hello_ask(h, s)) == -EAGAIN)
		if (!poll(&pfd, 1, PATIENCE_MS))
			return log_errno(-ETIMEDOUT, "page server: it says nothing");
	if (r >= 0)
		return r;
	if (h->why)
		log_error("page server: %s", h->why);
	return log_errno(r, "page server: cannot begin a session");
}

int page_fetch_open(int sock, const struct fetch_options *opts, struct page_fetch **fetch)
{
	_cleanup_(stream_close) struct stream stream = STREAM_CLOSED;
	struct hello h;
	int r = tls_open(opts->tls, TLS_CONNECTS, sock, &stream);

	if (r < 0)
		return log_errno(r, "page server: no session");
	r = stream_begin_wait(&stream, PATIENCE_MS);
	if (r < 0)
		return stream_begin_error(&stream, r, "page server");
	hello_ask_init(&h, opts->token, 0, HELLO_BULK,
		       opts->wait ? HELLO_RETRY_ALWAYS : opts->retry);
	r = say_hello(&h, &stream);
	if (r < 0)
		return r;
	if (r) {
		log_info("page server: it speaks CRIU's protocol");
		if (opts->retry || opts->wait)
			log_warn("page server: in CRIU's protocol a lost connection is not found again");
		return page_fetch_new(stream_take(&stream), fetch);
	}
	return page_fetch_lanes_new(stream_take(&stream), h.said.verdict.session, opts, fetch);
}
