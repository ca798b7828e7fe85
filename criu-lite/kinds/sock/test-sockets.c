// SPDX-License-Identifier: GPL-2.0-only
/* Sockets dumped and restored. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kinds/fd/harness.h"
#include "util/macro.h"

/* What setup tells check. */
struct notes {
	uint16_t port[4];
	int sndbuf;
};

static void set(int fd, int level, int name, int value)
{
	REQUIRE(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static int get(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	REQUIRE(getsockopt(fd, level, name, &value, &len) == 0);
	return value;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	REQUIRE(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	return ntohs(a.sin6_port);
}

static void bind4(int fd, uint32_t address, uint16_t port)
{
	const struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address),
	};

	REQUIRE(bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
}

static void connect4(int fd, uint16_t port)
{
	const struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	REQUIRE(connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
}

static void tcp_setup(void *shared)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0xfffff000),
		BPF_STMT(BPF_RET | BPF_K, 0x7fffffff),
	};
	const struct sock_fprog program = { .len = 2, .filter = (struct sock_filter *)code };
	const struct linger linger = { .l_onoff = 1, .l_linger = 7 };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	struct notes *notes = shared;

	REQUIRE(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) == 0);
	set(0, SOL_SOCKET, SO_REUSEADDR, 1);
	bind4(0, INADDR_LOOPBACK, 0);
	REQUIRE(listen(0, 77) == 0);
	notes->port[0] = port_of(0);
	/* Shares the port, is bound, does not listen. */
	REQUIRE(socket(AF_INET6, SOCK_STREAM, 0) == 1);
	set(1, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(1, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(1, IPPROTO_TCP, TCP_KEEPIDLE, 1234);
	set(1, IPPROTO_TCP, TCP_NODELAY, 1);
	set(1, IPPROTO_TCP, TCP_USER_TIMEOUT, 4321);
	set(1, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
	REQUIRE(setsockopt(1, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	REQUIRE(setsockopt(1, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0);
	six.sin6_port = htons(notes->port[0]);
	REQUIRE(bind(1, (struct sockaddr *)&six, sizeof(six)) == 0);
	/* Not bound at all. */
	REQUIRE(socket(AF_INET, SOCK_STREAM, 0) == 2);
	set(2, SOL_SOCKET, SO_SNDBUF, 50000);
	set(2, IPPROTO_IP, IP_TOS, 0x10);
	REQUIRE(setsockopt(2, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0);
	notes->sndbuf = get(2, SOL_SOCKET, SO_SNDBUF);
	REQUIRE(fchown(2, 5, 6) == 0);
}

static void tcp_check(void *shared)
{
	const struct notes *notes = shared;
	struct sock_filter code[4];
	struct tcp_info info;
	struct linger linger;
	struct stat st;
	socklen_t len = sizeof(info);
	char name[16] = "";
	int client, server;

	REQUIRE(port_of(0) == notes->port[0] && get(0, SOL_SOCKET, SO_REUSEADDR) == 1);
	REQUIRE(getsockopt(0, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	REQUIRE(info.tcpi_state == TCP_LISTEN && info.tcpi_sacked == 77);
	REQUIRE(fcntl(0, F_GETFL) & O_NONBLOCK);
	client = socket(AF_INET, SOCK_STREAM, 0);
	connect4(client, notes->port[0]);
	server = accept(0, NULL, NULL);
	REQUIRE(server >= 0 && close(server) == 0 && close(client) == 0);

	REQUIRE(port_of(1) == notes->port[0] && get(1, SOL_SOCKET, SO_REUSEADDR) == 0);
	REQUIRE(get(1, IPPROTO_IPV6, IPV6_V6ONLY) == 1 && get(1, SOL_SOCKET, SO_KEEPALIVE) == 1);
	REQUIRE(get(1, IPPROTO_TCP, TCP_KEEPIDLE) == 1234);
	REQUIRE(get(1, IPPROTO_TCP, TCP_NODELAY) == 1);
	REQUIRE(get(1, IPPROTO_TCP, TCP_USER_TIMEOUT) == 4321);
	REQUIRE(get(1, IPPROTO_IPV6, IPV6_TCLASS) == 0x20);
	len = sizeof(linger);
	REQUIRE(getsockopt(1, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_linger == 7);
	len = 4;
	REQUIRE(getsockopt(1, SOL_SOCKET, SO_GET_FILTER, code, &len) == 0 && len == 2);
	REQUIRE(code[0].k == 0xfffff000 && code[1].k == 0x7fffffff);

	REQUIRE(port_of(2) == 0 && get(2, SOL_SOCKET, SO_SNDBUF) == notes->sndbuf);
	REQUIRE(get(2, SOL_SOCKET, SO_ERROR) == 0 && get(2, IPPROTO_IP, IP_TOS) == 0x10);
	len = sizeof(name);
	REQUIRE(getsockopt(2, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0);
	REQUIRE(!strcmp(name, "reno"));
	REQUIRE(fstat(2, &st) == 0 && st.st_uid == 5 && st.st_gid == 6);
	/* What the kernel may change by itself is not pinned. */
	REQUIRE(get(0, SOL_SOCKET, 72 /* SO_BUF_LOCK */) == 0);
	REQUIRE(get(2, SOL_SOCKET, 72 /* SO_BUF_LOCK */) == 1);
}

static void udp_setup(void *shared)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct notes *notes = shared;

	REQUIRE(socket(AF_INET, SOCK_DGRAM, 0) == 0 && socket(AF_INET, SOCK_DGRAM, 0) == 1);
	bind4(0, INADDR_ANY, 0);
	notes->port[0] = port_of(0);
	connect4(1, notes->port[0]);
	notes->port[1] = port_of(1);
	set(0, SOL_SOCKET, SO_BROADCAST, 1);
	set(0, IPPROTO_IP, IP_PKTINFO, 1);
	set(0, IPPROTO_IP, IP_TTL, 9);
	set(0, IPPROTO_IP, IP_RECVERR, 1);
	REQUIRE(socket(AF_INET6, SOCK_DGRAM, 0) == 2 && socket(AF_INET6, SOCK_DGRAM, 0) == 3);
	REQUIRE(bind(2, (struct sockaddr *)&six, sizeof(six)) == 0);
	notes->port[2] = six.sin6_port = port_of(2);
	/* Two sockets share one port. */
	REQUIRE(socket(AF_INET, SOCK_DGRAM, 0) == 4 && socket(AF_INET, SOCK_DGRAM, 0) == 5);
	set(4, SOL_SOCKET, SO_REUSEPORT, 1);
	set(5, SOL_SOCKET, SO_REUSEPORT, 1);
	bind4(4, INADDR_LOOPBACK, 0);
	notes->port[3] = port_of(4);
	bind4(5, INADDR_LOOPBACK, notes->port[3]);
	REQUIRE(shutdown(1, SHUT_RD) == 0);
}

static void udp_check(void *shared)
{
	const struct notes *notes = shared;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	struct pollfd p = { .fd = 1, .events = POLLRDHUP };
	char buf[8];

	REQUIRE(port_of(0) == notes->port[0] && port_of(1) == notes->port[1]);
	REQUIRE(getpeername(1, (struct sockaddr *)&peer, &len) == 0);
	REQUIRE(ntohs(peer.sin_port) == notes->port[0]);
	REQUIRE(getpeername(0, (struct sockaddr *)&peer, &len) < 0 && errno == ENOTCONN);
	REQUIRE(send(1, "ping", 4, 0) == 4 && recv(0, buf, 8, 0) == 4);
	REQUIRE(poll(&p, 1, 0) == 1 && p.revents & POLLRDHUP);
	REQUIRE(get(0, SOL_SOCKET, SO_BROADCAST) == 1 && get(0, IPPROTO_IP, IP_PKTINFO) == 1);
	REQUIRE(get(0, IPPROTO_IP, IP_TTL) == 9 && get(1, IPPROTO_IP, IP_TTL) != 9);
	REQUIRE(get(0, IPPROTO_IP, IP_RECVERR) == 1);
	REQUIRE(port_of(2) == notes->port[2] && port_of(3) == 0);
	REQUIRE(port_of(4) == notes->port[3] && port_of(5) == notes->port[3]);
}

/* Packets of a queue, an empty one among them. */
static const size_t sizes[] = { 8, 0, 60000, 1 };

static void send_packets(int fd)
{
	static char packet[60000];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(packet, 'a' + i, sizes[i]);
		REQUIRE(send(fd, packet, sizes[i], MSG_DONTWAIT) == (ssize_t)sizes[i]);
	}
}

static void receive_packets(int fd)
{
	static char packet[65536];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		REQUIRE(recv(fd, packet, sizeof(packet), MSG_DONTWAIT) == (ssize_t)sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			REQUIRE(packet[k] == (char)('a' + i));
	}
	REQUIRE(recv(fd, packet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void pairs_setup(void *shared)
{
	struct timeval limit = { .tv_sec = 3, .tv_usec = 500000 };
	struct notes *notes = shared;
	int p[2];

	signal(SIGPIPE, SIG_IGN);
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
	send_packets(0);
	send_packets(1);
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, p) == 0);
	send_packets(3);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && p[0] == 4);
	for (int i = 0; i < 100; i++)
		REQUIRE(write(4, "0123456789", 10) == 10);
	REQUIRE(shutdown(4, SHUT_WR) == 0 && write(5, "back", 4) == 4);
	set(4, SOL_SOCKET, SO_SNDBUF, 20000);
	set(5, SOL_SOCKET, SO_PASSCRED, 1);
	REQUIRE(setsockopt(5, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	notes->sndbuf = get(4, SOL_SOCKET, SO_SNDBUF);
	/* What is left of a pair. */
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0 && p[0] == 6);
	REQUIRE(write(7, "orphan", 6) == 6 && close(7) == 0);
	REQUIRE(socket(AF_UNIX, SOCK_STREAM, 0) == 7 && socket(AF_UNIX, SOCK_DGRAM, 0) == 8);
	/* Looked at by its owner from here on: an offset that must stay. */
	set(2, SOL_SOCKET, SO_PEEK_OFF, 4);
}

static void pairs_check(void *shared)
{
	const struct notes *notes = shared;
	static char buf[16384];
	struct timeval limit;
	socklen_t len = sizeof(limit);

	REQUIRE(get(2, SOL_SOCKET, SO_PEEK_OFF) == 4 && get(1, SOL_SOCKET, SO_PEEK_OFF) == -1);
	receive_packets(0);
	receive_packets(1);
	receive_packets(2);
	REQUIRE(fcntl(2, F_GETFL) & O_NONBLOCK && !(fcntl(1, F_GETFL) & O_NONBLOCK));
	REQUIRE(send(2, "reply", 5, 0) == 5 && recv(3, buf, sizeof(buf), 0) == 5);
	REQUIRE(get(5, SOL_SOCKET, SO_PASSCRED) == 1);
	REQUIRE(getsockopt(5, SOL_SOCKET, SO_RCVTIMEO, &limit, &len) == 0);
	REQUIRE(limit.tv_sec == 3 && limit.tv_usec == 500000);
	REQUIRE(get(4, SOL_SOCKET, SO_SNDBUF) == notes->sndbuf);
	REQUIRE(recv(5, buf, sizeof(buf), MSG_WAITALL) == 1000 && read(5, buf, 1) == 0);
	for (int i = 0; i < 1000; i++)
		REQUIRE(buf[i] == '0' + i % 10);
	signal(SIGPIPE, SIG_IGN);
	REQUIRE(write(4, "x", 1) < 0 && errno == EPIPE);
	REQUIRE(read(4, buf, 8) == 4 && write(5, "more", 4) == 4 && read(4, buf, 8) == 4);
	REQUIRE(read(6, buf, 8) == 6 && read(6, buf, 8) == 0);
	REQUIRE(write(6, "x", 1) < 0 && errno == EPIPE);
	REQUIRE(write(7, "x", 1) < 0 && errno == ENOTCONN);
	REQUIRE(write(8, "x", 1) < 0 && errno == ENOTCONN);
}

static socklen_t unix_address(struct sockaddr_un *a, const char *name, size_t len)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, name, len);
	return offsetof(struct sockaddr_un, sun_path) + len;
}

static void bind_unix(int fd, const char *name, size_t len)
{
	struct sockaddr_un a;
	socklen_t n = unix_address(&a, name, len);

	REQUIRE(bind(fd, (struct sockaddr *)&a, n) == 0);
}

static void connect_unix(int fd, const char *name, size_t len)
{
	struct sockaddr_un a;
	socklen_t n = unix_address(&a, name, len);

	REQUIRE(connect(fd, (struct sockaddr *)&a, n) == 0);
}

#define PATH "/tmp/test-sockets.path"
#define LOCAL "test-sockets.local"
#define ABSTRACT "\0test-sockets"

static void names_setup(void *shared)
{
	REQUIRE(socket(AF_UNIX, SOCK_STREAM, 0) == 0 && socket(AF_UNIX, SOCK_SEQPACKET, 0) == 1);
	unlink(PATH);
	bind_unix(0, PATH, sizeof(PATH));
	REQUIRE(chmod(PATH, 0612) == 0 && listen(0, 5) == 0);
	bind_unix(1, ABSTRACT, sizeof(ABSTRACT) - 1);
	REQUIRE(listen(1, 6) == 0);
	/* A relative path, and two that are connected to each other and to it. */
	REQUIRE(chdir("/tmp") == 0 && (unlink(LOCAL) == 0 || errno == ENOENT));
	REQUIRE(socket(AF_UNIX, SOCK_DGRAM, 0) == 2 && socket(AF_UNIX, SOCK_DGRAM, 0) == 3);
	REQUIRE(socket(AF_UNIX, SOCK_DGRAM, 0) == 4);
	bind_unix(2, LOCAL, sizeof(LOCAL));
	bind_unix(3, "\0test-sockets-2", 15);
	/* Later nobody else could connect to the local one. */
	connect_unix(4, LOCAL, sizeof(LOCAL));
	connect_unix(2, "\0test-sockets-2", 15);
	connect_unix(3, LOCAL, sizeof(LOCAL));
}

static void names_check(void *shared)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	struct stat st;
	char buf[8];
	int client, server;

	REQUIRE(lstat(PATH, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0612);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	connect_unix(client, PATH, sizeof(PATH));
	server = accept(0, NULL, NULL);
	REQUIRE(server >= 0 && write(server, "hi", 2) == 2 && read(client, buf, 8) == 2);
	close(client);
	client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	connect_unix(client, ABSTRACT, sizeof(ABSTRACT) - 1);
	REQUIRE(send(2, "a", 1, 0) == 1 && recv(3, buf, 8, 0) == 1);
	REQUIRE(send(3, "b", 1, 0) == 1 && recv(2, buf, 8, 0) == 1 && buf[0] == 'b');
	REQUIRE(getsockname(2, (struct sockaddr *)&a, &len) == 0 && !strcmp(a.sun_path, LOCAL));
	REQUIRE(getpeername(4, (struct sockaddr *)&a, &len) == 0 && !strcmp(a.sun_path, LOCAL));
	REQUIRE(unlink(PATH) == 0 && unlink("/tmp/" LOCAL) == 0);
}

static void established_setup(void *shared)
{
	REQUIRE(socket(AF_INET, SOCK_STREAM, 0) == 0 && socket(AF_INET, SOCK_STREAM, 0) == 1);
	bind4(0, INADDR_LOOPBACK, 0);
	REQUIRE(listen(0, 1) == 0);
	connect4(1, port_of(0));
	REQUIRE(accept(0, NULL, NULL) == 2 && close(0) == 0);
}

/* The listener's queue has one that nobody accepted. */
static void waiting_setup(void *shared)
{
	established_setup(shared);
	REQUIRE(close(1) == 0 && close(2) == 0);
	REQUIRE(socket(AF_INET, SOCK_STREAM, 0) == 0 && socket(AF_INET, SOCK_STREAM, 0) == 1);
	bind4(0, INADDR_LOOPBACK, 0);
	REQUIRE(listen(0, 1) == 0);
	connect4(1, port_of(0));
}

static void ended_setup(void *shared)
{
	const struct linger abort = { .l_onoff = 1 };

	established_setup(shared);
	REQUIRE(setsockopt(1, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)) == 0);
	REQUIRE(close(1) == 0);
}

static void icmp_setup(void *shared)
{
	REQUIRE(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) == 0);
}

static void netlink_setup(void *shared)
{
	REQUIRE(socket(AF_NETLINK, SOCK_RAW, 0) == 0);
}

/* With which of the two bytes the descriptor came can't be told. */
static void rights_setup(void *shared)
{
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {
		.head = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec iov = { .iov_base = "xy", .iov_len = 2 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int p[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	REQUIRE(sendmsg(0, &msg, 0) == 2);
}

static void credentials_setup(void *shared)
{
	int p[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0);
	set(1, SOL_SOCKET, SO_PASSCRED, 1);
	REQUIRE(send(0, "x", 1, 0) == 1);
}

static void urgent_setup(void *shared)
{
	int p[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	REQUIRE(send(0, "x", 1, MSG_OOB) == 1);
}

static void reset_setup(void *shared)
{
	int p[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	REQUIRE(write(0, "x", 1) == 1 && close(1) == 0);
}

static void peer_outside_setup(void *shared)
{
	int p[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	harness_leave_outside();
	REQUIRE(close(1) == 0);
}

static void accepted_setup(void *shared)
{
	REQUIRE(socket(AF_UNIX, SOCK_STREAM, 0) == 0 && socket(AF_UNIX, SOCK_STREAM, 0) == 1);
	bind_unix(0, ABSTRACT, sizeof(ABSTRACT) - 1);
	REQUIRE(listen(0, 5) == 0);
	connect_unix(1, ABSTRACT, sizeof(ABSTRACT) - 1);
	REQUIRE(accept(0, NULL, NULL) == 2);
}

static void take_port(void *shared)
{
	const struct notes *notes = shared;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(notes->port[0]),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	*(int *)shared = fd;
}

/* A server that is alive keeps its path. */
static void take_path(void *shared)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a;
	socklen_t len = unix_address(&a, PATH, sizeof(PATH));

	assert_int_equal(unlink(PATH), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	*(int *)shared = fd;
}

static void put_file(void *shared)
{
	assert_int_equal(unlink(PATH), 0);
	*(int *)shared = open(PATH, O_RDWR | O_CREAT, 0600);
	assert_true(*(int *)shared >= 0);
}

static void test_taken(void **state)
{
	static const struct harness_case cases[] = {
		{ .setup = tcp_setup, .between = take_port },
		{ .setup = names_setup, .between = take_path },
		{ .setup = names_setup, .between = put_file },
	};

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		harness_cannot_restore(&cases[i]);
		close(*(int *)harness_shared());
	}
	assert_int_equal(access(PATH, F_OK), 0);
	unlink(PATH);
	unlink("/tmp/" LOCAL);
}

static void test_round_trips(void **state)
{
	static const struct harness_case cases[] = {
		{ .setup = tcp_setup, .check = tcp_check },
		{ .setup = udp_setup, .check = udp_check },
		{ .setup = pairs_setup, .check = pairs_check },
		{ .setup = names_setup, .check = names_check },
	};

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		harness_round_trip(&cases[i]);
}

static void test_refusals(void **state)
{
	static void (*const setups[])(void *) = {
		established_setup, waiting_setup, ended_setup, icmp_setup, netlink_setup,
		rights_setup, credentials_setup, urgent_setup,
		reset_setup, peer_outside_setup, accepted_setup,
	};

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(setups); i++) {
		const struct harness_case c = { .setup = setups[i] };

		print_message("refusal %zu\n", i);
		assert_int_equal(harness_dump(&c), -ENOTSUP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
