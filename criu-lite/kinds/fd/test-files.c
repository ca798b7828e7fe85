// SPDX-License-Identifier: GPL-2.0-only
/* Open files without a socket: parsers on saved text, and descriptors dumped and restored. */
#include "kinds/fd/harness.h"

#include <errno.h>
#include <fcntl.h>
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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kinds/fd/build-id.h"
#include "kinds/fd/fdinfo.h"
#include "util/macro.h"

static void test_eventfd_text(void **state)
{
	struct eventfd_state s;

	assert_int_equal(eventfd_parse("eventfd-count:               2a\neventfd-id: 7\n"
				       "eventfd-semaphore: 1\n", &s), 0);
	assert_int_equal(s.counter, 42);
	assert_true(s.knows_semaphore && s.semaphore);
	assert_int_equal(eventfd_parse("eventfd-count: fffffffffffffffe\neventfd-id: 7\n", &s), 0);
	assert_int_equal(s.counter, UINT64_MAX - 1);
	assert_false(s.knows_semaphore);
	assert_int_equal(eventfd_parse("", &s), -ENOENT);
	assert_int_equal(eventfd_parse("eventfd-count: zz\n", &s), -EINVAL);
	assert_int_equal(eventfd_parse("eventfd-count: 1ffffffffffffffff\n", &s), -EINVAL);
	assert_int_equal(eventfd_parse("eventfd-count: 1\neventfd-semaphore: x\n", &s), -EINVAL);
}

static void test_signalfd_text(void **state)
{
	uint64_t mask;

	assert_int_equal(signalfd_parse("sigmask:\t0000000000000201\n", &mask), 0);
	assert_int_equal(mask, 0x201);
	assert_int_equal(signalfd_parse("sigmask:\t\n", &mask), -EINVAL);
	assert_int_equal(signalfd_parse("mask:\t1\n", &mask), -ENOENT);
}

static void test_timerfd_text(void **state)
{
	static const char good[] = "clockid: 1\nticks: 3\nsettime flags: 03\n"
				   "it_value: (4, 999999999)\nit_interval: (0, 5)\n";
	static const char *const bad[] = {
		"clockid: 1\nticks: 3\nsettime flags: 03\nit_value: (4, 1)\n",
		"clockid: 1\nticks: 3\nsettime flags: 08\nit_value: (4, 1)\nit_interval: (0, 5)\n",
		"clockid: -1\nticks: 3\nsettime flags: 0\nit_value: (4, 1)\nit_interval: (0, 5)\n",
		"clockid: 1\nticks: 3\nsettime flags: 0\nit_value: (4, 1000000000)\n"
		"it_interval: (0, 5)\n",
		"clockid: 1\nticks: 3\nsettime flags: 0\nit_value: 4, 1\nit_interval: (0, 5)\n",
		"",
	};
	struct timerfd_state s;

	assert_int_equal(timerfd_parse(good, &s), 0);
	assert_int_equal(s.clock, CLOCK_MONOTONIC);
	assert_int_equal(s.ticks, 3);
	assert_int_equal(s.settime_flags, 3);
	assert_int_equal(s.value_s, 4);
	assert_int_equal(s.value_ns, 999999999);
	assert_int_equal(s.interval_ns, 5);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(timerfd_parse(bad[i], &s) < 0);
}

