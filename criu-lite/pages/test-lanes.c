// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lazy session between two of ours, from both ends, over TCP: each meets the other one, also
 * through somebody who cuts and damages what they say, and a peer made by hand, who says
 * whatever he likes. No byte is taken for a page that is not the one that was asked for.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pages/answer.h"
#include "pages/channel.h"
#include "pages/fetch.h"
#include "pages/hello.h"
#include "pages/lend.h"
#include "pages/test-lent.h"
#include "pages/test-session.h"
#include "sys/tcp.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

static void test_session(void **state)
{
	int mem = lent_memory();
	uint16_t port;
	pid_t pid = start_lending(mem, 0, &port);

	end_session(start_asking(port, 0), pid, mem);
}

/* Cut anywhere, each session is whole in the end, and there is no wrong page. */
static void test_cuts(void **state)
{
	const size_t hello = sizeof(struct hello_offer) + sizeof(struct hello_verdict);
	int mem = lent_memory();

	/* The hello, and every byte of the first message behind it. */
	for (long at = 0; at < (long)hello; at += 9)
		assert_int_equal(session_between((struct between){ .at = at, .times = 3 }, mem,
						 10), 0);
	for (long at = hello; at < (long)hello + 120; at += at < (long)hello + 40 ? 1 : 13)
		assert_int_equal(session_between((struct between){ .at = at, .times = 2 }, mem,
						 10), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(session_between((struct between){
			.at = hello + random() % 500000, .times = 1 + random() % 4 }, mem, 10), 0);
	for (long at = sizeof(struct page_frame); at < 32 * 20; at += 11)
		assert_int_equal(session_between((struct between){
			.at = at, .times = 2, .requests = true }, mem, 3), 0);
	/* Without --retry each cut is the end. */
	assert_int_equal(session_between((struct between){ .at = 40, .times = 1 }, mem, 0),
			 -ECONNREFUSED);
	assert_int_equal(session_between((struct between){ .at = hello + 5000, .times = 1 }, mem,
					 0), -ECONNRESET);
	close(mem);
}

/* One damaged byte is asked for again, also without --retry; one that is always is an error. */
static void test_damage(void **state)
{
	const long hello = sizeof(struct hello_offer) + sizeof(struct hello_verdict);
	int mem = lent_memory();

	for (int i = 0; i < 40; i++)
		assert_int_equal(session_between((struct between){
			.at = hello + (i < 33 ? i : random() % 200000), .times = 1,
			.damage = true }, mem, 0), 0);
	assert_int_equal(session_between((struct between){ .at = hello + 3000, .times = 1000,
							   .damage = true }, mem, 0), -EBADMSG);
	close(mem);
}

/* The peer by hand. */
struct hand {
	struct channel lanes[HELLO_LANES];
};

static int hand_accept(int listener, struct hand *h)
{
	struct stream stream = stream_plain(tcp_accept(listener, PATIENCE_MS));
	struct pollfd pfd = { .fd = stream.fd, .events = POLLIN };
	int err;
	struct hello hello;

	hello_hear_init(&hello, &none);
	while ((err = hello_hear(&hello, &stream)) == -EAGAIN)
		poll(&pfd, 1, -1);
	if (err || hello_answer(&hello, &stream, HELLO_WELCOME, 5))
		_exit(2);
	channel_open(&h->lanes[hello.said.claim.lane], stream);
	return hello.said.claim.lane;
}

static void hand_receive(struct channel *ch)
{
	struct pollfd pfd = { .fd = ch->stream.fd, .events = POLLIN };
	int r;

	while (!(r = channel_receive(ch)))
		poll(&pfd, 1, -1);
	if (r < 0)
		_exit(3);
}

static void hand_send(struct channel *ch, struct message m, const void *payload)
{
	if (channel_send(ch, &m, payload) || channel_flush(ch))
		_exit(4);
}

/* Starts @work in a process, as the dump that is at *port. */
static pid_t start_hand(void (*work)(struct hand *h, int listener, int arg), int arg,
			uint16_t *port)
{
	int listener = make_listener(port);
	pid_t pid = fork();

	if (pid == 0) {
		static struct hand h;

		hand_accept(listener, &h);
		hand_accept(listener, &h);
		work(&h, listener, arg);
		_exit(0);
	}
	close(listener);
	return pid;
}

static struct message answer_to(const struct message *asked, unsigned int first, unsigned int n)
{
	return (struct message){ .type = MESSAGE_PAGES, .id = asked->id, .pid = asked->pid,
				 .vaddr = asked->vaddr + first * PAGE_SIZE, .nr_pages = n,
				 .len = n * PAGE_SIZE };
}

static void send_pages(struct channel *ch, const struct message *asked, unsigned int first,
		       unsigned int n)
{
	static char data[MESSAGE_PAGES_MAX * PAGE_SIZE];

	for (unsigned int i = 0; i < n; i++)
		lent_page(data + i * PAGE_SIZE, (asked->vaddr >> PAGE_SHIFT) + first + i);
	hand_send(ch, answer_to(asked, first, n), data);
}

#define PIECE 8

/* Four requests, answered from the last to the first, each in pieces that take turns. */
static void answer_backwards(struct hand *h, int listener, int arg)
{
	struct channel *bulk = &h->lanes[HELLO_BULK];
	struct message asked[4];

	for (int i = 0; i < 4; i++) {
		hand_receive(bulk);
		asked[i] = bulk->head;
	}
	for (unsigned int first = 0; first < PIECE; first += PIECE / 4)
		for (int i = 3; i >= 0; i--)
			send_pages(bulk, &asked[i], first, PIECE / 4);
	hand_receive(bulk);
	if (bulk->head.type != MESSAGE_CLOSE)
		_exit(5);
	hand_send(bulk, (struct message){ .type = MESSAGE_CLOSED }, NULL);
	hand_receive(bulk);
	if (bulk->head.type != MESSAGE_LEAVE)
		_exit(6);
}

static void test_backwards(void **state)
{
	uint16_t port;
	pid_t pid = start_hand(answer_backwards, 0, &port);
	struct page_fetch *f = start_asking(port, 0);
	uint64_t asked;

	assert_non_null(f);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(page_fetch_ahead(f, PID, AT(64 + i * PIECE), AT(PIECE), &asked),
				 0);
		assert_int_equal(asked, AT(PIECE));
	}
	assert_int_equal(fetch_all(f, AT(64), AT(64 + 4 * PIECE), AT(32)), 0);
	assert_int_equal(page_fetch_close(f), 0);
	wait_end(pid);
}

