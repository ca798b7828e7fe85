// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS under sessions of pages: who is believed, and what is said to who is not; what becomes
 * of bytes that are cut or changed on their way; and whole sessions, of each protocol.
 */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/dir.h"
#include "pages/fetch.h"
#include "pages/hello.h"
#include "pages/link.h"
#include "pages/pagemap.h"
#include "pages/receive.h"
#include "pages/sink.h"
#include "pages/test-certs.h"
#include "pages/test-lent.h"
#include "pages/test-session.h"
#include "pages/tls.h"
#include "sys/tcp.h"
#include "util/io.h"
#include "util/macro.h"

static char dir[] = "/tmp/tls-test-XXXXXX";

static const struct certs_row certs[] = {
	{ "authority", NULL, NULL, -10, 10 },
	{ "foreign-authority", NULL, NULL, -10, 10 },
	{ "good", "authority", HERE, -10, 10 },
	{ "nameless", "authority", NULL, -10, 10 },
	{ "elsewhere", "authority", "10.1.2.3", -10, 10 },
	{ "past", "authority", HERE, -10, -1 },
	{ "to-come", "authority", HERE, 1, 10 },
	{ "revoked", "authority", HERE, -10, 10 },
	{ "stranger", "foreign-authority", HERE, -10, 10 },
};

struct end {
	const char *cert;		/* NULL: it is a plain one */
	const char *authority;		/* NULL: the usual one */
	const char *list;
	const char *name;
};

static const char *path(char buf[64], const char *name, const char *suffix)
{
	if (!name)
		return NULL;
	assert_true(snprintf(buf, 64, "%s/%s.%s", dir, name, suffix) < 64);
	return buf;
}

static int load(const struct end *end, struct tls **tls)
{
	char ca[64], crl[64], cert[64], key[64];
	const struct tls_files files = {
		.cacert = path(ca, end->authority ? end->authority : "authority", "pem"),
		.cacrl = path(crl, end->list, "pem"), .cert = path(cert, end->cert, "pem"),
		.key = path(key, end->cert, "key"), .name = end->name,
	};

	*tls = NULL;
	return end->cert ? tls_load(&files, tls) : 0;
}

static struct tls *load_good(const char *name)
{
	struct tls *tls;

	assert_int_equal(load(&(struct end){ .cert = "good", .name = name }, &tls), 0);
	return tls;
}

static int make_certs(void **state)
{
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++)
		certs_make(dir, &certs[i]);
	certs_revoke(dir, "authority", "revoked", "list", -1, 10);
	certs_revoke(dir, "authority", "revoked", "old-list", -5, -1);
	return 0;
}

