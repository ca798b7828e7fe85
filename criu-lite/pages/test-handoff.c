// SPDX-License-Identifier: GPL-2.0-only
/* The handoff: records as they should be, and records from a broken or hostile peer. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pages/handoff.h"
#include "pages/packet.h"
#include "util/cleanup.h"
#include "util/macro.h"

/* The head of a record as it is on the wire; kept apart from the code on purpose. */
struct raw_record {
	uint32_t magic, type;
	uint64_t id;
	uint32_t n_ranges, n_total, first;
	int32_t status;
	struct handoff_range ranges[4];
};

#define RAW_HEAD offsetof(struct raw_record, ranges)
#define RAW_MAGIC 0x7a616c63u

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void send_raw(int sock, const void *data, size_t len, int n_fds)
{
	struct iovec iov = { (void *)data, len };
	char control[CMSG_SPACE(sizeof(int) * 16)] = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;
		int fds[16];

		memset(fds, 0, sizeof(fds));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	assert_int_equal(sendmsg(sock, &msg, 0), len);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_records(void **state)
{
	struct handoff_range ranges[3000];
	struct handoff_record rec;
	size_t n = 0;
	int pair[2], fds;

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct handoff_range){
			.start = 0x100000 + i * 0x2000, .end = 0x101000 + i * 0x2000,
			.kind = HANDOFF_PRIVATE, .source = 0x100000 + i * 0x2000,
		};
	fds = count_fds();
	make_pair(pair);
	assert_int_equal(handoff_send_segment(pair[0], 99, 0), 0);
	assert_int_equal(handoff_send_task(pair[0], 7, 0, 1, ranges, ARRAY_SIZE(ranges)), 0);

	assert_int_equal(handoff_receive(pair[1], &rec), 1);
	assert_int_equal(rec.type, HANDOFF_SEGMENT);
	assert_int_equal(rec.shmid, 99);
	assert_true(rec.fd >= 0 && (fcntl(rec.fd, F_GETFD) & FD_CLOEXEC));
	handoff_record_fini(&rec);

	while (n < ARRAY_SIZE(ranges)) {
		assert_int_equal(handoff_receive(pair[1], &rec), 1);
		assert_int_equal(rec.type, n ? HANDOFF_RANGES : HANDOFF_TASK);
		assert_int_equal(rec.pid, 7);
		assert_int_equal(rec.first, n);
		assert_int_equal(rec.n_total, ARRAY_SIZE(ranges));
		assert_int_equal(rec.fd >= 0, n == 0);
		assert_int_equal(rec.pidfd >= 0, n == 0);
		assert_memory_equal(rec.ranges, ranges + n, rec.n_ranges * sizeof(*ranges));
		n += rec.n_ranges;
		handoff_record_fini(&rec);
	}
	assert_int_equal(n, ARRAY_SIZE(ranges));
	assert_int_equal(handoff_receive(pair[1], &rec), -EAGAIN);
	close(pair[0]);
	assert_int_equal(handoff_receive(pair[1], &rec), 0);
	close(pair[1]);
	assert_int_equal(count_fds(), fds);
}

/* One mistake each, in a record that is right but for it. */
struct mistake {
	const char *name;
	size_t len;			/* 0: as the counts say */
	int n_fds;
	struct raw_record raw;
};

#define RANGE(s, e) { .start = (s), .end = (e), .kind = HANDOFF_PRIVATE, .source = (s) }
#define RAW(t, i, n) .magic = RAW_MAGIC, .type = (t), .id = (i), .n_ranges = (n), .n_total = (n)

