// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lending.
 *
 *	connection:	NEW --begun--> HELLO --welcome--> OPEN, as one lane of the session
 *				         \--GET: plain, if nobody else is there
 *
 * One thread, which waits for all connections at once. Of each turn faults get the first
 * answer, then the bulk gets one: what is in the way of a fault here is 128 KiB at most.
 * Memory stays where it is until the session is closed, so that nothing has to be kept for who
 * comes back: he asks again for what he has not got.
 *
 * Nobody is trusted. A stranger is sent away, and nothing comes of it. Who has the session
 * and asks for what he may not have ends it: he has other images, or is broken.
 */
#include "pages/lend.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "pages/answer.h"
#include "pages/channel.h"
#include "pages/hello.h"
#include "pages/tls.h"
#include "sys/tcp.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/zero.h"

#define PEERS_MAX 8
/* Requests of one lane that wait here. Others wait in the socket. */
#define ASKED_MAX 64
/* What did not get smaller is not tried again for so many messages. */
#define UNPACKED 32
/* A peer whose host is silent for so long is gone. */
#define PATIENCE_MS 60000
/* Seconds for which who does not know that the tree has ended is waited for. */
#define LAST_WORD_S 10U

enum peer_state {
	PEER_FREE,
	PEER_NEW,
	PEER_HELLO,
	PEER_OPEN,
};

struct peer {
	enum peer_state state;
	enum hello_lane lane;		/* PEER_OPEN */
	struct hello hello;
	struct channel ch;
	struct message asked[ASKED_MAX];
	size_t n_asked;
	bool slow;			/* the last answer had to wait for the network */
	unsigned int unpacked;		/* messages to come that are sent as they are */
};

struct page_lend {
	struct lend_options opts;
	struct peer peers[PEERS_MAX];
	unsigned int next_slot;
	uint64_t session;		/* 0: none yet */
	uint8_t nonce[HELLO_NONCE];	/* of the claim that it began with */
	uint32_t retry;			/* seconds */
	uint64_t lost_ns;		/* when its last lane was lost, by clock_ns(); 0: it is there */
	uint64_t given, zero, packed;	/* pages */
	struct lend_plain plain;	/* a plain peer that was found, if any */
	bool taken;			/* it has said that it has everything */
	bool ended;			/* and we, that the tree has ended */
	bool heard;			/* and it, that it knows */
	char pages[MESSAGE_PAGES_MAX * PAGE_SIZE];
	char block[MESSAGE_PAGES_MAX * PAGE_SIZE];
};

int page_lend_new(const struct lend_options *opts, struct page_lend **lend)
{
	struct page_lend *l = calloc(1, sizeof(*l));

	if (!l)
		return log_errno(-ENOMEM, "lazy page server: no session");
	l->opts = *opts;
	l->plain.stream = STREAM_CLOSED;
	for (size_t i = 0; i < PEERS_MAX; i++)
		l->peers[i].ch.stream = STREAM_CLOSED;
	*lend = l;
	return 0;
}

static struct peer *find_lane(struct page_lend *l, enum hello_lane lane)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (l->peers[i].state == PEER_OPEN && l->peers[i].lane == lane)
			return &l->peers[i];
	return NULL;
}

static void wait_for_return(struct page_lend *l)
{
	l->lost_ns = clock_ns();
	if (!l->heard && l->retry)
		log_warn("lazy page server: the connection is lost: waiting for the other end to "
			 "come back");
}

static void close_peer(struct page_lend *l, struct peer *p)
{
	const bool open = p->state == PEER_OPEN;

	channel_close(&p->ch);
	p->state = PEER_FREE;
	p->n_asked = 0;
	if (open && !find_lane(l, HELLO_BULK) && !find_lane(l, HELLO_FAULTS))
		wait_for_return(l);
}

static int left(const struct page_lend *l)
{
	return log_errno(-ECONNRESET, "lazy page server: cannot go on: the other end left, and has "
			 "not %s", l->ended ? "heard that the tree has ended here" :
					      "said that it has everything");
}

static void send_away(struct page_lend *l, struct peer *p, const char *why)
{
	log_warn("lazy page server: sent somebody away: %s", why);
	close_peer(l, p);
}

/*
 * Where nobody has to prove anything, who leaves before he has begun was who we waited for. He
 * may have been cut off, and have said that he tries again.
 */