static void test_epoll_text(void **state)
{
	const char *p = "tfd:       11 events:       19 data: fedcba9876543210  pos:0 ino:2b "
			"sdev:c\n"
			"tfd:        5 events: 80000019 data:                5  pos:-1 ino:400 "
			"sdev:800001\n"
			"tfd:        6 events: 40000000 data:                6\n";
	struct epoll_target t;

	assert_int_equal(epoll_parse(&p, &t), 0);
	assert_int_equal(t.tfd, 11);
	assert_int_equal(t.events, 0x19);
	assert_true(t.data == 0xfedcba9876543210);
	assert_true(t.has_inode);
	assert_int_equal(t.ino, 0x2b);
	assert_int_equal(t.dev, 0xc);
	assert_int_equal(epoll_parse(&p, &t), 0);
	assert_true(t.pos == UINT64_MAX);
	assert_int_equal(t.dev, 0x800001);
	assert_int_equal(epoll_parse(&p, &t), 0);
	assert_int_equal(t.events, (uint32_t)EPOLLONESHOT);
	assert_false(t.has_inode);
	assert_int_equal(epoll_parse(&p, &t), -ENOENT);
	p = "tfd: 1 events: 19\n";
	assert_int_equal(epoll_parse(&p, &t), -EINVAL);
	p = "tfd: 99999999999 events: 19 data: 5\n";
	assert_int_equal(epoll_parse(&p, &t), -EINVAL);
	p = "tfd: 1 events: 19 data: 5 pos:0 ino:x sdev:c\n";
	assert_int_equal(epoll_parse(&p, &t), -EINVAL);
}

static void test_build_id(void **state)
{
	uint32_t words[BUILD_ID_MAX_WORDS];
	char elf[4096] = "";
	int fd = open("/proc/self/exe", O_RDONLY);
	ssize_t n;

	assert_true(build_id_read(fd, words) > 0);
	n = pread(fd, elf, sizeof(elf), 0);
	assert_int_equal(n, sizeof(elf));
	close(fd);
	/* Every truncation, and every byte of the headers at its extreme. */
	fd = memfd_create("elf", 0);
	for (size_t i = 0; i < 1024; i++) {
		char was = elf[i];

		elf[i] = 0xff;
		assert_int_equal(pwrite(fd, elf, sizeof(elf), 0), sizeof(elf));
		assert_true(build_id_read(fd, words) <= BUILD_ID_MAX_WORDS);
		elf[i] = was;
		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_equal(pwrite(fd, elf, i, 0), i);
		assert_true(build_id_read(fd, words) <= BUILD_ID_MAX_WORDS);
	}
	close(fd);
}

/* Files are made in a directory of the test's own. */
static char scratch[] = "/tmp/test-files-scratch-XXXXXX";

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