/* A fault is asked for on its own lane, also when its page is on its way on the other. */
static void answer_faults_only(struct hand *h, int listener, int arg)
{
	struct channel *faults = &h->lanes[HELLO_FAULTS];

	hand_receive(&h->lanes[HELLO_BULK]);
	hand_receive(faults);
	send_pages(faults, &faults->head, 0, 1);
	pause();
}

static void test_overtakes(void **state)
{
	uint16_t port;
	pid_t pid = start_hand(answer_faults_only, 0, &port);
	struct page_fetch *f = start_asking(port, 0);
	uint64_t asked, got;
	const void *data;

	assert_non_null(f);
	assert_int_equal(page_fetch_ahead(f, PID, AT(64), AT(32), &asked), 0);
	assert_int_equal(asked, AT(32));
	while (page_fetch_get(f, PID, AT(70), AT(1), &data, &got) == -EAGAIN) {
		assert_int_equal(page_fetch_hurry(f, PID, AT(70)), 0);
		wait_input(f);
		assert_int_equal(page_fetch_receive(f), 0);
	}
	lent_check(data, got, AT(70));
	page_fetch_free(f);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define N_LIES 15

/* One sound message that answers nothing that was asked: two pages at 64. */
static void lie(struct hand *h, int listener, int arg)
{
	struct channel *bulk = &h->lanes[HELLO_BULK];
	static char data[4 * PAGE_SIZE];
	struct message m, asked;

	hand_receive(bulk);
	asked = bulk->head;
	m = answer_to(&asked, 0, 2);
	switch (arg) {
	case 0: m.id++; break;
	case 1: m.id = 0; break;
	case 2: m.pid++; break;
	case 3: m.vaddr += PAGE_SIZE; break;
	case 4: m.vaddr -= PAGE_SIZE; break;
	case 5: m.vaddr++; break;
	case 6: m = answer_to(&asked, 0, 3); break;
	case 7: m.len = PAGE_SIZE; break;
	case 8: m.flags = MESSAGE_LZ4; m.len = 100; break;
	case 9: m.flags = MESSAGE_ZERO | MESSAGE_LZ4; m.len = 100; break;
	case 10: m = (struct message){ .type = MESSAGE_CLOSED }; break;
	case 11: m = (struct message){ .type = MESSAGE_CLOSE }; break;
	case 12: m = asked; break;
	case 13: m = (struct message){ .type = 99 }; break;
	case 14: send_pages(bulk, &asked, 0, 2); break;	/* and again */
	}
	hand_send(bulk, m, data);
	pause();
}

/* Returns how a session with a peer by hand ends who has to answer for two pages at 64. */
static int ask_two(uint16_t port, unsigned int retry)
{
	struct page_fetch *f = start_asking(port, retry);
	uint64_t asked;
	int err;

	assert_non_null(f);
	assert_int_equal(page_fetch_ahead(f, PID, AT(64), AT(2), &asked), 0);
	do {
		wait_input(f);
		err = page_fetch_receive(f);
	} while (!err);
	page_fetch_free(f);
	return err;
}

static void test_lies(void **state)
{
	for (int i = 0; i < N_LIES; i++) {
		uint16_t port;
		pid_t pid = start_hand(lie, i, &port);

		/* However patient we are with a connection. */
		if (ask_two(port, 60) != -EPROTO)
			fail_msg("lie %d", i);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void give_up(struct hand *h, int listener, int arg)
{
	hand_receive(&h->lanes[HELLO_BULK]);
	if (arg)
		hand_send(&h->lanes[HELLO_BULK],
			  (struct message){ .type = MESSAGE_FAIL, .id = ESRCH }, NULL);
}

/* Who says that he has failed is not waited for; who goes without a word is. */
static void test_given_up(void **state)
{
	for (int says = 0; says < 2; says++) {
		uint64_t start = clock_ns(), took;
		uint16_t port;
		pid_t pid = start_hand(give_up, says, &port);
		int err = ask_two(port, says ? 60 : 1);

		took = clock_ns() - start;
		assert_true(says ? err == -ECONNRESET && took < 30000000000ULL :
				   err == -ECONNREFUSED && took >= 1000000000ULL);
		wait_end(pid);
	}
}

/* --on-loss=wait: it is told, and nothing else comes of it. */
static void test_wait(void **state)
{
	const struct fetch_options opts = { .token = &none, .wait = true };
	uint64_t asked, got, end;
	struct page_fetch *f;
	const void *data;
	uint16_t port;
	pid_t pid = start_hand(give_up, 0, &port);

	assert_int_equal(page_fetch_open(HERE, port, -1, &opts, &f), 0);
	assert_int_equal(page_fetch_ahead(f, PID, AT(64), AT(2), &asked), 0);
	end = clock_ns() + 1500000000ULL;
	while (clock_ns() < end) {
		wait_input(f);
		assert_int_equal(page_fetch_receive(f), 0);
		assert_int_equal(page_fetch_get(f, PID, AT(64), AT(2), &data, &got), -EAGAIN);
	}
	assert_true(page_fetch_lost(f));
	/* Who has everything does not wait for ever. */
	assert_int_equal(page_fetch_close(f), -ECONNREFUSED);
	wait_end(pid);
}

/* On a connection of its own. 1: the other end has something to say; else what it thinks of us. */
static int say_hello(uint16_t port, struct channel *ch, struct hello *h)
{
	struct pollfd pfd = { .events = POLLIN };
	int r;

	pfd.fd = tcp_connect(HERE, port, PATIENCE_MS);
	assert_true(pfd.fd >= 0);
	channel_open(ch, stream_plain(pfd.fd));
	while ((r = hello_ask(h, &ch->stream)) == -EAGAIN)
		poll(&pfd, 1, PATIENCE_MS);
	return r;
}

static int ask_by_hand(uint16_t port, uint64_t session, enum hello_lane lane, uint32_t retry,
		       struct channel *ch, struct hello *h)
{
	hello_ask_init(h, &none, session, lane, retry);
	return say_hello(port, ch, h);
}

static struct channel *new_channel(void)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	assert_non_null(ch);
	ch->stream = STREAM_CLOSED;
	return ch;
}

/* Whom @pid lends to on @ch, which is freed, leaves; and with that @pid ends. */
static void say_leave(struct channel *ch, pid_t pid)
{
	struct message leave = { .type = MESSAGE_LEAVE };

	assert_int_equal(channel_send(ch, &leave, NULL), 0);
	assert_int_equal(channel_flush(ch), 0);
	wait_end(pid);
	channel_close(ch);
	free(ch);
}

static const struct message two_pages = { .type = MESSAGE_GET, .id = 1, .pid = PID,
					  .vaddr = AT(64), .nr_pages = 2 };

static void test_hostile(void **state)
{
	static const struct message rows[] = {
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(15), .nr_pages = 1 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(31), .nr_pages = 2 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(32), .nr_pages = 1 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(N_PAGES - 1), .nr_pages = 2 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(N_PAGES), .nr_pages = 1 },
		{ .type = MESSAGE_GET, .pid = PID + 1, .vaddr = AT(64), .nr_pages = 1 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(64) + 1, .nr_pages = 1 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(64), .nr_pages = 0 },
		{ .type = MESSAGE_GET, .pid = PID, .vaddr = AT(64), .nr_pages = UINT16_MAX },
		{ .type = MESSAGE_PAGES, .pid = PID, .vaddr = AT(64), .nr_pages = 1,
		  .flags = MESSAGE_ZERO },
		{ .type = MESSAGE_CLOSED },
		{ .type = MESSAGE_FAIL },
		{ .type = 99 },
	};
	int mem = lent_memory();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct channel *ch = new_channel();
		struct message m = rows[i];
		struct hello h;
		uint16_t port;
		pid_t pid = start_lending(mem, -EPROTO, &port);

		assert_int_equal(ask_by_hand(port, 0, HELLO_BULK, 60, ch, &h), 0);
		assert_int_equal(channel_send(ch, &m, NULL), 0);
		assert_int_equal(channel_flush(ch), 0);
		hand_receive(ch);
		assert_int_equal(ch->head.type, MESSAGE_FAIL);
		assert_int_equal(ch->head.id, EPROTO);
		wait_end(pid);
		channel_close(ch);
		free(ch);
	}
	close(mem);
}

