// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of our own, found in the kernel's list. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sockdiag.h"
#include "util/cleanup.h"
#include "util/macro.h"

enum { BACKLOG = 7 };

static uint32_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static struct sockdiag *take(unsigned int families)
{
	struct sockdiag *diag;

	assert_int_equal(sockdiag_read(families, &diag), 0);
	return diag;
}

static const struct sockdiag_sock *find(const struct sockdiag *diag, int fd)
{
	return sockdiag_find(diag, inode(fd));
}

/* Binds to a free port of the loopback and tells it. */
static uint16_t bind_loopback(int fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

static void test_tcp(void **state)
{
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM, 0);
	_cleanup_close_ int client = socket(AF_INET, SOCK_STREAM, 0);
	_cleanup_close_ int unbound = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	uint16_t port = bind_loopback(listener);
	const struct sockdiag_sock *s;
	struct sockdiag *diag;

	assert_int_equal(listen(listener, BACKLOG), 0);
	sin.sin_port = htons(port);
	assert_int_equal(connect(client, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(shutdown(client, SHUT_WR), 0);

	diag = take(SOCKDIAG_TCP);
	s = find(diag, listener);
	assert_non_null(s);
	assert_int_equal(s->family, AF_INET);
	assert_int_equal(s->type, SOCK_STREAM);
	assert_int_equal(s->protocol, IPPROTO_TCP);
	assert_int_equal(s->state, TCP_LISTEN);
	assert_int_equal(s->rqueue, 1);
	assert_int_equal(s->wqueue, BACKLOG);
	assert_memory_equal(s->inet.src, loopback, 4);
	assert_int_equal(s->inet.sport, port);
	s = find(diag, client);
	assert_non_null(s);
	assert_int_equal(s->inet.dport, port);
	assert_int_equal(s->shutdown, 2);
	assert_null(find(diag, unbound));
	assert_null(sockdiag_find(diag, 0));
	sockdiag_free(diag);
}

static void test_inet6(void **state)
{
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM, 0);
	_cleanup_close_ int udp = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	const struct sockdiag_sock *s;
	struct sockdiag *diag;
	int on = 1;

	if (fd < 0) {
		print_message("SKIP: no IPv6\n");
		skip();
	}
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
	diag = take(SOCKDIAG_ALL);
	s = find(diag, fd);
	assert_non_null(s);
	assert_int_equal(s->family, AF_INET6);
	assert_true(s->inet.has_v6only && s->inet.v6only);
	s = find(diag, udp);
	assert_non_null(s);
	assert_int_equal(s->protocol, IPPROTO_UDP);
	assert_int_equal(s->state, TCP_CLOSE);
	assert_false(s->inet.v6only);
	sockdiag_free(diag);
}

static void test_udp(void **state)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint16_t port = bind_loopback(fd);
	const struct sockdiag_sock *s;
	struct sockdiag *diag = take(SOCKDIAG_UDP);

	s = find(diag, fd);
	assert_non_null(s);
	assert_int_equal(s->type, SOCK_DGRAM);
	assert_int_equal(s->inet.sport, port);
	assert_int_equal(s->inet.dport, 0);
	sockdiag_free(diag);
	diag = take(SOCKDIAG_TCP);
	assert_null(find(diag, fd));
	sockdiag_free(diag);
}

static void test_socketpair(void **state)
{
	const struct sockdiag_sock *a, *b;
	struct sockdiag *diag;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(write(pair[0], "hello", 5), 5);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	diag = take(SOCKDIAG_UNIX);
	a = find(diag, pair[0]);
	b = find(diag, pair[1]);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->family, AF_UNIX);
	assert_int_equal(a->type, SOCK_SEQPACKET);
	assert_int_equal(a->state, TCP_ESTABLISHED);
	assert_int_equal(a->un.peer, b->ino);
	assert_int_equal(b->un.peer, a->ino);
	assert_int_equal(a->un.name_len, 0);
	assert_int_equal(b->rqueue, 5);
	assert_int_equal(b->shutdown, 2);
	assert_int_equal(a->shutdown, 1);
	sockdiag_free(diag);
	close(pair[0]);
	close(pair[1]);
}

/* A path and an abstract name, as sun_path has them. */
static void test_unix_names(void **state)
{
	char dir[] = "/tmp/test-sockdiag-XXXXXX";
	struct sockaddr_un path = { .sun_family = AF_UNIX }, abstract = path;
	_cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	_cleanup_close_ int client = socket(AF_UNIX, SOCK_STREAM, 0);
	_cleanup_close_ int dgram = socket(AF_UNIX, SOCK_DGRAM, 0);
	const struct sockdiag_sock *s;
	struct sockdiag *diag;
	struct stat st;
	int n;

	assert_non_null(mkdtemp(dir));
	snprintf(path.sun_path, sizeof(path.sun_path), "%s/s", dir);
	assert_int_equal(bind(listener, (struct sockaddr *)&path, sizeof(path)), 0);
	assert_int_equal(listen(listener, BACKLOG), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&path, sizeof(path)), 0);
	n = snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "test-%d", getpid());
	assert_int_equal(bind(dgram, (struct sockaddr *)&abstract,
			      offsetof(struct sockaddr_un, sun_path) + 1 + n), 0);
	diag = take(SOCKDIAG_UNIX);
	s = find(diag, listener);
	assert_non_null(s);
	assert_int_equal(s->state, TCP_LISTEN);
	assert_int_equal(s->wqueue, BACKLOG);
	assert_int_equal(s->un.name_len, strlen(path.sun_path) + 1);
	assert_string_equal((const char *)s->un.name, path.sun_path);
	assert_int_equal(stat(path.sun_path, &st), 0);
	assert_int_equal(s->un.vfs_ino, st.st_ino);
	assert_int_equal(s->un.n_pending, 1);
	assert_int_equal(s->un.pending[0], inode(client));
	s = find(diag, dgram);
	assert_non_null(s);
	assert_int_equal(s->type, SOCK_DGRAM);
	assert_int_equal(s->un.name_len, 1 + n);
	assert_memory_equal(s->un.name, abstract.sun_path, 1 + n);
	sockdiag_free(diag);
	unlink(path.sun_path);
	rmdir(dir);
}

/* More than one message of the kernel holds; ascending, all found. */
static void test_many(void **state)
{
	enum { PAIRS = 400 };
	int pair[PAIRS][2];
	struct sockdiag *diag;
	size_t i;

	for (i = 0; i < PAIRS; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
	diag = take(SOCKDIAG_UNIX);
	assert_true(sockdiag_count(diag) >= 2 * PAIRS);
	for (i = 1; i < sockdiag_count(diag); i++)
		assert_true(sockdiag_at(diag, i - 1)->ino < sockdiag_at(diag, i)->ino);
	for (i = 0; i < PAIRS; i++) {
		assert_non_null(find(diag, pair[i][0]));
		assert_int_equal(find(diag, pair[i][0])->un.peer, inode(pair[i][1]));
		close(pair[i][0]);
		close(pair[i][1]);
	}
	sockdiag_free(diag);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_inet6),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_socketpair),
		cmocka_unit_test(test_unix_names),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
