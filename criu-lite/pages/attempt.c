// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attempts to reach a page server.
 */
#include "pages/attempt.h"

#include <errno.h>
#include <poll.h>

#include "pages/tls.h"
#include "sys/tcp.h"
#include "util/clock.h"
#include "util/macro.h"

/* A peer whose host is silent for so long is gone. */
#define PATIENCE_MS 60000
#define PAUSE_MIN_NS 50000000ULL

void attempt_init(struct attempt *a)
{
	a->state = ATTEMPT_NONE;
	a->stream = STREAM_CLOSED;
	a->next_ns = clock_ns();
	a->pause_ns = PAUSE_MIN_NS;
	a->why = NULL;
	a->err = 0;
}

int attempt_fail(struct attempt *a, int err, const char *why)
{
	stream_close(&a->stream);
	a->state = ATTEMPT_NONE;
	a->err = err;
	a->why = why;
	a->next_ns = clock_ns() + a->pause_ns;
	a->pause_ns = MIN(a->pause_ns * 2, ATTEMPT_PAUSE_MAX_NS);
	return err;
}

struct stream attempt_take(struct attempt *a)
{
	a->state = ATTEMPT_NONE;
	return stream_take(&a->stream);
}

bool attempt_may_pass(int err)
{
	/* EBADMSG: a byte that was changed on its way through TLS. */
	static const int passing[] = {
		EADDRNOTAVAIL, EBADMSG, ECONNABORTED, ECONNREFUSED, ECONNRESET, EHOSTDOWN,
		EHOSTUNREACH, ENETDOWN, ENETRESET, ENETUNREACH, EPIPE, ETIMEDOUT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (passing[i] == -err)
			return true;
	return false;
}

short attempt_wants(const struct attempt *a)
{
	if (a->state == ATTEMPT_CONNECTING)
		return POLLOUT;
	return a->state == ATTEMPT_BEGINNING ? stream_wants(&a->stream) : POLLIN;
}

/* @err: of the address before it. 0: it is CONNECTING; else @err, or a later one. */
static int try_next(struct attempt *a, const struct attempt_goal *goal, int err)
{
	while (err && a->tried < goal->n_addresses) {
		stream_close(&a->stream);
		err = tcp_connect_start(&goal->addresses[a->tried++], PATIENCE_MS);
		if (err >= 0)
			err = tls_open(goal->tls, TLS_CONNECTS, err, &a->stream);
	}
	if (err)
		return err;
	a->state = ATTEMPT_CONNECTING;
	a->next_ns = clock_ns() + goal->patience_ns;
	return 0;
}

static int go_on(struct attempt *a)
{
	int r;

	if (a->state == ATTEMPT_CONNECTING) {
		r = tcp_connect_end(a->stream.fd);
		if (r)
			return r;
		a->state = ATTEMPT_BEGINNING;
	}
	if (a->state == ATTEMPT_BEGINNING) {
		r = stream_begin(&a->stream);
		if (r)
			return r;
		hello_ask_again(&a->hello);
		a->state = ATTEMPT_HELLO;
	}
	return hello_ask(&a->hello, &a->stream);
}

int attempt_step(struct attempt *a, const struct attempt_goal *goal)
{
	const char *why = NULL;
	int r;

	if (a->state == ATTEMPT_NONE) {
		if (clock_ns() < a->next_ns)
			return -EAGAIN;
		a->tried = 0;
		r = try_next(a, goal, -EADDRNOTAVAIL);
		if (r)
			return attempt_fail(a, r, NULL);
	}
	r = go_on(a);
	if (r >= 0 || (r == -EAGAIN && clock_ns() < a->next_ns))
		return r;
	if (r != -EAGAIN) {
		why = a->state == ATTEMPT_HELLO ? a->hello.why : a->stream.why;
	} else {
		r = -ETIMEDOUT;
		why = a->state == ATTEMPT_CONNECTING ? NULL : "it says nothing";
	}
	/* There may be another way to it. */
	if (a->state == ATTEMPT_CONNECTING && !try_next(a, goal, r))
		return -EAGAIN;
	return attempt_fail(a, r, why);
}