/* Who leaves after any byte, and does not come back, has not taken anything. */
static void test_requests_cut(void **state)
{
	struct message said[2] = { two_pages, { .type = MESSAGE_CLOSE } };
	int mem = lent_memory();

	message_seal(&said[0], NULL);
	message_seal(&said[1], NULL);
	for (size_t cut = 0; cut <= sizeof(said); cut += 4) {
		struct channel *ch = new_channel();
		struct hello h;
		uint16_t port;
		/* Whole, it is over, and nobody hears it. */
		pid_t pid = start_lending(mem, -ECONNRESET, &port);

		assert_int_equal(ask_by_hand(port, 0, HELLO_BULK, 0, ch, &h), 0);
		assert_int_equal(write_all(ch->stream.fd, said, cut), 0);
		channel_close(ch);
		wait_end(pid);
		free(ch);
	}
	close(mem);
}

/* Strangers are sent away while a session is there, and while it is looked for. */
static void test_strangers(void **state)
{
	struct channel *ch = new_channel(), *other = new_channel();
	struct message close_it = { .type = MESSAGE_CLOSE };
	const struct page_frame plain = { .command = FRAME_GET, .nr_pages = 1, .vaddr = AT(64),
					  .target = PID };
	int mem = lent_memory();
	struct hello h;
	uint64_t session;
	uint16_t port;
	pid_t pid = start_lending(mem, 0, &port);
	char byte;

	assert_int_equal(ask_by_hand(port, 0, HELLO_BULK, 60, ch, &h), 0);
	session = h.said.verdict.session;
	for (int lost = 0; lost < 2; lost++) {
		assert_int_equal(ask_by_hand(port, 0, HELLO_BULK, 0, other, &h), -EACCES);
		assert_int_equal(h.said.verdict.code, HELLO_TAKEN);
		channel_close(other);
		assert_int_equal(ask_by_hand(port, session + 1, HELLO_BULK, 0, other, &h),
				 -EACCES);
		assert_int_equal(h.said.verdict.code, HELLO_NO_SESSION);
		channel_close(other);
		channel_open(other, stream_plain(tcp_connect(HERE, port, PATIENCE_MS)));
		assert_int_equal(write_all(other->stream.fd, &plain, sizeof(plain)), 0);
		assert_true(recv(other->stream.fd, &byte, 1, 0) <= 0);
		channel_close(other);
		channel_close(ch);
	}
	/* CLOSE is said, the connection is lost, and it is said again. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask_by_hand(port, session, HELLO_BULK, 60, ch, &h), 0);
		assert_int_equal(channel_send(ch, &close_it, NULL), 0);
		assert_int_equal(channel_flush(ch), 0);
		if (i)
			hand_receive(ch);
		assert_true(!i || ch->head.type == MESSAGE_CLOSED);
		if (i < 2)
			channel_close(ch);
	}
	say_leave(ch, pid);
	free(other);
	close(mem);
}

/* Goes @steps into a hello, as far as the answers to them, and is cut off. */
static void cut_hello(uint16_t port, struct hello *h, unsigned int steps)
{
	struct stream s = stream_plain(tcp_connect(HERE, port, PATIENCE_MS));
	struct pollfd pfd = { .fd = s.fd, .events = POLLIN };

	assert_true(s.fd >= 0);
	hello_ask_again(h);
	for (unsigned int i = 0; i < steps; i++) {
		int r = hello_ask(h, &s);

		/* All answers may be there at once. */
		if (!r)
			break;
		assert_int_equal(r, -EAGAIN);
		assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
	}
	stream_close(&s);
}

/*
 * A hello that was cut is waited for, also when it was welcome and could not know: nobody else
 * gets the session then. Who has not said that he comes back is not.
 */
static void test_hello_again(void **state)
{
	int mem = lent_memory();

	for (unsigned int steps = 1; steps <= 2; steps++) {
		struct channel *ch = new_channel(), *other = new_channel();
		struct hello h, theirs;
		uint16_t port;
		pid_t pid = start_lending(mem, -ECONNRESET, &port);

		hello_ask_init(&h, &none, 0, HELLO_BULK, 60);
		hello_ask_promise(&h, 60);
		cut_hello(port, &h, steps);
		cut_hello(port, &h, steps);
		/* And who says nothing is not he. */
		cut_hello(port, &h, 0);
		if (steps == 2) {
			assert_int_equal(ask_by_hand(port, 0, HELLO_BULK, 0, other, &theirs),
					 -EACCES);
			assert_int_equal(theirs.said.verdict.code, HELLO_TAKEN);
			channel_close(other);
		}
		hello_ask_again(&h);
		assert_int_equal(say_hello(port, ch, &h), 0);
		say_leave(ch, pid);
		free(other);

		pid = start_lending(mem, -ECONNRESET, &port);
		hello_ask_init(&h, &none, 0, HELLO_BULK, 0);
		cut_hello(port, &h, steps);
		wait_end(pid);
		pid = start_lending(mem, -ECONNRESET, &port);
		hello_ask_promise(&h, 1);
		cut_hello(port, &h, steps);
		wait_end(pid);
	}
	close(mem);
}

/* Who listens later than we ask is found, in the time that he has. */
static void test_late(void **state)
{
	const struct between late = { .at = -1, .late_ms = 1000 };
	int mem = lent_memory();
	uint64_t start;

	assert_int_equal(session_between(late, mem, 20), 0);
	assert_int_equal(session_between((struct between){ .at = 40, .times = 2, .late_ms = 300 },
					 mem, 20), 0);
	start = clock_ns();
	assert_int_equal(session_between(late, mem, 0), -ECONNREFUSED);
	assert_true(clock_ns() - start < 900000000ULL);
	start = clock_ns();
	assert_int_equal(session_between((struct between){ .at = -1, .late_ms = 60000 }, mem, 1),
			 -ECONNREFUSED);
	assert_true(clock_ns() - start >= 1000000000ULL);
	close(mem);
}

/* Says something to everybody who comes; its end tells whether that was one only. */
static pid_t start_saying(const void *what, size_t len, uint16_t *port)
{
	int listener = make_listener(port);
	pid_t pid = fork();

	if (pid == 0) {
		int sock = tcp_accept(listener, PATIENCE_MS);
		struct pollfd pfd = { .fd = listener, .events = POLLIN };

		if (sock < 0 || write_all(sock, what, len))
			_exit(2);
		_exit(poll(&pfd, 1, 500));
	}
	close(listener);
	return pid;
}

/* However long we would try: who refuses us is not asked again. */
static void test_refusals(void **state)
{
	static const struct token secret = { .secret = "of nobody but us two", .len = 20 };
	static const struct hello_offer asks_token = { .answer = HELLO_ANSWER, .token = 1,
						       .version = HELLO_VERSION };
	static const struct hello_offer newer = { .answer = HELLO_ANSWER,
						  .version = HELLO_VERSION + 1 };
	static const uint32_t plain = 0;
	static const struct {
		const void *what;
		size_t len;
		const struct token *token;
		int err;
	} rows[] = {
		{ "HTTP/1.1 400 Bad Request", 24, &none, -EPROTO },
		{ "\x15\x03\x03\x00\x02\x02\x0a", 7, &none, -EACCES },
		{ &asks_token, sizeof(asks_token), &none, -EACCES },
		{ &newer, sizeof(newer), &none, -EACCES },
		{ &plain, sizeof(plain), &secret, -EACCES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fetch_options opts = { .token = rows[i].token, .retry = 60 };
		const uint64_t start = clock_ns();
		struct page_fetch *f;
		uint16_t port;
		pid_t pid = start_saying(rows[i].what, rows[i].len, &port);

		assert_int_equal(page_fetch_open(HERE, port, -1, &opts, &f), rows[i].err);
		assert_true(clock_ns() - start < 10000000000ULL);
		wait_end(pid);
	}
}

/* Also while nobody is there, and while who is there says nothing. */
static void test_stop(void **state)
{
	const struct fetch_options opts = { .token = &none, .retry = 60 };

	for (int listens = 0; listens < 2; listens++) {
		const uint64_t start = clock_ns();
		struct page_fetch *f;
		int stop[2], listener;
		uint16_t port;
		pid_t pid;

		listener = make_listener(&port);
		if (!listens)
			close(listener);
		assert_int_equal(pipe(stop), 0);
		pid = fork();
		if (pid == 0) {
			poll(NULL, 0, 300);
			_exit(write(stop[1], "", 1) != 1);
		}
		assert_int_equal(page_fetch_open(HERE, port, stop[0], &opts, &f), -EINTR);
		assert_true(clock_ns() - start < 10000000000ULL);
		wait_end(pid);
		close(stop[0]);
		close(stop[1]);
		if (listens)
			close(listener);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_backwards),
		cmocka_unit_test(test_overtakes),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_requests_cut),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_hello_again),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_stop),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
