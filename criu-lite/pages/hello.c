// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hello.
 *
 * The other end is not known yet: all that it says has a fixed size, and a few hundred bytes
 * later either is believed. What is sent is less than what the buffer of a new connection
 * holds: a short send is an error.
 */
#include "pages/hello.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "pages/stream.h"
#include "util/macro.h"

static const char *const code_table[] = {
	[HELLO_WELCOME] = "welcome",
	[HELLO_OTHER_VERSION] = "it speaks another version",
	[HELLO_STRANGER] = "we do not have its token",
	[HELLO_TAKEN] = "somebody else has its memory",
	[HELLO_NO_SESSION] = "it does not know the session",
};

const char *hello_code_str(unsigned int code)
{
	return code < ARRAY_SIZE(code_table) ? code_table[code] : "?";
}

static int fail(struct hello *h, int err, const char *why)
{
	h->why = why;
	return err;
}

static int say(struct hello *h, struct stream *s, const void *buf, size_t len)
{
	ssize_t n = stream_send(s, buf, len, MSG_DONTWAIT);

	return n == (ssize_t)len ? 0 : fail(h, n < 0 ? n : -EIO, s->why);
}

/* 0: all @len bytes of this step are there, and the next may begin. */
static int hear(struct hello *h, struct stream *s, void *buf, size_t len)
{
	while (h->got < len) {
		ssize_t n = stream_receive(s, (char *)buf + h->got, len - h->got, MSG_DONTWAIT);

		if (n <= 0)
			return n ? fail(h, n, s->why) : -ECONNRESET;
		h->got += n;
	}
	h->got = 0;
	h->step++;
	return 0;
}

static void prove_claim(const struct hello *h, uint8_t proof[TOKEN_PROOF])
{
	const size_t len = offsetof(struct hello, said.claim.proof) - offsetof(struct hello, said);

	token_prove(h->token, "asks", &h->said, len, proof);
}

static void prove_verdict(const struct hello *h, uint8_t proof[TOKEN_PROOF])
{
	const size_t len = offsetof(struct hello, said.verdict.proof) -
			   offsetof(struct hello, said);

	token_prove(h->token, "gives", &h->said, len, proof);
}

void hello_ask_init(struct hello *h, const struct token *token, uint64_t session,
		    enum hello_lane lane, uint32_t retry)
{
	*h = (struct hello){
		.token = token,
		.frame = { .command = FRAME_PARENT, .nr_pages = HELLO_VERSION,
			   .target = HELLO_TARGET },
		.said.claim = { .session = session, .version = HELLO_VERSION, .lane = lane,
				.retry = retry },
	};
}

void hello_ask_again(struct hello *h)
{
	h->step = 0;
	h->got = 0;
	h->why = NULL;
}

/* CRIU does not look at the address of a PARENT. */
void hello_ask_promise(struct hello *h, uint32_t seconds)
{
	h->frame.vaddr = seconds;
}

static int ask_first(struct hello *h, struct stream *s)
{
	h->step++;
	return say(h, s, &h->frame, sizeof(h->frame));
}

static int ask_answer(struct hello *h, struct stream *s)
{
	struct hello_offer *offer = &h->said.offer;
	int err = hear(h, s, &offer->answer, sizeof(offer->answer));

	if (err || offer->answer == HELLO_ANSWER)
		return err;
	if (frame_is_tls(offer->answer))
		return fail(h, -EACCES, "it speaks TLS, and we do not (--tls)");
	if (offer->answer > 1)
		return fail(h, -EPROTO, "it is no page server");
	/* Without a word about tokens there is no friend to be told from a stranger. */
	return h->token->len ? fail(h, -EACCES, "it knows of no tokens") : 1;
}

