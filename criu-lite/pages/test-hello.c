// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hello, tokens and messages: what two of ours say to each other, byte by byte, and what they
 * make of others.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pages/hello.h"
#include "pages/message.h"
#include "pages/stream.h"
#include "util/crc32c.h"
#include "util/io.h"
#include "util/macro.h"

static const struct token none, secret = { .secret = "of both, and nobody else", .len = 24 },
				other = { .secret = "of nobody that we know", .len = 22 };

static void make_pair(struct stream pair[2])
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pair[0] = stream_plain(fds[0]);
	pair[1] = stream_plain(fds[1]);
}

/* Both ends, until one has a result: that of who asks. *judged: what the other thinks of him. */
static int talk(struct hello *asks, struct hello *gives, enum hello_code *judged)
{
	struct stream pair[2];
	int r;

	make_pair(pair);
	*judged = HELLO_CODES;
	r = hello_ask(asks, &pair[0]);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(hello_hear(gives, &pair[1]), -EAGAIN);
	r = hello_ask(asks, &pair[0]);
	if (r == -EAGAIN) {
		assert_int_equal(hello_hear(gives, &pair[1]), 0);
		*judged = hello_judge(gives);
		assert_int_equal(hello_answer(gives, &pair[1], *judged, 77), 0);
		r = hello_ask(asks, &pair[0]);
	}
	stream_close(&pair[0]);
	stream_close(&pair[1]);
	return r;
}

