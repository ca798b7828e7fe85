// SPDX-License-Identifier: GPL-2.0-only
/* Attaching: names in /proc/net/unix, messages as they should be, and others. */
#include <errno.h>
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

#include "pages/attach.h"
#include "pages/packet.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/macro.h"

#define A "0123456789abcdef0123456789abcdef"
#define LINE(flags, type, name) \
	"0000000000000000: 00000002 00000000 " flags " " type " 01 41277" name "\n"

static void test_names(void **state)
{
	static const char text[] =
		"Num       RefCount Protocol Flags    Type St Inode Path\n"
		LINE("00010000", "0005", "")
		LINE("00010000", "0005", " /run/@criu-lite-lazy-pages-" A)
		LINE("00000000", "0005", " @criu-lite-lazy-pages-" A)
		LINE("00010000", "0001", " @criu-lite-lazy-pages-" A)
		LINE("00010000", "0005", " @criu-lite-lazy-pages-" A "0")
		LINE("00010000", "0005", " @criu-lite-lazy-pages-0123456789ABCDEF0123456789abcdef")
		LINE("00010000", "0005", " @criu-lite-lazy-page-0" A)
		LINE("00010000", "0005", " @criu-lite-lazy-pages-" A)
		LINE("00010000", "0005", " @criu-lite-lazy-pages-ffffffffffffffffffffffffffffffff");
	const char *at = text;
	char name[ATTACH_NAME_SIZE];

	assert_true(attach_next_name(&at, name));
	assert_string_equal(name, "criu-lite-lazy-pages-" A);
	assert_true(attach_next_name(&at, name));
	assert_string_equal(name, "criu-lite-lazy-pages-ffffffffffffffffffffffffffffffff");
	assert_false(attach_next_name(&at, name));
	assert_false(attach_next_name(&at, name));
}

/* What listens is found among all that do, by the kernel's word. */
static void test_listen(void **state)
{
	_cleanup_close_ int one = attach_listen(), other = attach_listen();
	_cleanup_free_ char *text = NULL;
	char name[ATTACH_NAME_SIZE];
	const char *at;
	int found = 0;

	assert_true(one >= 0 && other >= 0);
	assert_int_equal(read_file(-1, "/proc/self/net/unix", 64 << 20, &text, NULL), 0);
	at = text;
	while (attach_next_name(&at, name)) {
		_cleanup_close_ int sock = attach_connect(name), a = packet_accept(one),
				    b = packet_accept(other);

		found += sock >= 0 && (a >= 0 || b >= 0);
		assert_true(a < 0 || b < 0);
	}
	assert_int_equal(found, 2);
	assert_int_equal(attach_connect("criu-lite-lazy-pages-" A), -ECONNREFUSED);
}

static void test_messages(void **state)
{
	struct attach_message m = { .type = ATTACH_FIND, .kind = ATTACH_IMAGES, .number = 7,
				    .pid_ns = 99 };
	struct stat sent, got;
	int pair[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(attach_receive(pair[1], &m, &fd), -EAGAIN);
	m = (struct attach_message){ .type = ATTACH_FIND, .kind = ATTACH_IMAGES, .number = 7,
				     .pid_ns = 99 };
	assert_int_equal(attach_send(pair[0], &m, -1), 0);
	assert_int_equal(attach_receive(pair[1], &m, &fd), 1);
	assert_int_equal(m.type, ATTACH_FIND);
	assert_int_equal(m.kind, ATTACH_IMAGES);
	assert_int_equal(m.number, 7);
	assert_int_equal(m.pid_ns, 99);
	assert_int_equal(fd, -1);

	m = (struct attach_message){ .type = ATTACH_IMAGES, .text = "/somewhere" };
	assert_int_equal(attach_send(pair[0], &m, pair[0]), 0);
	assert_int_equal(attach_receive(pair[1], &m, &fd), 1);
	assert_string_equal(m.text, "/somewhere");
	assert_int_equal(fstat(pair[0], &sent), 0);
	assert_int_equal(fstat(fd, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	close(fd);
	close(pair[0]);
	assert_int_equal(attach_receive(pair[1], &m, &fd), 0);
	close(pair[1]);
}

static void test_bad_messages(void **state)
{
	static const struct attach_message good = { .type = ATTACH_FIND, .kind = ATTACH_IMAGES,
						    .number = 7 };
	struct attach_message bad[] = {
		good, good, good, good, good, good, good, good, good, good, good,
	};
	struct attach_message m, whole = good;
	int pair[2], fd, before;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(attach_send(pair[0], &whole, -1), 0);
	assert_int_equal(attach_receive(pair[1], &whole, &fd), 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = whole;
	bad[0].magic++;
	bad[1].version++;
	bad[2].type = 0;
	bad[3].type = ATTACH_TYPE_COUNT;
	bad[4].type = ATTACH_IMAGES;	/* without a descriptor */
	bad[5].number = 0;
	bad[6].kind = ATTACH_FIND;
	bad[7].pad = 1;
	memset(bad[8].text, 'x', sizeof(bad[8].text));
	bad[9].type = bad[10].type = ATTACH_ANSWER;
	bad[9].number = 1;
	bad[10].number = -4096;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(send(pair[0], &bad[i], sizeof(bad[i]), 0), sizeof(bad[i]));
		assert_int_equal(attach_receive(pair[1], &m, &fd), -EPROTO);
	}
	for (size_t len = 1; len < sizeof(whole); len += 3) {
		assert_int_equal(send(pair[0], &whole, len, 0), len);
		assert_int_equal(attach_receive(pair[1], &m, &fd), -EPROTO);
	}
	/* A descriptor that was not asked for is not kept. */
	before = dup(0);
	close(before);
	assert_int_equal(attach_send(pair[0], &whole, 0), 0);
	assert_int_equal(attach_receive(pair[1], &m, &fd), -EPROTO);
	fd = dup(0);
	assert_int_equal(fd, before);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_bad_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