static int ask_claim(struct hello *h, struct stream *s)
{
	struct hello_offer *offer = &h->said.offer;
	struct hello_claim *claim = &h->said.claim;
	int err = hear(h, s, (char *)offer + sizeof(offer->answer),
		       sizeof(*offer) - sizeof(offer->answer));

	if (err)
		return err;
	if (offer->version != HELLO_VERSION)
		return fail(h, -EACCES, hello_code_str(HELLO_OTHER_VERSION));
	if (!offer->token != !h->token->len)
		return fail(h, -EACCES, offer->token ? "it asks for a token" : "it has no token");
	if (!h->drawn && getrandom(claim->nonce, sizeof(claim->nonce), 0) != sizeof(claim->nonce))
		return -errno;
	h->drawn = true;
	if (offer->token)
		prove_claim(h, claim->proof);
	return say(h, s, claim, sizeof(*claim));
}

static int ask_verdict(struct hello *h, struct stream *s)
{
	struct hello_verdict *verdict = &h->said.verdict;
	uint8_t proof[TOKEN_PROOF];
	int err = hear(h, s, verdict, sizeof(*verdict));

	if (err)
		return err;
	if (verdict->code != HELLO_WELCOME)
		return fail(h, -EACCES, hello_code_str(verdict->code));
	if (!verdict->session ||
	    (h->said.claim.session && verdict->session != h->said.claim.session))
		return fail(h, -EPROTO, "it welcomes somebody else");
	prove_verdict(h, proof);
	if (h->token->len && !token_same(proof, verdict->proof))
		return fail(h, -EACCES, "it has another token");
	return 0;
}

static int (*const ask_table[])(struct hello *h, struct stream *s) = {
	ask_first,
	ask_answer,
	ask_claim,
	ask_verdict,
};

int hello_ask(struct hello *h, struct stream *s)
{
	int r = 0;

	while (!r && h->step < ARRAY_SIZE(ask_table))
		r = ask_table[h->step](h, s);
	return r;
}

void hello_hear_init(struct hello *h, const struct token *token)
{
	*h = (struct hello){ .token = token };
}

static int hear_first(struct hello *h, struct stream *s)
{
	struct hello_offer *offer = &h->said.offer;
	int err = hear(h, s, &h->frame, sizeof(h->frame));

	if (err)
		return err;
	if (h->frame.command != FRAME_PARENT || h->frame.target != HELLO_TARGET)
		return HELLO_NONE;
	*offer = (struct hello_offer){ .answer = HELLO_ANSWER, .version = HELLO_VERSION,
				       .token = h->token->len != 0 };
	if (getrandom(offer->nonce, sizeof(offer->nonce), 0) != sizeof(offer->nonce))
		return -errno;
	return say(h, s, offer, sizeof(*offer));
}

int hello_hear(struct hello *h, struct stream *s)
{
	int err = h->step ? 0 : hear_first(h, s);

	return err ? err : hear(h, s, &h->said.claim, sizeof(h->said.claim));
}

uint32_t hello_hear_again(const struct hello *h)
{
	/* Not for ever: he has not even begun. */
	return h->step ? MIN(h->frame.vaddr, HELLO_RETRY_ALWAYS - 1UL) : 0;
}

enum hello_code hello_judge(const struct hello *h)
{
	uint8_t proof[TOKEN_PROOF];

	if (h->said.claim.version != HELLO_VERSION || h->said.claim.lane >= HELLO_LANES)
		return HELLO_OTHER_VERSION;
	prove_claim(h, proof);
	return !h->token->len || token_same(proof, h->said.claim.proof) ? HELLO_WELCOME :
									 HELLO_STRANGER;
}

int hello_answer(struct hello *h, struct stream *s, enum hello_code code, uint64_t session)
{
	struct hello_verdict *verdict = &h->said.verdict;

	*verdict = (struct hello_verdict){ .code = code };
	if (code == HELLO_WELCOME) {
		verdict->session = session;
		prove_verdict(h, verdict->proof);
	}
	return say(h, s, verdict, sizeof(*verdict));
}