static int remove_entry(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int remove_certs(void **state)
{
	return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Who connects, and who accepts. */
static void make_pair(struct tls *connects, struct tls *accepts, struct stream pair[2])
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(tls_open(connects, TLS_CONNECTS, fds[0], &pair[0]), 0);
	assert_int_equal(tls_open(accepts, TLS_ACCEPTS, fds[1], &pair[1]), 0);
}

static void close_pair(struct stream pair[2])
{
	stream_close(&pair[0]);
	stream_close(&pair[1]);
}

/* Until both have an opinion, which is a byte of the other one, too. */
static void shake_hands(struct stream pair[2], int result[2])
{
	bool open[2] = { true, true };

	result[0] = result[1] = -EAGAIN;
	for (int turn = 0; turn < 20; turn++) {
		for (int i = 0; i < 2; i++) {
			char byte = 'x';

			if (!open[i])
				continue;
			result[i] = stream_begin(&pair[i]);
			if (!result[i] && turn < 10)
				result[i] = stream_send_all(&pair[i], &byte, 1, MSG_DONTWAIT);
			if (!result[i])
				result[i] = stream_receive(&pair[i], &byte, 1, MSG_DONTWAIT);
			if (result[i] == -EAGAIN || result[i] == 1)
				continue;
			/* As who gives up does. */
			open[i] = false;
			shutdown(pair[i].fd, SHUT_WR);
		}
	}
}

static void test_trust(void **state)
{
	static const struct row {
		struct end asks, gives;
		const char *asks_why, *gives_why;
	} rows[] = {
		{ { .cert = "good", .name = HERE }, { .cert = "good" }, NULL, NULL },
		{ { .cert = "nameless", .name = HERE }, { .cert = "good" }, NULL, NULL },
		{ { .cert = "nameless", .list = "list" }, { .cert = "nameless", .list = "list" },
		  NULL, NULL },
		{ { .cert = "good", .name = HERE }, { .cert = "nameless" },
		  "not for what --address", "refuses our certificate" },
		{ { .cert = "good", .name = HERE }, { .cert = "elsewhere" },
		  "not for what --address", "refuses our certificate" },
		{ { .cert = "good" }, { .cert = "elsewhere" }, NULL, NULL },
		{ { .cert = "good" }, { .cert = "past" }, "has expired",
		  "our certificate has expired" },
		{ { .cert = "good" }, { .cert = "to-come" }, "not valid yet",
		  "our certificate has expired" },
		{ { .cert = "good", .list = "list" }, { .cert = "revoked" }, "its certificate was "
		  "revoked", "our certificate was revoked" },
		{ { .cert = "good" }, { .cert = "revoked" }, NULL, NULL },
		/* Better than none. */
		{ { .cert = "good", .list = "old-list" }, { .cert = "revoked" }, "its certificate "
		  "was revoked", "our certificate was revoked" },
		{ { .cert = "good", .list = "old-list" }, { .cert = "good" }, NULL, NULL },
		{ { .cert = "good" }, { .cert = "stranger" }, "not signed by our CA",
		  "not signed by its CA" },
		{ { .cert = "past" }, { .cert = "good" }, "our certificate has expired",
		  "has expired" },
		{ { .cert = "revoked" }, { .cert = "good", .list = "list" },
		  "our certificate was revoked", "its certificate was revoked" },
		{ { .cert = "stranger", .authority = "authority" }, { .cert = "good" },
		  "not signed by its CA", "not signed by our CA" },
		{ { .cert = "good", .authority = "foreign-authority" }, { .cert = "good" },
		  "not signed by our CA", "not signed by its CA" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why[2] = { rows[i].asks_why, rows[i].gives_why };
		struct tls *tls[2];
		struct stream pair[2];
		int result[2];

		assert_int_equal(load(&rows[i].asks, &tls[0]), 0);
		assert_int_equal(load(&rows[i].gives, &tls[1]), 0);
		make_pair(tls[0], tls[1], pair);
		shake_hands(pair, result);
		for (int end = 0; end < 2; end++) {
			const bool good = !why[end] ? result[end] == 1 || result[end] == -EAGAIN :
				result[end] < 0 && pair[end].why && strstr(pair[end].why, why[end]);

			if (!good)
				fail_msg("row %zu, %s: %d, %s", i, end ? "gives" : "asks",
					 result[end], pair[end].why);
			tls_put(tls[end]);
		}
		close_pair(pair);
	}
}

/* Who does not speak TLS is told from who does, by either. */
static void test_plain_peer(void **state)
{
	const struct page_frame frame = { .command = FRAME_PARENT, .target = HELLO_TARGET };
	struct tls *tls = load_good(NULL);
	struct stream pair[2];
	struct hello h;

	make_pair(NULL, tls, pair);
	assert_int_equal(stream_send_all(&pair[0], &frame, sizeof(frame), 0), 0);
	assert_int_equal(stream_begin(&pair[1]), -EPROTO);
	assert_non_null(strstr(pair[1].why, "does not speak TLS"));
	/* That it was told so looks like no answer to a hello. */
	hello_ask_init(&h, &none, 0, HELLO_BULK, 0);
	assert_int_equal(hello_ask(&h, &pair[0]), -EACCES);
	assert_non_null(strstr(h.why, "it speaks TLS"));
	close_pair(pair);

	make_pair(tls, NULL, pair);
	assert_int_equal(stream_begin(&pair[0]), -EAGAIN);
	hello_hear_init(&h, &none);
	assert_int_equal(hello_hear(&h, &pair[1]), HELLO_NONE);
	assert_true(frame_is_tls(h.frame.command));
	stream_close(&pair[1]);
	assert_int_equal(stream_begin(&pair[0]), -ECONNRESET);
	assert_non_null(strstr(pair[0].why, "does it have --tls"));
	stream_close(&pair[0]);

	/* Half a record is the beginning of one that was cut. */
	for (size_t cut = 1; cut < 9; cut++) {
		make_pair(tls, NULL, pair);
		assert_int_equal(stream_begin(&pair[0]), -EAGAIN);
		assert_int_equal(stream_send_all(&pair[1], "\x16\x03\x03\x00\x40\x02\x00\x00\x3c",
						 cut, 0), 0);
		assert_int_equal(stream_begin(&pair[0]), -EAGAIN);
		shutdown(pair[1].fd, SHUT_WR);
		assert_int_equal(stream_begin(&pair[0]), -ECONNRESET);
		close_pair(pair);
	}
	tls_put(tls);
}

static void begin_pair(struct stream pair[2])
{
	struct tls *asks = load_good(HERE), *gives = load_good(NULL);
	int begun[2] = { -EAGAIN, -EAGAIN };

	make_pair(asks, gives, pair);
	for (int turn = 0; turn < 10; turn++)
		for (int i = 0; i < 2; i++)
			begun[i] = stream_begin(&pair[i]);
	assert_true(!begun[0] && !begun[1]);
	assert_int_equal(stream_raw_fd(&pair[0]), -1);
	/* Streams have their own share of it. */
	tls_put(asks);
	tls_put(gives);
}

/* One record, which is taken from the socket as a whole, and asked for in parts. */
static void test_pending(void **state)
{
	struct stream pair[2];
	struct pollfd pfd;
	char buf[100] = "something", got[100];

	begin_pair(pair);
	pfd = (struct pollfd){ .fd = pair[1].fd, .events = POLLIN };
	assert_int_equal(stream_receive(&pair[1], got, 1, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(stream_send_all(&pair[0], buf, sizeof(buf), 0), 0);
	assert_false(stream_pending(&pair[1]));
	assert_int_equal(stream_receive(&pair[1], got, 1, MSG_DONTWAIT), 1);
	assert_true(stream_pending(&pair[1]));
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(stream_receive_all(&pair[1], got + 1, sizeof(got) - 1), sizeof(got) - 1);
	assert_memory_equal(buf, got, sizeof(buf));
	assert_false(stream_pending(&pair[1]));
	close_pair(pair);
}

/* More than the socket has room for: what was not taken is given again, and comes once. */
static void test_full(void **state)
{
	enum { SIZE = 3 << 20 };
	static char out[SIZE], in[SIZE];
	struct stream pair[2];
	size_t sent = 0, got = 0, full = 0;

	for (size_t i = 0; i < SIZE; i++)
		out[i] = random();
	begin_pair(pair);
	while (got < SIZE) {
		/* Also when there is more by now. */
		size_t len = MIN(SIZE - sent, full % 2 ? 50000UL : 20000);
		ssize_t n = len ? stream_send(&pair[0], out + sent, len, MSG_DONTWAIT) : 0;

		assert_true(n >= 0 || n == -EAGAIN);
		if (n > 0) {
			sent += n;
			continue;
		}
		full++;
		do {
			n = stream_receive(&pair[1], in + got, SIZE - got, MSG_DONTWAIT);
			got += MAX(n, 0L);
		} while (n > 0 && got < SIZE);
		assert_true(n > 0 || n == -EAGAIN);
	}
	assert_true(full > 1 && sent == SIZE);
	assert_memory_equal(in, out, SIZE);
	close_pair(pair);
}

/* An end that was not said is a cut; and a changed byte is found, wherever it is. */
static void test_ends(void **state)
{
	struct stream pair[2];
	char page[PAGE_SIZE] = "", got;

	begin_pair(pair);
	stream_end(&pair[0]);
	stream_close(&pair[0]);
	assert_int_equal(stream_receive(&pair[1], &got, 1, 0), 0);
	stream_close(&pair[1]);

	begin_pair(pair);
	stream_close(&pair[0]);
	assert_int_equal(stream_receive(&pair[1], &got, 1, 0), -ECONNRESET);
	stream_close(&pair[1]);

	for (size_t at = 5; at < 200; at += 13) {
		char record[PAGE_SIZE + 100];
		ssize_t n;

		begin_pair(pair);
		assert_int_equal(stream_send_all(&pair[0], page, sizeof(page), 0), 0);
		/* What is in the socket of one end, changed, in that of the other. */
		n = recv(pair[1].fd, record, sizeof(record), 0);
		assert_true(n > (ssize_t)sizeof(page));
		record[at] ^= 4;
		assert_int_equal(write_all(pair[0].fd, record, n), 0);
		assert_int_equal(stream_receive(&pair[1], &got, 1, MSG_DONTWAIT), -EBADMSG);
		assert_non_null(pair[1].why);
		close_pair(pair);
	}
}

static void test_files(void **state)
{
	char cert[64], key[64], ca[64];
	const struct tls_files good = {
		.cacert = path(ca, "authority", "pem"), .cert = path(cert, "good", "pem"),
		.key = path(key, "good", "key"),
	};
	char other[64];
	struct tls *tls = NULL;
	struct tls_files bad = good;

	bad.cert = path(other, "nobody", "pem");
	assert_int_equal(tls_load(&bad, &tls), -ENOENT);
	bad = good;
	bad.cacrl = path(other, "nobody", "pem");
	assert_int_equal(tls_load(&bad, &tls), -ENOENT);
	bad = good;
	bad.key = path(other, "past", "key");
	assert_int_equal(tls_load(&bad, &tls), -EINVAL);
	bad = good;
	bad.cacert = "/dev/null";
	assert_int_equal(tls_load(&bad, &tls), -EINVAL);
	bad = good;
	bad.cacrl = path(other, "good", "key");
	assert_int_equal(tls_load(&bad, &tls), -EINVAL);
	assert_null(tls);
}

/* Whole sessions have these ends. */
static int set_ends(void **state)
{
	session_asks = load_good(HERE);
	session_gives = load_good(NULL);
	return 0;
}

static int clear_ends(void **state)
{
	tls_put(take_ptr(session_asks));
	tls_put(take_ptr(session_gives));
	return 0;
}

static void test_lanes(void **state)
{
	int mem = lent_memory();
	uint16_t port;
	pid_t pid = start_lending(mem, 0, &port);

	end_session(start_asking(port, 0), pid, mem);
}

/* Who is cut off as soon as both are believed has said nothing yet: he is waited for. */
static void test_silent(void **state)
{
	int mem = lent_memory();
	uint16_t port;
	pid_t pid = start_lending(mem, 0, &port);
	struct stream stream;

	assert_int_equal(tls_open(session_asks, TLS_CONNECTS,
				  tcp_connect(HERE, port, PATIENCE_MS), &stream), 0);
	assert_int_equal(stream_begin_wait(&stream, PATIENCE_MS), 0);
	stream_close(&stream);
	end_session(start_asking(port, 0), pid, mem);
}

/* Without a hello it is CRIU's protocol. */
static void test_plain_protocol(void **state)
{
	int mem = lent_memory();
	uint16_t port;
	pid_t pid = start_lending(mem, 0, &port);
	struct stream stream;
	struct page_fetch *f;

	assert_int_equal(tls_open(session_asks, TLS_CONNECTS,
				  tcp_connect(HERE, port, PATIENCE_MS), &stream), 0);
	assert_int_equal(stream_begin_wait(&stream, PATIENCE_MS), 0);
	assert_int_equal(page_fetch_new(stream, &f), 0);
	end_session(f, pid, mem);
}

/* Cut anywhere, also in the first handshake, each session is whole in the end. */
static void test_cuts(void **state)
{
	int mem = lent_memory();

	for (int i = 0; i < 12; i++) {
		struct between b = { .at = 2000 + random() % 400000, .times = 1 + random() % 3 };

		assert_int_equal(session_between(b, mem, 10), 0);
		b.requests = true;
		b.at = 2000 + random() % 3000;
		assert_int_equal(session_between(b, mem, 3), 0);
	}
	for (long at = 0; at < 2000; at += 133) {
		struct between b = { .at = at, .times = 2 };

		assert_int_equal(session_between(b, mem, 10), 0);
		b.requests = true;
		assert_int_equal(session_between(b, mem, 10), 0);
	}
	assert_int_equal(session_between((struct between){ .at = -1, .late_ms = 500 }, mem, 20), 0);
	assert_int_equal(session_between((struct between){ .at = 111, .times = 1,
							   .requests = true }, mem, 0),
			 -ECONNREFUSED);
	assert_int_equal(session_between((struct between){ .at = 6000, .times = 1 }, mem, 0),
			 -ECONNRESET);
	close(mem);
}

static void test_damage(void **state)
{
	int mem = lent_memory();

	for (int i = 0; i < 10; i++)
		assert_int_equal(session_between((struct between){
			.at = 2000 + random() % 200000, .times = 1, .damage = true }, mem, 5), 0);
	close(mem);
}

/* The dump's half of a session with a page server, in a process of its own. */
static pid_t start_sending(struct stream pair[2])
{
	pid_t pid = fork();

	if (pid == 0) {
		char own[] = "/tmp/tls-test-dump-XXXXXX";
		int memory = lent_memory(), failed = 0;
		struct image_dir *images = NULL;
		struct page_link *link;
		struct page_sink *sink;
		char page[PAGE_SIZE];

		close(pair[1].fd);
		failed += stream_begin_wait(&pair[0], PATIENCE_MS) != 0;
		failed += !mkdtemp(own) || image_dir_open(own, &images);
		failed += failed || page_link_new(pair[0], &link);
		failed += failed || page_sink_open(images, link, IMAGE_PAGEMAP, PID, 1, &sink);
		if (failed)
			_exit(failed);
		failed += page_sink_fd(sink) != -1;
		failed += page_sink_extent(sink, AT(1), 1, PAGE_PRESENT) != 0;
		lent_page(page, 1);
		failed += page_sink_data(sink, page, sizeof(page)) != 0;
		failed += page_sink_extent(sink, AT(2), N_PAGES - 2, PAGE_PRESENT) != 0;
		failed += page_sink_data_from_file(sink, memory, AT(2), AT(N_PAGES - 2)) != 0;
		failed += page_sink_close(sink) != 0;
		failed += page_link_close(link) != 0;
		image_dir_free(images);
		rmdir(own);
		_exit(failed);
	}
	stream_close(&pair[0]);
	return pid;
}

static void test_store(void **state)
{
	char store[] = "/tmp/tls-test-store-XXXXXX", page[PAGE_SIZE];
	const struct page_extent *e;
	struct image_dir *images;
	struct page_map *map;
	struct stream pair[2];
	pid_t pid;

	assert_non_null(mkdtemp(store));
	assert_int_equal(image_dir_open(store, &images), 0);
	make_pair(session_asks, session_gives, pair);
	pid = start_sending(pair);
	assert_int_equal(stream_begin_wait(&pair[1], PATIENCE_MS), 0);
	assert_int_equal(page_receive(&pair[1], images), 0);
	wait_end(pid);
	stream_close(&pair[1]);
	assert_int_equal(page_map_load(images, IMAGE_PAGEMAP, PID, &map), 0);
	e = page_map_find(map, AT(1));
	assert_true(e && e->start == AT(1) && e->len == AT(N_PAGES - 1));
	for (uint64_t i = 1; i < N_PAGES; i++) {
		assert_int_equal(pread_all(map->files[e->file].fd, page, PAGE_SIZE,
					   e->offset + AT(i - 1)), PAGE_SIZE);
		lent_check(page, PAGE_SIZE, AT(i));
	}
	page_map_free(map);
	image_dir_free(images);
	nftw(store, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_plain_peer),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_files),
		cmocka_unit_test_setup_teardown(test_lanes, set_ends, clear_ends),
		cmocka_unit_test_setup_teardown(test_silent, set_ends, clear_ends),
		cmocka_unit_test_setup_teardown(test_plain_protocol, set_ends, clear_ends),
		cmocka_unit_test_setup_teardown(test_cuts, set_ends, clear_ends),
		cmocka_unit_test_setup_teardown(test_damage, set_ends, clear_ends),
		cmocka_unit_test_setup_teardown(test_store, set_ends, clear_ends),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
