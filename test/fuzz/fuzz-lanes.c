// SPDX-License-Identifier: GPL-2.0-only
/*
 * What somebody says in a lazy session between ours, as either end of it, and before it is
 * one. The first byte says which: an asker's hello and then messages to a dump, a dump's
 * messages to who asks, or the hello of a dump.
 *
 * Behind it come records: a byte, a message, and as much payload as the message says. An odd
 * byte seals the message, since nobody guesses a checksum.
 */
#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pages/answer.h"
#include "pages/channel.h"
#include "pages/fetch.h"
#include "pages/hello.h"
#include "pages/lend.h"
#include "pages/pagemap.h"
#include "sys/tcp.h"
#include "test/fuzz/fetched.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

#define PID 7
#define START 0x10000UL
#define N_PAGES 4
/* So that a socket holds all that is said, and nobody has to read meanwhile. */
#define SAID_MAX (64 << 10)
#define TURNS 8

static struct page_extent extents[] = {
	{ .start = START, .len = N_PAGES * PAGE_SIZE, .flags = PAGE_LAZY },
	{ .start = START + N_PAGES * PAGE_SIZE, .len = PAGE_SIZE, .flags = PAGE_PRESENT },
};
static const struct page_map map = {
	.type = IMAGE_PAGEMAP, .key = PID, .extents = extents, .n_extents = ARRAY_SIZE(extents),
};
static const struct token none;

/* The second page is zero. */
static char content(uint64_t addr)
{
	return (addr >> PAGE_SHIFT) % N_PAGES == 1 ? 0 : 'm';
}

static int memory(void)
{
	static int fd = -1;
	char page[PAGE_SIZE];

	if (fd >= 0)
		return fd;
	fd = memfd_create("memory", MFD_CLOEXEC);
	for (uint64_t at = START; at < START + N_PAGES * PAGE_SIZE; at += PAGE_SIZE) {
		memset(page, content(at), sizeof(page));
		if (fd < 0 || pwrite(fd, page, sizeof(page), at) != sizeof(page))
			err(1, "memory");
	}
	return fd;
}

/* Makes of the records what is sent; returns its length. */
static size_t make_messages(const uint8_t *data, size_t size, char *out)
{
	size_t n = 0;

	while (size > sizeof(struct message)) {
		const bool seal = data[0] & 1;
		struct message m;
		size_t len;

		memcpy(&m, data + 1, sizeof(m));
		data += 1 + sizeof(m);
		size -= 1 + sizeof(m);
		len = MIN(m.len, size);
		if (n + sizeof(m) + len > SAID_MAX)
			break;
		/* What is missing is cut: there is nothing to seal then. */
		if (seal && len == m.len)
			message_seal(&m, data);
		memcpy(out + n, &m, sizeof(m));
		memcpy(out + n + sizeof(m), data, len);
		n += sizeof(m) + len;
		data += len;
		size -= len;
	}
	return n;
}

static void say(int sock, const void *data, size_t len)
{
	if (len && send(sock, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		err(1, "send");
}

/* Every page must be one that is lent, and what it is there. */
static void check_given(struct channel *ch)
{
	static char pages[MESSAGE_PAGES_MAX * PAGE_SIZE];

	while (channel_receive(ch) == 1) {
		const struct message *m = &ch->head;
		const uint64_t len = m->nr_pages * PAGE_SIZE;

		if (m->type != MESSAGE_PAGES)
			continue;
		if (m->pid != PID || m->vaddr < START || m->vaddr + len > START + sizeof(pages) ||
		    m->vaddr + len > START + N_PAGES * PAGE_SIZE ||
		    message_unpack(m, ch->payload, pages))
			abort();
		for (uint64_t i = 0; i < len; i++)
			if (pages[i] != content(m->vaddr + i))
				abort();
	}
}

/* Nobody waits for who leaves, and nothing is kept of a connection. */
static void leave(struct channel *ch)
{
	const struct linger reset = { .l_onoff = 1 };

	setsockopt(ch->stream.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	channel_close(ch);
}

static void to_dump(const uint8_t *data, size_t size)
{
	static int listener = -1;
	static uint16_t port;
	static struct channel ch;
	static char said[SAID_MAX];
	const struct page_offer offer = { .map = &map, .mem = memory() };
	const bool polite = size && data[0] & 1;
	struct lend_options opts = { .stop_fd = -1, .offers = &offer, .n_offers = 1,
				     .token = &none };
	struct hello h;
	struct page_lend *l;
	struct lend_plain plain;
	int r;

	if (listener < 0)
		listener = tcp_listen("127.0.0.1", &port);
	opts.listener = listener;
	channel_open(&ch, stream_plain(tcp_connect("127.0.0.1", port, 10000)));
	if (ch.stream.fd < 0 || page_lend_new(&opts, &l))
		err(1, "session");
	hello_ask_init(&h, &none, 0, HELLO_BULK, 0);
	if (polite) {
		say(ch.stream.fd, &h.frame, sizeof(h.frame));
		say(ch.stream.fd, &h.said.claim, sizeof(h.said.claim));
		say(ch.stream.fd, said, make_messages(data + 1, size - 1, said));
	} else {
		say(ch.stream.fd, data, MIN(size, (size_t)SAID_MAX));
	}
	shutdown(ch.stream.fd, SHUT_WR);
	r = page_lend_serve(l, &plain);
	if (!r)
		page_lend_close(l);
	if (r == LEND_PLAIN)
		stream_close(&plain.stream);
	page_lend_free(l);
	if (polite && recv(ch.stream.fd, &h.said.offer, sizeof(h.said.offer), MSG_WAITALL) > 0 &&
	    recv(ch.stream.fd, &h.said.verdict, sizeof(h.said.verdict), MSG_WAITALL) > 0)
		check_given(&ch);
	leave(&ch);
}

static void to_asker(const uint8_t *data, size_t size)
{
	const struct fetch_options opts = { .token = &none };
	static char said[SAID_MAX];
	struct page_fetch *f;
	uint64_t asked;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	if (page_fetch_lanes_new(stream_plain(pair[0]), 1, &opts, &f))
		abort();
	page_fetch_ahead(f, PID, START, 3 * PAGE_SIZE, &asked);
	say(pair[1], said, make_messages(data, size, said));
	shutdown(pair[1], SHUT_WR);
	/* A damaged connection is looked for, and not found. */
	for (int turn = 0; turn < TURNS && !page_fetch_receive(f); turn++)
		;
	fetched_check(f, PID, START, START + 3 * PAGE_SIZE, START + N_PAGES * PAGE_SIZE);
	page_fetch_free(f);
	close(pair[1]);
}

static void hello_to_asker(const uint8_t *data, size_t size)
{
	const struct token token = { .secret = "of nobody but us two", .len = 20 };
	const bool secret = size && data[0] & 1;
	struct stream stream;
	struct hello h;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	stream = stream_plain(pair[0]);
	hello_ask_init(&h, secret ? &token : &none, 0, HELLO_BULK, 0);
	say(pair[1], data + (size > 0), size ? MIN(size - 1, (size_t)SAID_MAX) : 0);
	shutdown(pair[1], SHUT_WR);
	/* Nobody can prove anything to us who has not the token. */
	if (!hello_ask(&h, &stream) && secret)
		abort();
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ends[])(const uint8_t *, size_t) = {
		to_dump, to_asker, hello_to_asker,
	};

	target_silence();
	if (size)
		ends[data[0] % ARRAY_SIZE(ends)](data + 1, size - 1);
	return 0;
}