static void regular_setup(void *shared)
{
	int fd = open(at("file"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	REQUIRE(fd == 0 && write(fd, "hello, world", 12) == 12 && lseek(fd, 5, SEEK_SET) == 5);
	REQUIRE(dup3(fd, 77, O_CLOEXEC) == 77);
	REQUIRE(open(scratch, O_RDONLY | O_DIRECTORY) == 1);
	REQUIRE(open("/dev/null", O_WRONLY | O_NONBLOCK) == 2);
	REQUIRE(open(at("file"), O_PATH) == 3);
	REQUIRE(open("/dev/urandom", O_RDONLY) == 4);
	REQUIRE(open("/proc/meminfo", O_RDONLY) == 5);
	REQUIRE(symlink("nowhere", at("link")) == 0);
	REQUIRE(open(at("link"), O_PATH | O_NOFOLLOW) == 6);
}

static void regular_check(void *shared)
{
	char buf[16] = "";
	struct stat st;

	REQUIRE(lseek(0, 0, SEEK_CUR) == 5);
	REQUIRE((fcntl(0, F_GETFL) & ~0x8000) == (O_RDWR | O_APPEND));
	REQUIRE(fcntl(0, F_GETFD) == 0 && fcntl(77, F_GETFD) == FD_CLOEXEC);
	REQUIRE(read(77, buf, 7) == 7 && !memcmp(buf, ", world", 7));
	REQUIRE(lseek(0, 0, SEEK_CUR) == 12);
	REQUIRE(fstat(1, &st) == 0 && S_ISDIR(st.st_mode));
	REQUIRE(fcntl(2, F_GETFL) & O_NONBLOCK && write(2, "x", 1) == 1);
	REQUIRE(fcntl(3, F_GETFL) & O_PATH && read(3, buf, 1) < 0 && errno == EBADF);
	REQUIRE(read(4, buf, 4) == 4);
	REQUIRE(read(5, buf, 8) == 8 && !memcmp(buf, "MemTotal", 8));
	REQUIRE(fstat(6, &st) == 0 && S_ISLNK(st.st_mode));
	REQUIRE(fcntl(7, F_GETFL) < 0 && fcntl(76, F_GETFL) < 0);
	REQUIRE(unlink(at("link")) == 0);
}

static void pipe_setup(void *shared)
{
	int p[2], q[2];
	char byte;

	REQUIRE(pipe2(p, O_NONBLOCK) == 0 && p[0] == 0 && p[1] == 1);
	REQUIRE(fcntl(0, F_SETPIPE_SZ, 131072) == 131072);
	for (int i = 0; i < 100000; i += 10)
		REQUIRE(write(1, "0123456789", 10) == 10);
	REQUIRE(read(0, &byte, 1) == 1 && byte == '0');
	/* One whose writer is gone, one whose reader is, one more reader of the first. */
	REQUIRE(pipe(q) == 0 && write(q[1], "last words", 10) == 10 && close(q[1]) == 0);
	REQUIRE(q[0] == 2 && pipe(q) == 0 && q[0] == 3 && q[1] == 4);
	REQUIRE(close(3) == 0 && open("/proc/self/fd/0", O_RDONLY) == 3);
	/* The inode's owner decides who may open it again. */
	REQUIRE(fchown(0, 12, 34) == 0);
}

static void pipe_check(void *shared)
{
	char buf[16];
	struct stat a, b;
	int bytes;

	REQUIRE(ioctl(0, FIONREAD, &bytes) == 0 && bytes == 99999);
	REQUIRE(fcntl(1, F_GETPIPE_SZ) == 131072);
	REQUIRE(fcntl(0, F_GETFL) == O_NONBLOCK && fcntl(1, F_GETFL) == (O_WRONLY | O_NONBLOCK));
	REQUIRE(read(0, buf, 9) == 9 && !memcmp(buf, "123456789", 9));
	REQUIRE(fstat(0, &a) == 0 && fstat(3, &b) == 0 && a.st_ino == b.st_ino);
	REQUIRE(a.st_uid == 12 && a.st_gid == 34);
	REQUIRE(!(fcntl(3, F_GETFL) & O_NONBLOCK) && read(3, buf, 1) == 1 && buf[0] == '0');
	REQUIRE(read(2, buf, 16) == 10 && !memcmp(buf, "last words", 10) && read(2, buf, 1) == 0);
	signal(SIGPIPE, SIG_IGN);
	REQUIRE(write(4, "x", 1) < 0 && errno == EPIPE);
}

static void fifo_setup(void *shared)
{
	REQUIRE(mkfifo(at("fifo"), 0640) == 0);
	REQUIRE(open(at("fifo"), O_RDWR) == 0);
	REQUIRE(open(at("fifo"), O_RDONLY | O_NOFOLLOW) == 1);
	REQUIRE(open(at("fifo"), O_WRONLY | O_NONBLOCK) == 2);
	REQUIRE(write(2, "content", 7) == 7);
	/* Readers without a writer: one never had any, one's has left. */
	REQUIRE(mkfifo(at("new"), 0600) == 0 && mkfifo(at("left"), 0600) == 0);
	REQUIRE(open(at("new"), O_RDONLY | O_NONBLOCK) == 3);
	REQUIRE(open(at("left"), O_RDONLY | O_NONBLOCK) == 4);
	REQUIRE(close(open(at("left"), O_WRONLY)) == 0);
}

static void fifo_check(void *shared)
{
	struct pollfd p[] = { { .fd = 3, .events = POLLIN }, { .fd = 4, .events = POLLIN } };
	char buf[16];

	REQUIRE(!(fcntl(1, F_GETFL) & O_NONBLOCK) && fcntl(2, F_GETFL) & O_NONBLOCK);
	REQUIRE(read(1, buf, 16) == 7 && !memcmp(buf, "content", 7));
	REQUIRE(write(2, "more", 4) == 4 && read(0, buf, 16) == 4);
	REQUIRE(poll(p, 2, 0) == 1 && !p[0].revents && p[1].revents == POLLHUP);
	REQUIRE(unlink(at("fifo")) == 0 && unlink(at("new")) == 0 && unlink(at("left")) == 0);
}

static void events_setup(void *shared)
{
	struct itimerspec once = { .it_value = { .tv_sec = 1000 } };
	struct itimerspec often = {
		.it_value = { .tv_nsec = 1000000 },
		.it_interval = { .tv_sec = 100 },
	};
	struct pollfd p = { .fd = 5, .events = POLLIN };
	struct timespec now;
	uint64_t value = 0x123456789abcdef;
	sigset_t set;

	REQUIRE(eventfd(0, EFD_NONBLOCK) == 0 && write(0, &value, 8) == 8);
	REQUIRE(eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC) == 1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	REQUIRE(signalfd(-1, &set, SFD_NONBLOCK) == 2);
	REQUIRE(timerfd_create(CLOCK_REALTIME, 0) == 3 && timerfd_settime(3, 0, &once, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	once.it_value.tv_sec += now.tv_sec;
	REQUIRE(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) == 4);
	REQUIRE(timerfd_settime(4, TFD_TIMER_ABSTIME, &once, NULL) == 0);
	/* Has expired, has an interval, and nobody looked: it must go on all the same. */
	REQUIRE(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK) == 5);
	REQUIRE(timerfd_settime(5, 0, &often, NULL) == 0);
	REQUIRE(poll(&p, 1, 1000) == 1);
	REQUIRE(timerfd_create(CLOCK_MONOTONIC, 0) == 6);
}

static void events_check(void *shared)
{
	struct signalfd_siginfo info;
	struct itimerspec its;
	uint64_t value;

	REQUIRE(read(0, &value, 8) == 8 && value == 0x123456789abcdef);
	REQUIRE(read(0, &value, 8) < 0 && errno == EAGAIN);
	REQUIRE(fcntl(1, F_GETFD) == FD_CLOEXEC);
	REQUIRE(read(1, &value, 8) == 8 && value == 1 && read(1, &value, 8) == 8 && value == 1);
	REQUIRE(read(2, &info, sizeof(info)) < 0 && errno == EAGAIN);
	REQUIRE(raise(SIGUSR1) == 0 && raise(SIGUSR2) == 0 && raise(SIGRTMAX) == 0);
	REQUIRE(read(2, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1);
	REQUIRE(read(2, &info, sizeof(info)) == sizeof(info) && (int)info.ssi_signo == SIGRTMAX);
	REQUIRE(timerfd_gettime(3, &its) == 0 && its.it_value.tv_sec > 990 &&
		its.it_value.tv_sec < 1000);
	REQUIRE(timerfd_gettime(4, &its) == 0 && its.it_value.tv_sec > 990 &&
		its.it_value.tv_sec < 1000);
	REQUIRE(timerfd_gettime(5, &its) == 0 && its.it_value.tv_sec > 90 &&
		its.it_value.tv_sec < 100 && its.it_interval.tv_sec == 100);
	REQUIRE(read(5, &value, 8) == 8 && value == 1);
	REQUIRE(timerfd_gettime(6, &its) == 0 && !its.it_value.tv_sec && !its.it_value.tv_nsec);
}

static void watch(int epoll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	REQUIRE(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void epoll_setup(void *shared)
{
	struct epoll_event e;
	int p[2];

	REQUIRE(epoll_create1(0) == 0 && epoll_create1(0) == 1);
	REQUIRE(eventfd(1, 0) == 2 && eventfd(0, 0) == 3 && eventfd(0, 0) == 4);
	watch(1, 2, EPOLLIN | EPOLLET, 0xabcdef0123456789);
	watch(0, 1, EPOLLIN, 1);
	watch(0, 3, EPOLLIN | EPOLLRDHUP, 3);
	/* Added as 4, now 40; the number 4 is another file's. */
	watch(0, 4, EPOLLIN, 44);
	REQUIRE(dup2(4, 40) == 40 && dup2(3, 4) == 4);
	/* Has fired: by an event that is still there, and by a byte that was read. */
	REQUIRE(epoll_create1(0) == 5);
	watch(5, 2, EPOLLIN | EPOLLONESHOT, 52);
	REQUIRE(epoll_wait(5, &e, 1, 0) == 1);
	REQUIRE(pipe(p) == 0 && p[0] == 6 && p[1] == 7 && write(7, "x", 1) == 1);
	watch(5, 6, EPOLLIN | EPOLLONESHOT, 56);
	REQUIRE(epoll_wait(5, &e, 1, 0) == 1 && read(6, &e, 1) == 1);
	/* Armed, has not fired. */
	watch(5, 3, EPOLLIN | EPOLLONESHOT, 53);
}

static int wait_for(int epoll, uint64_t data)
{
	struct epoll_event e[8];
	int n = epoll_wait(epoll, e, 8, 0);

	for (int i = 0; i < n; i++)
		if (e[i].data.u64 == data)
			return e[i].events;
	return 0;
}

static void epoll_check(void *shared)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 57 };
	uint64_t one = 1;
	char byte;

	REQUIRE(wait_for(0, 1) == EPOLLIN && wait_for(1, 0xabcdef0123456789) == EPOLLIN);
	/* The edge has been seen. */
	REQUIRE(wait_for(1, 0xabcdef0123456789) == 0);
	REQUIRE(wait_for(0, 3) == 0 && wait_for(0, 44) == 0);
	REQUIRE(write(40, &one, 8) == 8 && wait_for(0, 44) == EPOLLIN);
	REQUIRE(wait_for(5, 52) == 0);
	REQUIRE(write(7, "y", 1) == 1 && wait_for(5, 56) == 0);
	REQUIRE(epoll_ctl(5, EPOLL_CTL_MOD, 6, &e) == 0 && wait_for(5, 57) == EPOLLIN);
	REQUIRE(read(6, &byte, 1) == 1 && byte == 'y');
	REQUIRE(write(3, &one, 8) == 8 && wait_for(5, 53) == EPOLLIN && wait_for(5, 53) == 0);
	/* Closing the last descriptor of a fired pipe leaves the set silent. */
	REQUIRE(wait_for(0, 3) == EPOLLIN);
}

static void owner_setup(void *shared)
{
	struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = getpid() };
	int p[2];

	REQUIRE(pipe(p) == 0);
	/* Who set it, by real and effective uid, is noted too. */
	REQUIRE(setresuid(3, 4, 0) == 0);
	REQUIRE(fcntl(0, F_SETOWN_EX, &owner) == 0 && fcntl(0, F_SETSIG, SIGRTMIN) == 0);
	REQUIRE(setresuid(0, 0, 0) == 0);
	REQUIRE(fcntl(0, F_SETFL, O_ASYNC) == 0);
}

static void owner_check(void *shared)
{
	struct f_owner_ex owner;
	uid_t uids[2];

	REQUIRE(getuid() == 0 && geteuid() == 0);
	REQUIRE(fcntl(0, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_PID);
	REQUIRE(owner.pid == getpid() && fcntl(0, F_GETSIG) == SIGRTMIN);
	REQUIRE(fcntl(0, 17 /* F_GETOWNER_UIDS */, uids) == 0 && uids[0] == 3 && uids[1] == 4);
	REQUIRE(fcntl(0, F_GETFL) & O_ASYNC && fcntl(1, F_GETSIG) == 0);
}

static void deleted_setup(void *shared)
{
	REQUIRE(open(at("gone"), O_RDWR | O_CREAT, 0600) == 0 && unlink(at("gone")) == 0);
	REQUIRE(write(0, "too much", 8) == 8);
}

static void deleted_check(void *shared)
{
	char text[16];
	struct stat st;

	REQUIRE(pread(0, text, sizeof(text), 0) == 8 && !memcmp(text, "too much", 8));
	REQUIRE(lseek(0, 0, SEEK_CUR) == 8 && fstat(0, &st) == 0 && !st.st_nlink);
	REQUIRE(access(at("gone"), F_OK) < 0);
}

static void linked_setup(void *shared)
{
	char other[128];

	snprintf(other, sizeof(other), "%s", at("link"));
	REQUIRE(open(at("gone"), O_RDWR | O_CREAT, 0600) == 0 && link(at("gone"), other) == 0);
	REQUIRE(unlink(at("gone")) == 0);
}

static void replaced_setup(void *shared)
{
	char old[128];

	REQUIRE(open(at("one"), O_RDWR | O_CREAT, 0600) == 0);
	REQUIRE(close(open(at("two"), O_RDWR | O_CREAT, 0600)) == 0);
	snprintf(old, sizeof(old), "%s", at("two"));
	REQUIRE(rename(old, at("one")) == 0 && write(0, "old", 3) == 3);
}

static void inotify_setup(void *shared)
{
	REQUIRE(inotify_init() == 0);
}

static void proc_setup(void *shared)
{
	REQUIRE(open("/proc/self/status", O_RDONLY) == 0);
}

static void lock_setup(void *shared)
{
	REQUIRE(open(at("locked"), O_RDWR | O_CREAT, 0600) == 0 && flock(0, LOCK_EX) == 0);
}

static void packets_setup(void *shared)
{
	int p[2];

	REQUIRE(pipe2(p, O_DIRECT) == 0);
}

static void stranger_setup(void *shared)
{
	REQUIRE(open(at("file"), O_RDONLY) == 0 && fcntl(0, F_SETOWN, 1) == 0);
}

static void master_setup(void *shared)
{
	REQUIRE(open("/dev/ptmx", O_RDWR | O_NOCTTY) == 0);
}

static void kmsg_setup(void *shared)
{
	REQUIRE(open("/dev/kmsg", O_RDONLY) == 0);
}

static void namespace_setup(void *shared)
{
	REQUIRE(open("/proc/self/ns/net", O_RDONLY) == 0);
}

/* The reader of the pipe is outside. */
static void outside_setup(void *shared)
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	harness_leave_outside();
	REQUIRE(close(p[0]) == 0);
}

/* Nothing but a child holds the target; its number means another file. */
static void target_setup(void *shared)
{
	REQUIRE(epoll_create1(0) == 0 && eventfd(0, 0) == 1);
	watch(0, 1, EPOLLIN, 1);
	harness_leave_outside();
	REQUIRE(close(1) == 0 && open("/dev/null", O_RDONLY) == 1);
}

static void full_pipe_setup(void *shared)
{
	struct epoll_event e;
	char page[4096] = "";
	int p[2];

	REQUIRE(pipe2(p, O_NONBLOCK) == 0 && epoll_create1(0) == 2);
	watch(2, 1, EPOLLOUT | EPOLLONESHOT, 1);
	REQUIRE(epoll_wait(2, &e, 1, 0) == 1);
	while (write(1, page, sizeof(page)) > 0)
		;
}

/* What was dumped is not what is there any more. */
static void stale_setup(void *shared)
{
	char buf[65536];
	int from = open("/bin/true", O_RDONLY);
	ssize_t n = read(from, buf, sizeof(buf));

	REQUIRE(n > 4096 && close(from) == 0);
	REQUIRE(open(at("stale"), O_RDWR | O_CREAT | O_TRUNC, 0755) == 0);
	REQUIRE(write(0, buf, n) == n);
}

static void stale_size(void *shared)
{
	assert_int_equal(truncate(at("stale"), 100), 0);
}

static void stale_mode(void *shared)
{
	assert_int_equal(chmod(at("stale"), 0700), 0);
}

static void stale_name(void *shared)
{
	assert_int_equal(unlink(at("stale")), 0);
}

static void stale_type(void *shared)
{
	assert_int_equal(unlink(at("stale")), 0);
	assert_int_equal(mkfifo(at("stale"), 0755), 0);
}

/* Another program of the same size. */
static void stale_build(void *shared)
{
	static const char mark[] = "\4\0\0\0\24\0\0\0\3\0\0\0GNU";
	char buf[4096], *note;
	int fd = open(at("stale"), O_RDWR);

	assert_int_equal(read(fd, buf, sizeof(buf)), sizeof(buf));
	note = memmem(buf, sizeof(buf), mark, sizeof(mark));
	assert_non_null(note);
	note[sizeof(mark)] ^= 1;
	assert_int_equal(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
	close(fd);
}

static void kept_setup(void *shared)
{
	REQUIRE(mkfifo(at("kept"), 0600) == 0 && open(at("kept"), O_RDWR) == 0);
	REQUIRE(write(0, "x", 1) == 1);
}

/* Somebody put data into it: whose is whose can't be told. */
static void kept_content(void *shared)
{
	int fd = open(at("kept"), O_RDWR);

	assert_int_equal(write(fd, "y", 1), 1);
	*(int *)shared = fd;
}

static void test_stale(void **state)
{
	static const struct harness_case cases[] = {
		{ .setup = stale_setup, .between = stale_size },
		{ .setup = stale_setup, .between = stale_mode },
		{ .setup = stale_setup, .between = stale_name },
		{ .setup = stale_setup, .between = stale_type },
		{ .setup = stale_setup, .between = stale_build },
		{ .setup = kept_setup, .between = kept_content },
	};

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unlink(at("stale"));
		print_message("stale %zu\n", i);
		harness_cannot_restore(&cases[i]);
	}
	close(*(int *)harness_shared());
}

static void test_round_trips(void **state)
{
	static const struct harness_case cases[] = {
		{ .setup = regular_setup, .check = regular_check },
		{ .setup = pipe_setup, .check = pipe_check },
		{ .setup = fifo_setup, .check = fifo_check },
		{ .setup = events_setup, .check = events_check },
		{ .setup = epoll_setup, .check = epoll_check },
		{ .setup = owner_setup, .check = owner_check },
		{ .setup = deleted_setup, .check = deleted_check, .opts = { .ghost_limit = 8 } },
	};

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		harness_round_trip(&cases[i]);
}

static void test_refusals(void **state)
{
	static void (*const setups[])(void *) = {
		deleted_setup, replaced_setup, linked_setup, inotify_setup, proc_setup, lock_setup,
		packets_setup, stranger_setup, master_setup, kmsg_setup,
		namespace_setup, outside_setup, target_setup, full_pipe_setup,
	};

	if (geteuid())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(setups); i++) {
		const struct harness_case c = { .setup = setups[i] };

		print_message("refusal %zu\n", i);
		assert_int_equal(harness_dump(&c), -ENOTSUP);
	}
}

static int make_scratch(void **state)
{
	return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
	static const char *const names[] = {
		"file", "fifo", "kept", "link", "locked", "one", "stale",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(at(names[i]));
	return rmdir(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eventfd_text),
		cmocka_unit_test(test_signalfd_text),
		cmocka_unit_test(test_timerfd_text),
		cmocka_unit_test(test_epoll_text),
		cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_stale),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
