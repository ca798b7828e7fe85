/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A lazy session between two of ours, over TCP, for the tests of what they say and of how it
 * travels; also with somebody in between, who cuts and damages what they say.
 */
#ifndef CRIU_LITE_PAGES_TEST_SESSION_H
#define CRIU_LITE_PAGES_TEST_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pages/token.h"

#define HERE "127.0.0.1"
#define PATIENCE_MS 20000

struct page_fetch;
struct tls;

static const struct token none;

/* What the ends have for TLS; NULL, as at first: nothing. */
extern struct tls *session_gives, *session_asks;

int make_listener(uint16_t *port);

/* That it is not told whether its last word was heard is no failure. */
#define UNHEARD 1

/*
 * A dump that lends, or answers in CRIU's protocol, in a process of its own; its exit code:
 * whether it ended otherwise.
 */
pid_t start_lending(int mem, int expected, uint16_t *port);
/* NULL: it came to nothing. */
struct page_fetch *start_asking(uint16_t port, unsigned int retry);
/* Fetches [@at, @end), with a fault for each page of [@fault, AT(32)); 0 or -errno. */
int fetch_all(struct page_fetch *f, uint64_t at, uint64_t end, uint64_t fault);
/* Asserts that a session gives all there is, and ends well; @pid lends @mem, which is closed. */
void end_session(struct page_fetch *f, pid_t pid, int mem);

/* Somebody in between: the first connections are cut, or damaged, at byte @at of what comes. */
struct between {
	uint16_t port;			/* of the dump */
	long at;
	int times;			/* how many connections */
	bool damage;
	bool requests;			/* it is what is asked, not what is answered */
	unsigned int late_ms;		/* after which it listens */
};

/* What comes of a whole session with somebody in between. */
int session_between(struct between b, int mem, unsigned int retry);

#endif
