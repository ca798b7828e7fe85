/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hello: how the two ends of a lazy session find out that both are ours, and friends.
 *
 *	who asks			who gives
 *	PARENT of HELLO_TARGET,
 *	how long he tries	->
 *				<-	an offer: version, token or not, a nonce
 *	a claim: session, lane,
 *	nonce, proof		->
 *				<-	a verdict: session, proof
 *
 * PARENT is the one command of CRIU's protocol that changes nothing (spec/images.md, section
 * 16.2): CRIU looks for a page map that nobody has, and answers 0. The session then goes on
 * as a plain one. Who gives, and hears another command first, has a plain peer.
 */
#ifndef CRIU_LITE_PAGES_HELLO_H
#define CRIU_LITE_PAGES_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pages/frame.h"
#include "pages/token.h"

struct stream;

#define HELLO_VERSION 1
/* The page map that is asked for: a segment's, of a number that no segment has. */
#define HELLO_TARGET (0x6372696c697465ULL << 8 | 2)
/* What an offer begins with, where CRIU answers 0 or 1. */
#define HELLO_ANSWER 0x4554494c
#define HELLO_NONCE 16
/* Who asks comes back for as long as there is somebody. */
#define HELLO_RETRY_ALWAYS UINT32_MAX

/* Each has a connection of its own. */
enum hello_lane {
	HELLO_BULK,
	HELLO_FAULTS,
	HELLO_LANES
};

enum hello_code {
	HELLO_WELCOME,
	HELLO_OTHER_VERSION,
	HELLO_STRANGER,			/* has not the token */
	HELLO_TAKEN,			/* somebody else has a session */
	HELLO_NO_SESSION,		/* that one is not known here */
	HELLO_CODES
};

struct hello_offer {
	uint32_t answer;		/* HELLO_ANSWER */
	uint16_t version;
	uint16_t token;			/* whether a proof is asked for */
	uint8_t unused[8];
	uint8_t nonce[HELLO_NONCE];
};

struct hello_claim {
	uint64_t session;		/* 0: a new one */
	uint16_t version;
	uint16_t lane;			/* enum hello_lane */
	uint32_t retry;			/* seconds for which who asks tries to come back */
	uint8_t nonce[HELLO_NONCE];
	uint8_t proof[TOKEN_PROOF];	/* of what stands before it, and the offer */
};

struct hello_verdict {
	uint64_t session;
	uint32_t code;			/* enum hello_code */
	uint8_t unused[20];
	uint8_t proof[TOKEN_PROOF];	/* of what stands before it, the claim and the offer */
};

_Static_assert(sizeof(struct hello_offer) == 32, "the size of an offer is on the wire");
_Static_assert(sizeof(struct hello_claim) == 64, "the size of a claim is on the wire");
_Static_assert(sizeof(struct hello_verdict) == 64, "the size of a verdict is on the wire");

/* What one end has said and heard. */
struct hello {
	const struct token *token;
	struct page_frame frame;
	struct {
		struct hello_offer offer;
		struct hello_claim claim;
		struct hello_verdict verdict;
	} said;
	unsigned int step;
	size_t got;			/* bytes of the step */
	bool drawn;			/* the nonce of the claim was */
	const char *why;		/* it failed; NULL: see the errno */
};

/*
 * The end that asks. hello_ask() never waits: 0: welcome, and h->said.verdict.session is
 * ours; 1: the other end is a plain one, and has answered; -EAGAIN: not yet; -EACCES,
 * -EPROTO: h->why says why not; -errno. Nothing is logged.
 */
void hello_ask_init(struct hello *h, const struct token *token, uint64_t session,
		    enum hello_lane lane, uint32_t retry);
int hello_ask(struct hello *h, struct stream *s);
/*
 * The connection was lost before the end of it: hello_ask() begins again, on another one. The
 * claim has the same nonce, so that who gives knows us, should he have welcomed us already.
 */
void hello_ask_again(struct hello *h);
/* Says, with the first word, for how many seconds that will be tried. */
void hello_ask_promise(struct hello *h, uint32_t seconds);

/*
 * The end that gives. hello_hear(): -EAGAIN; 0: h->said.claim is there, of any lane and session,
 * and to be judged; HELLO_NONE: something else came, and all of it is in h->frame; -errno.
 */
#define HELLO_NONE 1
void hello_hear_init(struct hello *h, const struct token *token);
int hello_hear(struct hello *h, struct stream *s);
/* It failed: for how many seconds who asked will begin again; 0: he will not. */
uint32_t hello_hear_again(const struct hello *h);
/* What is to be said about its version and proof. */
enum hello_code hello_judge(const struct hello *h);
/* Says it. 0 or -errno. */
int hello_answer(struct hello *h, struct stream *s, enum hello_code code, uint64_t session);

const char *hello_code_str(unsigned int code);

#endif