static int lose_new(struct page_lend *l, struct peer *p)
{
	const bool friend = !l->session && !l->opts.token->len;
	const uint32_t retry = hello_hear_again(&p->hello);

	/* Cut off one byte earlier, in the handshake, it would be waited for, too. */
	if (l->opts.tls && !p->hello.step) {
		send_away(l, p, "it left before it said anything");
		return 0;
	}
	close_peer(l, p);
	if (!friend)
		return 0;
	if (retry) {
		l->retry = retry;
		wait_for_return(l);
	}
	/* Then it is patience() that knows when nobody will come. */
	return l->lost_ns ? 0 : left(l);
}

/* Of what is in the queue of the network device faults are first, where it has bands. */
static void set_priority(const struct peer *p)
{
	const int interactive = 6;

	if (p->lane == HELLO_FAULTS)
		setsockopt(p->ch.stream.fd, SOL_SOCKET, SO_PRIORITY, &interactive,
			   sizeof(interactive));
}

static int take_connection(struct page_lend *l)
{
	struct peer *p = NULL;
	int sock = tcp_accept(l->opts.listener, PATIENCE_MS);
	struct stream stream;
	int err;

	/* Who is gone again is nobody's loss. */
	if (sock < 0)
		return 0;
	err = tls_open(l->opts.tls, TLS_ACCEPTS, sock, &stream);
	if (err)
		return log_errno(err, "lazy page server: cannot begin TLS");
	for (size_t i = 0; i < 2 * PEERS_MAX && !p; i++) {
		struct peer *q = &l->peers[l->next_slot++ % PEERS_MAX];

		if (q->state == PEER_FREE || (i >= PEERS_MAX && q->state != PEER_OPEN))
			p = q;
	}
	if (p->state != PEER_FREE)
		send_away(l, p, "too many have connected and say nothing");
	p->state = PEER_NEW;
	channel_open(&p->ch, stream);
	return 0;
}

/* What is to be said to who asks for a session. */
static enum hello_code judge(struct page_lend *l, const struct hello_claim *claim)
{
	if (claim->session)
		return claim->session == l->session ? HELLO_WELCOME : HELLO_NO_SESSION;
	/* He who has it says it again: he has not heard that he was welcome. */
	if (l->session)
		return memcmp(claim->nonce, l->nonce, sizeof(l->nonce)) ? HELLO_TAKEN :
									  HELLO_WELCOME;
	while (!l->session)
		if (getrandom(&l->session, sizeof(l->session), 0) < 0)
			return HELLO_NO_SESSION;
	memcpy(l->nonce, claim->nonce, sizeof(l->nonce));
	return HELLO_WELCOME;
}

static void open_lane(struct page_lend *l, struct peer *p)
{
	const struct hello_claim *claim = &p->hello.said.claim;
	struct peer *old = find_lane(l, claim->lane);

	p->lane = claim->lane;
	p->slow = false;
	p->unpacked = 0;
	p->state = PEER_OPEN;
	set_priority(p);
	l->retry = claim->retry;
	l->lost_ns = 0;
	/* It has given up that one, whether we have noticed or not. */
	if (old)
		close_peer(l, old);
}

static int on_claim(struct page_lend *l, struct peer *p)
{
	enum hello_code code = hello_judge(&p->hello);
	int err;

	if (code == HELLO_WELCOME)
		code = judge(l, &p->hello.said.claim);
	err = hello_answer(&p->hello, &p->ch.stream, code, l->session);
	if (!err && code == HELLO_WELCOME)
		open_lane(l, p);
	else
		send_away(l, p, err ? "the connection is gone" : hello_code_str(code));
	return 0;
}

/* It speaks CRIU's protocol, or none. */
static void on_plain(struct page_lend *l, struct peer *p)
{
	if (frame_is_tls(p->hello.frame.command)) {
		send_away(l, p, "it speaks TLS, and we do not (--tls)");
	} else if (l->opts.token->len) {
		send_away(l, p, "it has no token");
	} else if (l->session) {
		send_away(l, p, "it is not who has the session");
	} else {
		l->plain.stream = stream_take(&p->ch.stream);
		l->plain.first = p->hello.frame;
	}
}

static int on_hello(struct page_lend *l, struct peer *p)
{
	int r = hello_hear(&p->hello, &p->ch.stream);

	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return lose_new(l, p);
	if (!r)
		return on_claim(l, p);
	on_plain(l, p);
	return 0;
}

static int on_new(struct page_lend *l, struct peer *p)
{
	int err = stream_begin(&p->ch.stream);

	if (err == -EAGAIN)
		return 0;
	if (err) {
		send_away(l, p, p->ch.stream.why ? p->ch.stream.why : strerror(-err));
		return 0;
	}
	hello_hear_init(&p->hello, l->opts.token);
	p->state = PEER_HELLO;
	return on_hello(l, p);
}