static const struct mistake mistake_table[] = {
	{ "one byte", 1, 0, { RAW(HANDOFF_HELLO, 1, 0) } },
	{ "half a head", RAW_HEAD - 1, 0, { RAW(HANDOFF_HELLO, 1, 0) } },
	{ "another program's", 0, 0, { .magic = 0x52535446, .type = HANDOFF_HELLO, .id = 1 } },
	{ "type 0", 0, 0, { RAW(0, 1, 0) } },
	{ "a type that is none", 0, 0, { RAW(HANDOFF_TYPE_COUNT, 1, 0) } },
	{ "a huge type", 0, 0, { RAW(UINT32_MAX, 1, 0) } },
	{ "another version", 0, 0, { RAW(HANDOFF_HELLO, 2, 0) } },
	{ "a hello with descriptors", 0, 1, { RAW(HANDOFF_HELLO, 1, 0) } },
	{ "a hello with ranges", 0, 0, { RAW(HANDOFF_HELLO, 1, 1), .ranges = { RANGE(0, 4096) } } },
	{ "a task without descriptors", 0, 0,
	  { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(0, 4096) } } },
	{ "a task with one", 0, 1, { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(0, 4096) } } },
	{ "a task with three", 0, 3, { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(0, 4096) } } },
	{ "a task with sixteen", 0, 16, { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(0, 4096) } } },
	{ "pid 0", 0, 2, { RAW(HANDOFF_TASK, 0, 1), .ranges = { RANGE(0, 4096) } } },
	{ "a huge pid", 0, 2, { RAW(HANDOFF_TASK, 1ULL << 40, 1), .ranges = { RANGE(0, 4096) } } },
	{ "fewer ranges than said", RAW_HEAD + sizeof(struct handoff_range), 2,
	  { RAW(HANDOFF_TASK, 5, 2), .ranges = { RANGE(0, 4096), RANGE(8192, 12288) } } },
	{ "more ranges than said", RAW_HEAD + 2 * sizeof(struct handoff_range), 2,
	  { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(0, 4096), RANGE(8192, 12288) } } },
	{ "a huge count", RAW_HEAD, 2, { RAW(HANDOFF_TASK, 5, UINT32_MAX) } },
	{ "more than the total", 0, 0,
	  { .magic = RAW_MAGIC, .type = HANDOFF_RANGES, .id = 5, .n_ranges = 1, .n_total = 5,
	    .first = 5, .ranges = { RANGE(0, 4096) } } },
	{ "a sum that wraps", 0, 0,
	  { .magic = RAW_MAGIC, .type = HANDOFF_RANGES, .id = 5, .n_ranges = 1, .n_total = 5,
	    .first = UINT32_MAX, .ranges = { RANGE(0, 4096) } } },
	{ "an empty range", 0, 2, { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(4096, 4096) } } },
	{ "a range that ends first", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(8192, 4096) } } },
	{ "a range out of line", 0, 2, { RAW(HANDOFF_TASK, 5, 1), .ranges = { RANGE(1, 4096) } } },
	{ "ranges that overlap", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 2), .ranges = { RANGE(0, 8192), RANGE(4096, 12288) } } },
	{ "ranges that descend", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 2), .ranges = { RANGE(8192, 12288), RANGE(0, 4096) } } },
	{ "a range of no kind", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1), .ranges = { { .end = 4096, .kind = 3 } } } },
	{ "a private one with a segment", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 4096, .kind = HANDOFF_PRIVATE, .shmid = 5 } } } },
	{ "a source that wraps", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 8192, .kind = HANDOFF_PRIVATE, .source = -4096ULL } } } },
	{ "a source out of line", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 8192, .kind = HANDOFF_PRIVATE, .source = 7 } } } },
	{ "a range of no whole huge page", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 4096, .kind = HANDOFF_PRIVATE, .huge = 21 } } } },
	{ "a source inside a huge page", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 2 << 20, .kind = HANDOFF_PRIVATE, .source = 4096,
			  .huge = 21 } } } },
	{ "huge pages that are not", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 4096, .kind = HANDOFF_PRIVATE, .huge = 12 } } } },
	{ "huge pages too large", 0, 2,
	  { RAW(HANDOFF_TASK, 5, 1),
	    .ranges = { { .end = 1ULL << 31, .kind = HANDOFF_PRIVATE, .huge = 31 } } } },
	{ "a segment without its file", 0, 0, { RAW(HANDOFF_SEGMENT, 5, 0) } },
	{ "a status that is none", 0, 0,
	  { .magic = RAW_MAGIC, .type = HANDOFF_STATUS, .status = 5 } },
	{ "a status below all errors", 0, 0,
	  { .magic = RAW_MAGIC, .type = HANDOFF_STATUS, .status = INT32_MIN } },
};

static void test_mistakes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistake_table); i++) {
		const struct mistake *m = &mistake_table[i];
		size_t len = m->len ? m->len :
			     RAW_HEAD + m->raw.n_ranges * sizeof(struct handoff_range);
		struct handoff_record rec;
		int pair[2], fds, ret;

		make_pair(pair);
		fds = count_fds();
		send_raw(pair[0], &m->raw, len, m->n_fds);
		ret = handoff_receive(pair[1], &rec);
		if (ret != -EPROTO)
			print_message("mistake: %s\n", m->name);
		assert_int_equal(ret, -EPROTO);
		/* What came with it is closed. */
		assert_int_equal(count_fds(), fds);
		close_pair(pair);
	}
}

