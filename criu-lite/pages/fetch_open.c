// SPDX-License-Identifier: GPL-2.0-only
/*
 * The beginning of a lazy session: who is there, and which protocol it is.
 *
 * The other end may be busy for a while with what it dumps. Nobody waits for us yet, so that
 * this is the one place that may wait for it. Nor is anything lost yet: what refuses us is
 * believed at once here, where a lane that was open once is looked for whatever it meets.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "pages/attempt.h"
#include "pages/fetch.h"
#include "pages/hello.h"
#include "sys/tcp.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

#define PATIENCE_MS 60000
#define ADDRESSES_MAX 16

/* Who is opened, and for whom. */
struct opening {
	const char *address;
	uint16_t port;
	int stop;
	unsigned int retry;		/* seconds */
	struct attempt_goal goal;
	struct attempt attempt;
};

static int cannot_begin(const struct opening *o, int err)
{
	const char *why = o->attempt.why;

	return log_errno(err, "page server %s port %u: cannot begin a session%s%s", o->address,
			 o->port, why ? ": " : "", why ? why : "");
}

/* Until there is something to do for an attempt. */
static int wait_for(const struct opening *o)
{
	const struct attempt *a = &o->attempt;
	struct pollfd fds[] = {
		{ .fd = a->stream.fd, .events = a->stream.fd < 0 ? 0 : attempt_wants(a) },
		{ .fd = o->stop, .events = POLLIN },
	};
	const uint64_t now = clock_ns();
	const int ms = a->next_ns > now ? (a->next_ns - now) / 1000000 + 1 : 0;

	if (poll(fds, ARRAY_SIZE(fds), ms) < 0)
		return errno == EINTR ? 0 : log_errno(-errno, "page server: cannot wait for it");
	if (fds[1].revents)
		return log_errno(-EINTR, "page server %s port %u: asked to stop before there was a "
				 "session", o->address, o->port);
	return 0;
}

/* As attempt_step(), but waits; -errno is logged. */
static int reach(struct opening *o)
{
	const uint64_t end = clock_ns() + o->retry * 1000000000ULL;
	struct attempt *a = &o->attempt;
	bool told = false;
	int r, err = 0;

	while (!err && (r = attempt_step(a, &o->goal)) < 0) {
		if (r != -EAGAIN) {
			if (!attempt_may_pass(r) || clock_ns() >= end)
				return cannot_begin(o, r);
			if (!told)
				log_warn("page server %s port %u: not reached (%s): trying again for "
					 "%u s", o->address, o->port, a->why ? a->why :
					 strerror(-r), o->retry);
			told = true;
			/* The last one is when the time is over. */
			a->next_ns = MIN(a->next_ns, end);
		}
		err = wait_for(o);
	}
	return err ? err : r;
}

/* In CRIU's protocol the last word is waited for by a call. */
static int open_plain(struct stream stream, const struct fetch_options *opts,
		      struct page_fetch **fetch)
{
	int err = tcp_make_blocking(stream.fd, PATIENCE_MS);

	if (err) {
		stream_close(&stream);
		return err;
	}
	log_info("page server: it speaks CRIU's protocol");
	if (opts->retry || opts->wait)
		log_warn("page server: in CRIU's protocol a lost connection is not found again");
	return page_fetch_new(stream, fetch);
}

int page_fetch_open(const char *address, uint16_t port, int stop,
		    const struct fetch_options *opts, struct page_fetch **fetch)
{
	struct tcp_address addresses[ADDRESSES_MAX];
	struct opening o = {
		.address = address, .port = port, .stop = stop, .retry = opts->retry,
		.goal = { .addresses = addresses, .tls = opts->tls,
			  .patience_ns = PATIENCE_MS * 1000000ULL },
	};
	struct attempt *a = &o.attempt;
	int r = tcp_resolve(address, port, addresses, ARRAY_SIZE(addresses));

	if (r < 0)
		return r;
	o.goal.n_addresses = r;
	attempt_init(a);
	hello_ask_init(&a->hello, opts->token, 0, HELLO_BULK,
		       opts->wait ? HELLO_RETRY_ALWAYS : opts->retry);
	hello_ask_promise(&a->hello, opts->retry);
	r = reach(&o);
	if (r > 0)
		return open_plain(attempt_take(a), opts, fetch);
	if (!r)
		return page_fetch_lanes_new(attempt_take(a), a->hello.said.verdict.session, opts,
					    fetch);
	stream_close(&a->stream);
	return r;
}