static void test_hello(void **state)
{
	static const struct {
		const struct token *asks, *gives;
		int result;
		enum hello_code judged;
	} rows[] = {
		{ &none, &none, 0, HELLO_WELCOME },
		{ &secret, &secret, 0, HELLO_WELCOME },
		{ &other, &secret, -EACCES, HELLO_STRANGER },
		{ &none, &secret, -EACCES, HELLO_CODES },
		{ &secret, &none, -EACCES, HELLO_CODES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hello asks, gives;
		enum hello_code judged;

		hello_ask_init(&asks, rows[i].asks, 0, HELLO_FAULTS, 5);
		hello_hear_init(&gives, rows[i].gives);
		assert_int_equal(talk(&asks, &gives, &judged), rows[i].result);
		assert_int_equal(judged, rows[i].judged);
		assert_int_equal(!asks.why, !rows[i].result);
		if (rows[i].result)
			continue;
		assert_int_equal(asks.said.verdict.session, 77);
		assert_int_equal(gives.said.claim.lane, HELLO_FAULTS);
		assert_int_equal(gives.said.claim.retry, 5);
	}
}

/* Who is not who he says: a verdict without a proof, for another session, of another version. */
static void test_verdicts(void **state)
{
	struct hello asks, gives;
	enum hello_code judged;

	hello_ask_init(&asks, &none, 78, HELLO_BULK, 0);
	hello_hear_init(&gives, &none);
	assert_int_equal(talk(&asks, &gives, &judged), -EPROTO);
	hello_ask_init(&asks, &none, 0, HELLO_LANES, 0);
	hello_hear_init(&gives, &none);
	assert_int_equal(talk(&asks, &gives, &judged), -EACCES);
	assert_int_equal(judged, HELLO_OTHER_VERSION);
	hello_ask_init(&asks, &none, 0, HELLO_BULK, 0);
	asks.said.claim.version++;
	hello_hear_init(&gives, &none);
	assert_int_equal(talk(&asks, &gives, &judged), -EACCES);
	assert_int_equal(judged, HELLO_OTHER_VERSION);
}

/* Cut after any byte of what comes, and said again: who gives is told, and knows who it is. */
static void test_again(void **state)
{
	const size_t whole = sizeof(struct hello_offer) + sizeof(struct hello_verdict);

	for (size_t cut = 0; cut < whole; cut++) {
		uint8_t nonce[HELLO_NONCE], said[sizeof(struct hello_offer) +
						 sizeof(struct hello_verdict)];
		struct hello asks, cut_off, gives;
		enum hello_code judged;
		struct stream pair[2];

		hello_ask_init(&asks, &secret, 0, HELLO_BULK, 60);
		hello_ask_promise(&asks, 7);
		hello_hear_init(&cut_off, &secret);
		make_pair(pair);
		assert_int_equal(hello_hear_again(&cut_off), 0);
		assert_int_equal(hello_ask(&asks, &pair[0]), -EAGAIN);
		assert_int_equal(hello_hear(&cut_off, &pair[1]), -EAGAIN);
		assert_int_equal(hello_hear_again(&cut_off), 7);
		/* What it says comes to us in parts, and not all of it. */
		assert_int_equal(recv(pair[0].fd, said, sizeof(cut_off.said.offer), 0),
				 sizeof(cut_off.said.offer));
		assert_int_equal(write_all(pair[1].fd, said, MIN(cut, sizeof(cut_off.said.offer))),
				 0);
		assert_int_equal(hello_ask(&asks, &pair[0]), -EAGAIN);
		memset(nonce, 0, sizeof(nonce));
		if (cut >= sizeof(cut_off.said.offer)) {
			assert_int_equal(hello_hear(&cut_off, &pair[1]), 0);
			memcpy(nonce, cut_off.said.claim.nonce, sizeof(nonce));
		}
		shutdown(pair[1].fd, SHUT_WR);
		assert_int_equal(hello_ask(&asks, &pair[0]), -ECONNRESET);
		stream_close(&pair[0]);
		stream_close(&pair[1]);

		hello_ask_again(&asks);
		hello_hear_init(&gives, &secret);
		assert_int_equal(talk(&asks, &gives, &judged), 0);
		assert_int_equal(judged, HELLO_WELCOME);
		if (cut >= sizeof(cut_off.said.offer))
			assert_memory_equal(nonce, gives.said.claim.nonce, sizeof(nonce));
		assert_memory_not_equal(cut_off.said.offer.nonce, gives.said.offer.nonce,
					sizeof(nonce));
	}
}

/* What comes to who asks: every cut of it, and every bit that is another one. */
static int answer(const struct token *token, const void *offer, const void *verdict, size_t cut)
{
	const size_t first = sizeof(struct hello_offer);
	struct hello h;
	struct stream pair[2];
	int r;

	make_pair(pair);
	hello_ask_init(&h, token, 0, HELLO_BULK, 0);
	assert_int_equal(write_all(pair[1].fd, offer, MIN(cut, first)), 0);
	if (cut > first)
		assert_int_equal(write_all(pair[1].fd, verdict, cut - first), 0);
	shutdown(pair[1].fd, SHUT_WR);
	r = hello_ask(&h, &pair[0]);
	stream_close(&pair[0]);
	stream_close(&pair[1]);
	return r;
}

static void test_answers(void **state)
{
	static const uint32_t plain = 0, lies[] = { 2, HELLO_ANSWER + 1, UINT32_MAX };
	const size_t whole = sizeof(struct hello_offer) + sizeof(struct hello_verdict);
	const struct hello_offer offer = { .answer = HELLO_ANSWER, .version = HELLO_VERSION };
	struct hello_verdict verdict = { .session = 1 };

	for (size_t cut = 0; cut < whole; cut++)
		assert_int_equal(answer(&none, &offer, &verdict, cut), -ECONNRESET);
	assert_int_equal(answer(&none, &offer, &verdict, whole), 0);
	for (verdict.code = 1; verdict.code < HELLO_CODES + 2; verdict.code++)
		assert_int_equal(answer(&none, &offer, &verdict, whole), -EACCES);
	verdict = (struct hello_verdict){ .session = 0 };
	assert_int_equal(answer(&none, &offer, &verdict, whole), -EPROTO);
	/* CRIU; and what can't be. */
	assert_int_equal(answer(&none, &plain, NULL, sizeof(plain)), 1);
	assert_int_equal(answer(&secret, &plain, NULL, sizeof(plain)), -EACCES);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		assert_int_equal(answer(&none, &lies[i], NULL, sizeof(lies[i])), -EPROTO);
	for (size_t bit = 0; bit < 16; bit++) {
		struct hello_offer bad = offer;

		bad.version ^= 1 << bit;
		assert_int_equal(answer(&none, &bad, &verdict, whole), -EACCES);
	}
}

/* A friend's words, of which one bit is another, are no friend's. */
static void test_proofs(void **state)
{
	struct hello h;

	hello_ask_init(&h, &secret, 0, HELLO_BULK, 0);
	for (size_t bit = 0; bit < 8 * sizeof(h.said.claim); bit++) {
		struct hello asks, gives;
		struct stream pair[2];

		make_pair(pair);
		hello_ask_init(&asks, &secret, 0, HELLO_BULK, 0);
		hello_hear_init(&gives, &secret);
		hello_ask(&asks, &pair[0]);
		hello_hear(&gives, &pair[1]);
		hello_ask(&asks, &pair[0]);
		assert_int_equal(hello_hear(&gives, &pair[1]), 0);
		assert_int_equal(hello_judge(&gives), HELLO_WELCOME);
		((char *)&gives.said.claim)[bit / 8] ^= 1 << bit % 8;
		assert_int_not_equal(hello_judge(&gives), HELLO_WELCOME);
		/* And so is who has no proof for us. */
		((char *)&gives.said.claim)[bit / 8] ^= 1 << bit % 8;
		gives.said.offer.nonce[bit % HELLO_NONCE] ^= 1;
		hello_answer(&gives, &pair[1], HELLO_WELCOME, 9);
		assert_int_equal(hello_ask(&asks, &pair[0]), -EACCES);
		stream_close(&pair[0]);
		stream_close(&pair[1]);
	}
}

static void test_first(void **state)
{
	static const struct page_frame frames[] = {
		{ .command = FRAME_PARENT, .target = HELLO_TARGET },
		{ .command = FRAME_PARENT, .target = HELLO_TARGET + 1 },
		{ .command = FRAME_GET, .target = HELLO_TARGET },
		{ .command = FRAME_CLOSE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct stream pair[2];
		struct hello h;

		make_pair(pair);
		hello_hear_init(&h, &none);
		assert_int_equal(hello_hear(&h, &pair[1]), -EAGAIN);
		for (size_t n = 1; n < sizeof(frames[i]); n++) {
			assert_int_equal(write_all(pair[0].fd, (char *)&frames[i] + n - 1, 1), 0);
			assert_int_equal(hello_hear(&h, &pair[1]), -EAGAIN);
		}
		assert_int_equal(write_all(pair[0].fd, (char *)&frames[i + 1] - 1, 1), 0);
		/* Who has said hello is to go on. */
		assert_int_equal(hello_hear(&h, &pair[1]), i ? HELLO_NONE : -EAGAIN);
		assert_memory_equal(&h.frame, &frames[i], sizeof(h.frame));
		stream_close(&pair[0]);
		stream_close(&pair[1]);
	}
}

/* As Python's hmac has them. */
static void test_prove(void **state)
{
	static const char text[] = "what do ya want for nothing?";
	static const uint8_t expected[2][TOKEN_PROOF] = { {
		0x37, 0xce, 0x95, 0x6c, 0xab, 0xb0, 0x53, 0xd1, 0x0e, 0x4b, 0xf0, 0x63, 0x78,
		0xb8, 0x72, 0x85, 0x69, 0x8e, 0x58, 0xb3, 0xe9, 0xb4, 0x90, 0xe7, 0x91, 0x63,
		0x4d, 0x71, 0x45, 0x5a, 0xa8, 0xbc
	}, {
		0x5e, 0xd0, 0x3a, 0x02, 0x39, 0x72, 0x0d, 0xbf, 0xd8, 0xb5, 0x1c, 0x32, 0x66,
		0xb2, 0xba, 0x10, 0x92, 0x18, 0x32, 0x73, 0x5c, 0xd6, 0x48, 0x9b, 0x84, 0x35,
		0xa1, 0xb7, 0x36, 0x56, 0xba, 0x5c
	} };
	struct token token = { .secret = "Jefe", .len = 4 };
	uint8_t proof[TOKEN_PROOF];

	token_prove(&token, "asks", text, strlen(text), proof);
	assert_true(token_same(proof, expected[0]));
	memset(token.secret, 'k', 100);
	token.len = 100;
	token_prove(&token, "gives", "", 0, proof);
	assert_true(token_same(proof, expected[1]));
	for (size_t bit = 0; bit < 8 * sizeof(proof); bit++) {
		proof[bit / 8] ^= 1 << bit % 8;
		assert_false(token_same(proof, expected[1]));
		proof[bit / 8] ^= 1 << bit % 8;
	}
}

static int read_back(const char *text, size_t len, mode_t mode, struct token *token)
{
	char path[] = "/tmp/token-test-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, len), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	err = token_read(path, token);
	unlink(path);
	return err;
}

static void test_token_file(void **state)
{
	static char text[TOKEN_MAX + 1];
	struct token token;

	memset(text, 'x', sizeof(text));
	assert_int_equal(read_back("sixteen letters!\n", 17, 0600, &token), 0);
	assert_int_equal(token.len, 16);
	assert_memory_equal(token.secret, "sixteen letters!", 16);
	assert_int_equal(read_back("sixteen letters\n", 16, 0600, &token), -EINVAL);
	assert_int_equal(read_back("", 0, 0600, &token), -EINVAL);
	assert_int_equal(read_back("sixteen letters!", 16, 0640, &token), -EPERM);
	assert_int_equal(read_back("sixteen letters!", 16, 0604, &token), -EPERM);
	assert_int_equal(read_back(text, TOKEN_MAX - 1, 0400, &token), 0);
	assert_int_equal(read_back(text, TOKEN_MAX, 0400, &token), -EINVAL);
	assert_int_equal(read_back(text, TOKEN_MAX + 1, 0400, &token), -EINVAL);
	assert_int_equal(token_read("/proc/self/there-is-none", &token), -ENOENT);
	assert_int_equal(token_read(NULL, &token), 0);
	assert_int_equal(token.len, 0);
}

#define PAGES(pages, at, bits, bytes) \
	{ .type = MESSAGE_PAGES, .nr_pages = pages, .vaddr = at, .flags = bits, .len = bytes }

static void test_messages(void **state)
{
	static const struct {
		struct message m;
		int result;
	} rows[] = {
		{ { .type = MESSAGE_GET, .nr_pages = 1, .pid = 7, .id = 9 }, 0 },
		{ { .type = MESSAGE_GET, .nr_pages = MESSAGE_PAGES_MAX, .vaddr = PAGE_SIZE }, 0 },
		{ { .type = MESSAGE_GET, .nr_pages = MESSAGE_PAGES_MAX + 1 }, -EPROTO },
		{ { .type = MESSAGE_GET, .nr_pages = 0 }, -EPROTO },
		{ { .type = MESSAGE_GET, .nr_pages = 1, .vaddr = 1 }, -EPROTO },
		{ { .type = MESSAGE_GET, .nr_pages = 1, .vaddr = -PAGE_SIZE }, -EPROTO },
		{ { .type = MESSAGE_GET, .nr_pages = 1, .len = PAGE_SIZE }, -EPROTO },
		{ { .type = MESSAGE_GET, .nr_pages = 1, .flags = MESSAGE_ZERO }, -EPROTO },
		{ PAGES(1, 0, 0, PAGE_SIZE), 0 },
		{ PAGES(2, 0, 0, 2 * PAGE_SIZE), 0 },
		{ PAGES(2, 0, 0, PAGE_SIZE), -EPROTO },
		{ PAGES(1, 0, 0, 0), -EPROTO },
		{ PAGES(1, 0, 0, UINT32_MAX), -EPROTO },
		{ PAGES(UINT16_MAX, 0, 0, UINT16_MAX << PAGE_SHIFT), -EPROTO },
		{ PAGES(1, 0, MESSAGE_ZERO, 0), 0 },
		{ PAGES(1, 0, MESSAGE_ZERO, PAGE_SIZE), -EPROTO },
		{ PAGES(1, 0, MESSAGE_LZ4, 1), 0 },
		{ PAGES(1, 0, MESSAGE_LZ4, 0), -EPROTO },
		{ PAGES(1, 0, MESSAGE_LZ4, PAGE_SIZE), -EPROTO },
		{ PAGES(1, 0, MESSAGE_LZ4 | MESSAGE_ZERO, 1), -EPROTO },
		{ PAGES(1, 0, 4, PAGE_SIZE), -EPROTO },
		{ { .type = MESSAGE_CLOSE }, 0 },
		{ { .type = MESSAGE_CLOSED }, 0 },
		{ { .type = MESSAGE_LEAVE }, 0 },
		{ { .type = MESSAGE_FAIL, .id = EIO }, 0 },
		{ { .type = MESSAGE_CLOSE, .nr_pages = 1 }, -EPROTO },
		{ { .type = MESSAGE_CLOSE, .len = 1 }, -EPROTO },
		{ { .type = 0 }, -EPROTO },
		{ { .type = MESSAGE_FAIL + 1 }, -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct message m = rows[i].m;

		/* The payload is not looked at here. */
		m.crc = crc32c(0, (char *)&m + sizeof(m.crc), sizeof(m) - sizeof(m.crc));
		if (message_check(&m) != rows[i].result)
			fail_msg("message %zu", i);
		for (size_t bit = 0; bit < 8 * sizeof(m); bit++) {
			((char *)&m)[bit / 8] ^= 1 << bit % 8;
			assert_int_equal(message_check(&m), -EBADMSG);
			((char *)&m)[bit / 8] ^= 1 << bit % 8;
		}
	}
}

static void test_content(void **state)
{
	static char data[2 * PAGE_SIZE], block[2 * PAGE_SIZE], back[2 * PAGE_SIZE];
	struct message m = { .type = MESSAGE_PAGES, .nr_pages = 2 };
	uint32_t len;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i / 100;
	assert_true(message_pack(&m, data, block));
	assert_true(m.len < sizeof(data) / 8 && m.flags == MESSAGE_LZ4);
	message_seal(&m, block);
	assert_int_equal(message_check(&m), 0);
	assert_int_equal(message_check_payload(&m, block), 0);
	assert_int_equal(message_unpack(&m, block, back), 0);
	assert_memory_equal(back, data, sizeof(data));
	block[m.len / 2] ^= 1;
	assert_int_equal(message_check_payload(&m, block), -EBADMSG);
	block[m.len / 2] ^= 1;
	/* Of a block that says another size nothing is taken. */
	for (len = m.len, m.len = 0; m.len < len; m.len++)
		assert_int_equal(message_unpack(&m, block, back), -EPROTO);
	m.nr_pages = 1;
	assert_int_equal(message_unpack(&m, block, back), -EPROTO);
	/* What does not get smaller stays what it is. */
	m = (struct message){ .type = MESSAGE_PAGES, .nr_pages = 2, .len = sizeof(data) };
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = random();
	assert_false(message_pack(&m, data, block));
	assert_true(!m.flags && m.len == sizeof(data));
	assert_int_equal(message_unpack(&m, data, back), 0);
	assert_memory_equal(back, data, sizeof(data));
	m.flags = MESSAGE_ZERO;
	assert_int_equal(message_unpack(&m, NULL, back), 0);
	assert_true(!back[0] && !memcmp(back, back + 1, sizeof(back) - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_proofs),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_prove),
		cmocka_unit_test(test_token_file),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