static void test_too_long(void **state)
{
	size_t len = sizeof(struct raw_record) + 2048 * sizeof(struct handoff_range);
	_cleanup_free_ struct raw_record *raw = calloc(1, len);
	struct handoff_record rec;
	int pair[2];

	make_pair(pair);
	*raw = (struct raw_record){ RAW(HANDOFF_TASK, 5, 2048) };
	send_raw(pair[0], raw, len, 2);
	assert_int_equal(handoff_receive(pair[1], &rec), -EPROTO);
	close_pair(pair);
}

/* Any bytes at all: an error or a record, never more. */
static void test_noise(void **state)
{
	struct raw_record raw;
	int pair[2], fds;

	make_pair(pair);
	fds = count_fds();
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t len = 1 + rand() % sizeof(raw);
		struct handoff_record rec;
		int ret;

		for (size_t j = 0; j < sizeof(raw); j++)
			((char *)&raw)[j] = rand() % 3 ? 0 : rand();
		if (rand() % 4)
			raw.magic = RAW_MAGIC;
		if (rand() % 2)
			raw.type = rand() % HANDOFF_TYPE_COUNT;
		send_raw(pair[0], &raw, len, rand() % 4);
		ret = handoff_receive(pair[1], &rec);
		assert_true(ret == 1 || ret == -EPROTO);
		if (ret == 1)
			handoff_record_fini(&rec);
		assert_int_equal(count_fds(), fds);
	}
	close_pair(pair);
}

static int make_dir(char path[32])
{
	int fd;

	strcpy(path, "/tmp/handoff-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int greet(int dir, int *sock)
{
	int err;

	*sock = handoff_connect(dir);
	err = *sock < 0 ? *sock : handoff_greet(*sock);
	return err ? err : handoff_answered(*sock, -1);
}

static void test_connect(void **state)
{
	char path[32];
	int dir = make_dir(path), listener, sock, status;
	struct handoff_record rec;
	struct stat st;
	pid_t pid;

	/* Nobody there: not an error, and no wait. */
	assert_int_equal(handoff_connect(dir), -ECONNREFUSED);
	listener = handoff_listen(dir);
	assert_true(listener >= 0);
	assert_int_equal(fstatat(dir, HANDOFF_SOCKET_NAME, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* One that is listened at is not taken away. */
	assert_int_equal(handoff_listen(dir), -EADDRINUSE);
	sock = packet_accept(listener);
	assert_true(sock >= 0);
	assert_int_equal(handoff_receive(sock, &rec), 0);
	close(sock);

	pid = fork();
	if (!pid) {
		_exit(greet(dir, &sock) || handoff_complete(sock, -1, 3) != -ESTALE);
	}
	while ((sock = packet_accept(listener)) == -EAGAIN)
		usleep(1000);
	while ((status = handoff_receive(sock, &rec)) == -EAGAIN)
		usleep(1000);
	assert_int_equal(status, 1);
	assert_int_equal(rec.type, HANDOFF_HELLO);
	assert_int_equal(handoff_send_status(sock, 0), 0);
	while ((status = handoff_receive(sock, &rec)) == -EAGAIN)
		usleep(1000);
	assert_int_equal(status, 1);
	assert_int_equal(rec.type, HANDOFF_COMPLETE);
	assert_int_equal(rec.n_tasks, 3);
	assert_int_equal(handoff_send_status(sock, -ESTALE), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(sock);
	close(listener);

	/* A socket that was left behind is replaced; another file is not. */
	listener = handoff_listen(dir);
	assert_true(listener >= 0);
	close(listener);
	assert_int_equal(unlinkat(dir, HANDOFF_SOCKET_NAME, 0), 0);
	assert_int_equal(mkdirat(dir, HANDOFF_SOCKET_NAME, 0700), 0);
	assert_int_equal(handoff_listen(dir), -EEXIST);
	assert_int_equal(unlinkat(dir, HANDOFF_SOCKET_NAME, AT_REMOVEDIR), 0);
	close(dir);
	assert_int_equal(rmdir(path), 0);
}

/* Another user finds the door closed, and is turned away where it is not. */
static void test_stranger(void **state)
{
	char path[32];
	int dir, listener, sock, status;
	pid_t pid;

	if (geteuid())
		skip();
	dir = make_dir(path);
	listener = handoff_listen(dir);
	assert_true(listener >= 0);
	assert_int_equal(chmod(path, 0755), 0);
	pid = fork();
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		_exit(greet(dir, &sock) != -EACCES);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fchmodat(dir, HANDOFF_SOCKET_NAME, 0666, 0), 0);
	pid = fork();
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		_exit(greet(dir, &sock) != -ECONNRESET);
	}
	while ((status = packet_accept(listener)) == -EAGAIN)
		usleep(1000);
	assert_int_equal(status, -EPERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(listener);
	unlinkat(dir, HANDOFF_SOCKET_NAME, 0);
	close(dir);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
