// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking a dump of ours, over two connections: one for faults, one for the rest.
 *
 *	lane:	down --attempts, until one is welcome--> open
 *		  ^------------------ lost, or damaged ---'
 *
 * Answers name their request, and may come in any order; those to one request come in the
 * order of its pages, in as many messages as there are. What has come and is sound is kept
 * when a lane is lost; the rest is asked for again on the next connection. A request whose
 * answer was damaged twice is an error: it is no accident then. Who waits all the same gets
 * another way to the dump, or a better one in time.
 *
 * Nobody looks at pages before their checksums were.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "pages/attempt.h"
#include "pages/channel.h"
#include "pages/fetch-ops.h"
#include "pages/fetch.h"
#include "pages/hello.h"
#include "sys/tcp.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

#define MS 1000000ULL
/* The answer to the last word may take so long. */
#define PATIENCE_MS 60000
/* An attempt to connect and say hello may take so long. */
#define ATTEMPT_NS (10000 * MS)
/* The dump is there, but what came was damaged, or nothing has come yet. */
#define FRESH_NS (20000 * MS)

static const char *const lane_name[HELLO_LANES] = {
	[HELLO_BULK] = "bulk",
	[HELLO_FAULTS] = "faults",
};

struct lane {
	bool open;
	enum hello_lane number;
	struct channel ch;
	struct attempt attempt;		/* to open it */
	/* A damaged connection, until there is another: who hears of none gives us up. */
	struct stream spoilt;
	uint32_t events;		/* that epoll waits for */
	bool damaged;			/* what came last was */
	uint64_t lost_ns;		/* since when it is not open; 0: it is */
	uint64_t limit_ns;		/* how long it may be */
};

struct lanes_fetch {
	struct page_fetch base;		/* its fd is the epoll */
	struct fetch_options opts;
	struct tcp_address server;
	uint32_t last_id;
	int timer;
	struct lane lanes[HELLO_LANES];
	bool told;			/* that it takes longer than the user has said */
	bool closing, closed;
};

static struct lanes_fetch *lanes_fetch(struct page_fetch *f)
{
	return container_of(f, struct lanes_fetch, base);
}

static bool carries(const struct lane *lane, const struct fetch_request *r)
{
	return lane->number == (r->urgent ? HELLO_FAULTS : HELLO_BULK);
}

