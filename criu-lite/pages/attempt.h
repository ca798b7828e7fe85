/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attempts to reach a page server: connect, begin the stream, say hello; when that fails, the
 * same again after a pause, which doubles each time.
 *
 *	NONE --connect--> CONNECTING ---> BEGINNING --begun--> HELLO --answered--> NONE
 *	  ^--------- failed: the next is after a pause ----------'       and the stream is taken
 *
 * Nothing here waits, and nothing gives up: how long it is worth while is the caller's to say.
 */
#ifndef CRIU_LITE_PAGES_ATTEMPT_H
#define CRIU_LITE_PAGES_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pages/hello.h"
#include "pages/stream.h"

struct tcp_address;
struct tls;

#define ATTEMPT_PAUSE_MAX_NS 2000000000ULL

enum attempt_state {
	ATTEMPT_NONE,
	ATTEMPT_CONNECTING,
	ATTEMPT_BEGINNING,
	ATTEMPT_HELLO,
};

/* Who is to be reached; all of it stays the caller's. */
struct attempt_goal {
	const struct tcp_address *addresses;	/* each attempt takes the first that answers */
	size_t n_addresses;
	struct tls *tls;		/* NULL: bytes go as they are */
	uint64_t patience_ns;		/* for one attempt */
};

struct attempt {
	enum attempt_state state;
	struct stream stream;		/* closed when there is no attempt */
	struct hello hello;		/* to be initialised to ask, by the caller */
	size_t tried;			/* addresses, in this attempt */
	uint64_t next_ns;		/* NONE: of the next one; else when this one is over */
	uint64_t pause_ns;
	const char *why;		/* the last one failed; NULL: see err */
	int err;
};

/* The first may begin at once. Of a->hello nothing is touched. */
void attempt_init(struct attempt *a);
/*
 * Goes on as far as it goes without waiting. 0: welcome; 1: a plain peer is there: as
 * hello_ask(), and attempt_take() is due, or attempt_fail(). -EAGAIN: not yet: see
 * attempt_wants(), and a->next_ns. -errno, not logged: this one has failed, and the next is at
 * a->next_ns.
 */
int attempt_step(struct attempt *a, const struct attempt_goal *goal);
/* What to poll a->stream.fd for. */
short attempt_wants(const struct attempt *a);
struct stream attempt_take(struct attempt *a);
/*
 * Whether the next may do better where one has failed with @err. The network's words and a
 * connection that was cut are of the moment; what the other end thinks of us, or we of it, is
 * not, nor is what we lack ourselves.
 */
bool attempt_may_pass(int err);
/* Returns @err. */
int attempt_fail(struct attempt *a, int err, const char *why);

#endif