static int refuse(const struct message *m, const char *why)
{
	return log_errno(-EPROTO, "lazy page server: %s of %u pages at %#" PRIx64 " of task %u: %s",
			 message_type_str(m->type), m->nr_pages, m->vaddr, m->pid, why);
}

static int on_message(struct page_lend *l, struct peer *p)
{
	const struct message *m = &p->ch.head;

	switch (m->type) {
	case MESSAGE_GET:
		/* On its way when all had come: nobody waits for it. */
		if (!l->taken)
			p->asked[p->n_asked++] = *m;
		return 0;
	case MESSAGE_CLOSE:
		l->taken = true;
		for (size_t i = 0; i < PEERS_MAX; i++)
			l->peers[i].n_asked = 0;
		if (!l->ended)
			return 0;
		return channel_send(&p->ch, &(struct message){ .type = MESSAGE_CLOSED }, NULL);
	case MESSAGE_LEAVE:
		l->heard = l->ended;
		return l->ended ? 0 : left(l);
	default:
		return refuse(m, "nobody says that to a dump");
	}
}

/* Takes what a lane says, as far as there is room. */
static int on_input(struct page_lend *l, struct peer *p)
{
	while (p->n_asked < ASKED_MAX) {
		int r = channel_receive(&p->ch);

		if (!r)
			break;
		if (r == -EPROTO)
			return refuse(&p->ch.head, "no message of this protocol");
		/* Damaged: who asked finds out, and asks again. */
		if (r < 0) {
			close_peer(l, p);
			break;
		}
		r = on_message(l, p);
		if (r < 0)
			return r;
	}
	return 0;
}

/* One message: pages from @first on that are all zero, or all are not. */
static int send_run(struct page_lend *l, struct peer *p, const struct message *asked,
		    unsigned int first, unsigned int *n)
{
	const char *data = l->pages + first * PAGE_SIZE, *payload = data;
	const bool zero = all_zero(data, PAGE_SIZE);
	struct message m = { .type = MESSAGE_PAGES, .id = asked->id, .pid = asked->pid,
			     .vaddr = asked->vaddr + first * PAGE_SIZE };

	for (*n = 1; first + *n < asked->nr_pages; (*n)++)
		if (all_zero(data + *n * PAGE_SIZE, PAGE_SIZE) != zero)
			break;
	m.nr_pages = *n;
	if (zero) {
		m.flags = MESSAGE_ZERO;
		l->zero += *n;
		return channel_send(&p->ch, &m, NULL);
	}
	m.len = *n * PAGE_SIZE;
	/* While the network is what is waited for, the processor has the time. */
	if (p->slow && p->lane == HELLO_BULK && !p->unpacked) {
		if (message_pack(&m, data, l->block)) {
			payload = l->block;
			l->packed += *n;
		} else {
			p->unpacked = UNPACKED;
		}
	}
	p->unpacked -= p->unpacked > 0;
	return channel_send(&p->ch, &m, payload);
}

static int give(struct page_lend *l, struct peer *p, const struct message *asked)
{
	const struct page_offer *offer = page_offer_find(l->opts.offers, l->opts.n_offers,
							 asked->pid);
	const size_t len = asked->nr_pages * PAGE_SIZE;
	ssize_t got;

	if (!offer)
		return refuse(asked, "there is no such task");
	if (page_offer_pages(offer, asked->vaddr) < asked->nr_pages)
		return refuse(asked, "there is nothing to be had");
	got = pread_all(offer->mem, l->pages, len, asked->vaddr);
	if (got != (ssize_t)len)
		return log_errno(got < 0 ? (int)got : -ESRCH, "task %u: cannot read its memory at "
				 "%#" PRIx64, asked->pid, asked->vaddr);
	for (unsigned int first = 0, n; first < asked->nr_pages; first += n) {
		int err = send_run(l, p, asked, first, &n);

		if (err)
			return log_errno(err, "lazy page server: cannot answer");
	}
	l->given += asked->nr_pages;
	return 0;
}

static int answer_lane(struct page_lend *l, enum hello_lane lane)
{
	struct peer *p = find_lane(l, lane);
	int err = 0;

	if (!p)
		return 0;
	if (p->n_asked && !channel_full(&p->ch)) {
		err = give(l, p, &p->asked[0]);
		if (err)
			return err;
		p->n_asked--;
		memmove(p->asked, p->asked + 1, p->n_asked * sizeof(*p->asked));
	}
	if (!channel_full(&p->ch))
		return 0;
	if (channel_flush(&p->ch) < 0)
		close_peer(l, p);
	else
		p->slow = channel_full(&p->ch);
	return 0;
}