/* Epoll forgets a socket that is closed. */
static void watch_lane(struct lanes_fetch *lf, struct lane *lane)
{
	const int fd = lane->open ? lane->ch.stream.fd : lane->attempt.stream.fd;
	const bool out = lane->open ? channel_full(&lane->ch) :
				      fd >= 0 && attempt_wants(&lane->attempt) & POLLOUT;
	struct epoll_event event = { .events = out ? EPOLLIN | EPOLLOUT : EPOLLIN };

	if (fd < 0 || lane->events == event.events)
		return;
	/* It can't fail but for memory; then the timer still comes by. */
	epoll_ctl(lf->base.fd, lane->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	lane->events = event.events;
}

/* Epoll has to be told: it is not closed. */
static void keep_damaged(struct lanes_fetch *lf, struct lane *lane)
{
	epoll_ctl(lf->base.fd, EPOLL_CTL_DEL, lane->ch.stream.fd, NULL);
	stream_close(&lane->spoilt);
	lane->spoilt = stream_take(&lane->ch.stream);
}

static void close_lane(struct lane *lane)
{
	channel_close(&lane->ch);
	lane->open = false;
	lane->events = 0;
}

static uint64_t retry_ns(const struct lanes_fetch *lf)
{
	return lf->opts.retry * 1000 * MS;
}

static void set_lost(const struct lanes_fetch *lf, struct lane *lane, uint64_t limit_ns)
{
	lane->lost_ns = clock_ns();
	lane->limit_ns = limit_ns;
	attempt_init(&lane->attempt);
	hello_ask_init(&lane->attempt.hello, lf->opts.token, lf->base.session, lane->number,
		       lf->opts.wait ? HELLO_RETRY_ALWAYS : lf->opts.retry);
}

/* @err: of a lane that was open. Returns 0: it is looked for; -errno, logged: it is not. */
static int lose_lane(struct lanes_fetch *lf, struct lane *lane, int err, bool damaged)
{
	if (damaged)
		keep_damaged(lf, lane);
	close_lane(lane);
	if (!damaged && !lf->opts.retry && !lf->opts.wait)
		return log_errno(err, "page server: the connection (%s) is lost",
				 lane_name[lane->number]);
	log_warn("page server: the connection (%s) is %s: trying again", lane_name[lane->number],
		 damaged ? "damaged" : "lost");
	set_lost(lf, lane, damaged ? MAX(retry_ns(lf), FRESH_NS) : retry_ns(lf));
	return 0;
}

/* Asks for what is still to come of it. */
static int send_get(struct lane *lane, const struct fetch_request *r)
{
	struct message m = {
		.type = MESSAGE_GET, .id = r->id, .pid = r->pid, .vaddr = r->start + r->got,
		.nr_pages = (r->len - r->got) >> PAGE_SHIFT,
	};

	return channel_send(&lane->ch, &m, NULL);
}

static int send_close(struct lane *lane)
{
	return channel_send(&lane->ch, &(struct message){ .type = MESSAGE_CLOSE }, NULL);
}

static int flush_lane(struct lanes_fetch *lf, struct lane *lane)
{
	int err = channel_flush(&lane->ch);

	return err ? lose_lane(lf, lane, err, false) : 0;
}

/* Says again what may have been lost with the last connection. */
static int reopen(struct lanes_fetch *lf, struct lane *lane)
{
	const struct fetch_request *r;
	int err = 0;

	channel_open(&lane->ch, attempt_take(&lane->attempt));
	lane->open = true;
	lane->lost_ns = 0;
	stream_close(&lane->spoilt);
	lf->told = false;
	if (lf->closing)
		err = lane->number == HELLO_BULK ? send_close(lane) : 0;
	TAILQ_FOREACH(r, &lf->base.waiting, link)
		if (!err && !lf->closing && carries(lane, r))
			err = send_get(lane, r);
	return err ? log_errno(err, "page server: no room for requests") : 0;
}

/* Nothing that an attempt meets is final: check_limit() knows how long it may go on. */
static int go_on(struct lanes_fetch *lf, struct lane *lane)
{
	const struct attempt_goal goal = {
		.addresses = &lf->server, .n_addresses = 1, .tls = lf->opts.tls,
		.patience_ns = ATTEMPT_NS,
	};
	int r = attempt_step(&lane->attempt, &goal);

	if (!r)
		return reopen(lf, lane);
	if (r > 0)
		r = attempt_fail(&lane->attempt, -EPROTO, "another dump is there now");
	/* Epoll has forgotten its socket. */
	if (r != -EAGAIN)
		lane->events = 0;
	return 0;
}

/* Whether it has been away for longer than the user has said. */
static int check_limit(struct lanes_fetch *lf, const struct lane *lane)
{
	const struct attempt *a = &lane->attempt;

	if (!lane->lost_ns || clock_ns() - lane->lost_ns < lane->limit_ns ||
	    (lf->told && !lf->closing))
		return 0;
	lf->told = lf->opts.wait && !lf->closing;
	log_error("page server: it cannot be reached (%s)%s%s", lane_name[lane->number],
		  a->why ? ": " : "", a->why ? a->why : "");
	if (!lf->told)
		return log_errno(a->err ? a->err : -ETIMEDOUT, "page server: gave it up");
	log_error("page server: tasks that touch memory which it has will wait until it is back, "
		  "or lazy-pages --attach brings another");
	return 0;
}

static struct fetch_request *find_request(struct lanes_fetch *lf, const struct lane *lane,
					  uint32_t id)
{
	struct fetch_request *r;

	TAILQ_FOREACH(r, &lf->base.waiting, link)
		if (r->id == id && carries(lane, r))
			return r;
	return NULL;
}

static int bad_message(const struct message *m, const char *why)
{
	return log_errno(-EPROTO, "page server: %s of %u pages at %#" PRIx64 " of task %u (request "
			 "%u, flags %#x): %s", message_type_str(m->type), m->nr_pages, m->vaddr,
			 m->pid, m->id, m->flags, why);
}

static int on_pages(struct lanes_fetch *lf, struct lane *lane)
{
	const struct message *m = &lane->ch.head;
	struct fetch_request *r = find_request(lf, lane, m->id);
	const uint64_t len = (uint64_t)m->nr_pages << PAGE_SHIFT;

	if (!r)
		return bad_message(m, "is to no request");
	if ((int)m->pid != r->pid || m->vaddr != r->start + r->got)
		return bad_message(m, "is about other memory");
	if (len > r->len - r->got)
		return bad_message(m, "is more than was asked for");
	if (message_unpack(m, lane->ch.payload, r->data + r->got))
		return bad_message(m, "is no content of pages");
	r->got += len;
	lane->damaged = false;
	if (r->got == r->len)
		fetch_arrived(&lf->base, r);
	return 0;
}

static int on_closed(struct lanes_fetch *lf, struct lane *lane)
{
	if (!lf->closing || lane->number != HELLO_BULK)
		return bad_message(&lane->ch.head, "nobody has asked for it");
	lf->closed = true;
	return 0;
}

static int on_fail(struct lanes_fetch *lf, struct lane *lane)
{
	return log_errno(-ECONNRESET, "page server: it has failed (%s)",
			 strerror(lane->ch.head.id));
}

static const struct lane_row {
	enum message_type type;
	int (*apply)(struct lanes_fetch *lf, struct lane *lane);
} lane_table[] = {
	{ MESSAGE_PAGES, on_pages },
	{ MESSAGE_CLOSED, on_closed },
	{ MESSAGE_FAIL, on_fail },
};

static int on_message(struct lanes_fetch *lf, struct lane *lane)
{
	for (size_t i = 0; i < ARRAY_SIZE(lane_table); i++)
		if (lane_table[i].type == lane->ch.head.type)
			return lane_table[i].apply(lf, lane);
	return bad_message(&lane->ch.head, "no page server says that");
}

static int on_damage(struct lanes_fetch *lf, struct lane *lane)
{
	struct fetch_request *r = find_request(lf, lane, lane->ch.head.id);

	const bool again = lane->damaged || (r && r->damaged);
	int err;

	if (again)
		log_error("page server: its answers come damaged, again and again%s",
			  lf->opts.wait ? ": tasks wait until they do not, or lazy-pages --attach "
					  "brings another way to it" : "");
	if (again && !lf->opts.wait)
		return -EBADMSG;
	lane->damaged = true;
	if (r)
		r->damaged = true;
	err = lose_lane(lf, lane, -EBADMSG, true);
	if (again)
		lane->attempt.next_ns += ATTEMPT_PAUSE_MAX_NS;
	return err;
}

/* No longer than the window at once: who feeds us must not keep us from faults. */
static int receive_lane(struct lanes_fetch *lf, struct lane *lane)
{
	for (uint64_t had = 0; had < lf->base.window && lane->open;) {
		int r = channel_receive(&lane->ch);

		if (!r)
			break;
		if (r == -EBADMSG)
			return on_damage(lf, lane);
		if (r == -EPROTO)
			return bad_message(&lane->ch.head, "is no message of this protocol");
		if (r < 0)
			return lose_lane(lf, lane, r, false);
		had += sizeof(lane->ch.head) + lane->ch.head.len;
		r = on_message(lf, lane);
		if (r)
			return r;
	}
	return lane->open ? flush_lane(lf, lane) : 0;
}

static int step_lane(struct lanes_fetch *lf, struct lane *lane)
{
	int err = lane->open ? 0 : go_on(lf, lane);

	if (!err && lane->open)
		err = receive_lane(lf, lane);
	if (!err)
		err = check_limit(lf, lane);
	watch_lane(lf, lane);
	return err;
}

/* Wakes us when time alone gives something to do, or what epoll does not know of. */
static int set_timer(struct lanes_fetch *lf)
{
	struct itimerspec when = { 0 };
	uint64_t next = UINT64_MAX, now = clock_ns();

	lf->base.lost = false;
	for (size_t i = 0; i < HELLO_LANES; i++) {
		const struct lane *lane = &lf->lanes[i];

		if (stream_pending(&lane->ch.stream))
			next = now;
		if (lane->open)
			continue;
		lf->base.lost = true;
		next = MIN(next, lane->attempt.next_ns);
		if (lane->lost_ns && !lf->told)
			next = MIN(next, lane->lost_ns + lane->limit_ns);
	}
	if (next != UINT64_MAX) {
		/* 0 would stop it. */
		next = MAX(next, now + 1) - now;
		when.it_value.tv_sec = next / 1000000000;
		when.it_value.tv_nsec = next % 1000000000;
	}
	if (timerfd_settime(lf->timer, 0, &when, NULL) < 0)
		return log_errno(-errno, "page server: no timer");
	return 0;
}

static int lanes_receive(struct page_fetch *f)
{
	struct lanes_fetch *lf = lanes_fetch(f);
	int err = step_lane(lf, &lf->lanes[HELLO_FAULTS]);

	if (!err)
		err = step_lane(lf, &lf->lanes[HELLO_BULK]);
	return err ? err : set_timer(lf);
}

static int lanes_ask(struct page_fetch *f, struct fetch_request *r)
{
	struct lanes_fetch *lf = lanes_fetch(f);
	struct lane *lane = &lf->lanes[r->urgent ? HELLO_FAULTS : HELLO_BULK];
	int err;

	r->id = ++lf->last_id;
	if (!lane->open)
		return 0;
	err = send_get(lane, r);
	if (err)
		return log_errno(err, "page server: no room for a request");
	err = flush_lane(lf, lane);
	watch_lane(lf, lane);
	return err || lane->open ? err : set_timer(lf);
}

/* It has heard our last word when it hangs up. */
static void say_last(struct lane *lane)
{
	struct pollfd pfd = { .fd = lane->ch.stream.fd, .events = POLLIN };

	if (!lane->open || channel_send(&lane->ch, &(struct message){ .type = MESSAGE_LEAVE }, NULL) ||
	    channel_flush(&lane->ch))
		return;
	stream_end(&lane->ch.stream);
	poll(&pfd, 1, 1000);
}

static int lanes_close(struct page_fetch *f)
{
	struct lanes_fetch *lf = lanes_fetch(f);
	struct lane *bulk = &lf->lanes[HELLO_BULK];
	int err = 0;

	lf->closing = true;
	if (bulk->open)
		err = send_close(bulk);
	if (!err && bulk->open)
		err = lanes_receive(f);
	while (!err && !lf->closed) {
		struct pollfd pfd = { .fd = f->fd, .events = POLLIN };
		int n = poll(&pfd, 1, PATIENCE_MS);

		if (n < 0 && errno != EINTR)
			err = log_errno(-errno, "page server: cannot wait");
		else if (!n)
			err = log_errno(-ETIMEDOUT, "page server: it does not answer");
		else
			err = lanes_receive(f);
	}
	if (!err)
		say_last(bulk);
	return err;
}

static void lanes_leave(struct page_fetch *f)
{
	struct lanes_fetch *lf = lanes_fetch(f);
	struct message m = { .type = MESSAGE_LEAVE };

	for (size_t i = 0; i < HELLO_LANES; i++)
		if (lf->lanes[i].open && !channel_send(&lf->lanes[i].ch, &m, NULL))
			channel_flush(&lf->lanes[i].ch);
}

static void lanes_free(struct page_fetch *f)
{
	struct lanes_fetch *lf = lanes_fetch(f);

	for (size_t i = 0; i < HELLO_LANES; i++) {
		channel_close(&lf->lanes[i].ch);
		stream_close(&lf->lanes[i].attempt.stream);
		stream_close(&lf->lanes[i].spoilt);
	}
	close_cleanup(&lf->timer);
	close_cleanup(&f->fd);
	free(lf);
}

static const struct fetch_ops lanes_fetch_ops = {
	.request_max = MESSAGE_PAGES_MAX * PAGE_SIZE,
	.window_min = FETCH_WINDOW_MIN,
	.window_max = 4 << 20,
	.overtakes = true,
	.ask = lanes_ask,
	.receive = lanes_receive,
	.close = lanes_close,
	.leave = lanes_leave,
	.free = lanes_free,
};

static int set_up(struct lanes_fetch *lf)
{
	struct lane *bulk = &lf->lanes[HELLO_BULK], *faults = &lf->lanes[HELLO_FAULTS];
	struct epoll_event event = { .events = EPOLLIN };
	int err = tcp_peer(bulk->ch.stream.fd, &lf->server);

	if (err)
		return err;
	if (lf->timer < 0 || lf->base.fd < 0 ||
	    epoll_ctl(lf->base.fd, EPOLL_CTL_ADD, lf->timer, &event) < 0)
		return log_errno(-errno, "page server: cannot watch a session");
	bulk->open = true;
	faults->number = HELLO_FAULTS;
	set_lost(lf, faults, MAX(retry_ns(lf), FRESH_NS));
	watch_lane(lf, bulk);
	return lanes_receive(&lf->base);
}

int page_fetch_lanes_new(struct stream stream, uint64_t session, const struct fetch_options *opts,
			 struct page_fetch **fetch)
{
	struct lanes_fetch *lf = calloc(1, sizeof(*lf));
	int err;

	if (!lf) {
		stream_close(&stream);
		return log_errno(-ENOMEM, "page server: no session");
	}
	lf->opts = *opts;
	lf->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	fetch_init(&lf->base, &lanes_fetch_ops, epoll_create1(EPOLL_CLOEXEC));
	lf->base.session = session;
	for (size_t i = 0; i < HELLO_LANES; i++)
		lf->lanes[i].ch.stream = lf->lanes[i].spoilt =
			lf->lanes[i].attempt.stream = STREAM_CLOSED;
	channel_open(&lf->lanes[HELLO_BULK].ch, stream);
	err = set_up(lf);
	if (err) {
		page_fetch_free(&lf->base);
		return err;
	}
	*fetch = &lf->base;
	return 0;
}