static int handle_peer(struct page_lend *l, struct peer *p, short events)
{
	if (!events || p->state == PEER_FREE)
		return 0;
	if (p->state == PEER_NEW)
		return on_new(l, p);
	if (p->state == PEER_HELLO)
		return on_hello(l, p);
	return events & ~POLLOUT ? on_input(l, p) : 0;
}

/* What to wait for. Who has asked for enough is not listened to until he has some of it. */
static short wanted(const struct peer *p)
{
	short events = p->n_asked < ASKED_MAX ? POLLIN | POLLRDHUP : 0;

	if (p->state == PEER_NEW)
		return stream_wants(&p->ch.stream);
	return channel_full(&p->ch) ? events | POLLOUT : events;
}

/* Has said what poll() does not know of. */
static bool has_input(const struct peer *p)
{
	return p->n_asked < ASKED_MAX && stream_pending(&p->ch.stream);
}

static bool anything_to_do(const struct page_lend *l)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if ((l->peers[i].n_asked && !channel_full(&l->peers[i].ch)) ||
		    has_input(&l->peers[i]))
			return true;
	return false;
}

/* How long to wait for input, in ms; -1: for good. -ECONNRESET: nobody will come back. */
static int patience(const struct page_lend *l, int *ms)
{
	/* The tree has ended: that somebody hears of it is not worth more. */
	const uint32_t retry = l->ended ? MIN(l->retry, LAST_WORD_S) : l->retry;
	const uint64_t limit = retry * 1000000000ULL;
	uint64_t gone;

	*ms = anything_to_do(l) ? 0 : -1;
	if (!l->lost_ns || retry == HELLO_RETRY_ALWAYS)
		return 0;
	gone = clock_ns() - l->lost_ns;
	if (gone >= limit)
		return left(l);
	*ms = MIN((limit - gone) / 1000000 + 1, (uint64_t)INT_MAX);
	return 0;
}

static int turn(struct page_lend *l)
{
	struct pollfd fds[PEERS_MAX + 2];
	int ms, err = patience(l, &ms);

	if (err)
		return err;
	for (size_t i = 0; i < PEERS_MAX; i++)
		fds[i] = (struct pollfd){ l->peers[i].ch.stream.fd, wanted(&l->peers[i]), 0 };
	fds[PEERS_MAX] = (struct pollfd){ l->opts.listener, POLLIN, 0 };
	fds[PEERS_MAX + 1] = (struct pollfd){ l->opts.stop_fd, POLLIN, 0 };
	if (poll(fds, ARRAY_SIZE(fds), ms) < 0)
		return errno == EINTR ? 0 : log_errno(-errno, "lazy page server: cannot wait");
	if (fds[PEERS_MAX + 1].revents)
		return log_errno(-EINTR, "lazy page server: asked to stop");
	for (size_t i = 0; i < PEERS_MAX && !err && l->plain.stream.fd < 0; i++)
		err = handle_peer(l, &l->peers[i],
				  fds[i].revents | (has_input(&l->peers[i]) ? POLLIN : 0));
	if (!err && fds[PEERS_MAX].revents)
		err = take_connection(l);
	if (!err)
		err = answer_lane(l, HELLO_FAULTS);
	return err ? err : answer_lane(l, HELLO_BULK);
}

/* Who is still there need not wait for us to come back. */
static void tell_failure(struct page_lend *l, int err)
{
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct message m = { .type = MESSAGE_FAIL, .id = -err };

		if (l->peers[i].state == PEER_OPEN && !channel_send(&l->peers[i].ch, &m, NULL))
			channel_flush(&l->peers[i].ch);
	}
}

int page_lend_serve(struct page_lend *l, struct lend_plain *plain)
{
	int err = 0;

	while (!err && !l->taken && l->plain.stream.fd < 0)
		err = turn(l);
	*plain = l->plain;
	l->plain.stream = STREAM_CLOSED;
	if (plain->stream.fd >= 0)
		return LEND_PLAIN;
	log_info("lazy page server: gave %" PRIu64 " pages, %" PRIu64 " of zeros, %" PRIu64
		 " compressed", l->given, l->zero, l->packed);
	if (err)
		tell_failure(l, err);
	return err;
}

int page_lend_close(struct page_lend *l)
{
	struct message m = { .type = MESSAGE_CLOSED };
	struct peer *p = find_lane(l, HELLO_BULK);
	int err = 0;

	l->ended = true;
	/* Where that lane is lost by now, it says CLOSE again on the next. */
	if (p)
		err = channel_send(&p->ch, &m, NULL);
	while (!err && !l->heard)
		err = turn(l);
	return err;
}

void page_lend_free(struct page_lend *l)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		channel_close(&l->peers[i].ch);
	stream_close(&l->plain.stream);
	free(l);
}
