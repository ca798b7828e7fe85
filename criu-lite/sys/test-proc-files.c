// SPDX-License-Identifier: GPL-2.0-only
/* fdinfo, mountinfo and time namespace offsets, on saved and on hostile text. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/huge_pool.h"
#include "sys/mountinfo.h"
#include "sys/proc_fdinfo.h"
#include "sys/timens.h"
#include "util/cleanup.h"
#include "util/macro.h"
#include "util/scan.h"

static void test_fdinfo(void **state)
{
	struct proc_fdinfo info;

	assert_int_equal(proc_fdinfo_parse("pos:\t4096\nflags:\t02100002\nmnt_id:\t15\nino:\t77\n"
					   "eventfd-count:                 a\n", &info), 0);
	assert_int_equal(info.pos, 4096);
	assert_int_equal(info.flags, 02100002);
	assert_int_equal(info.mnt_id, 15);
	assert_int_equal(info.ino, 77);
	assert_string_equal(info.rest, "eventfd-count:                 a\n");
	/* What older kernels lack. */
	assert_int_equal(proc_fdinfo_parse("pos:\t0\nflags:\t00\nclockid: 1\n", &info), 0);
	assert_int_equal(info.mnt_id, -1);
	assert_int_equal(info.ino, 0);
	assert_string_equal(info.rest, "clockid: 1\n");
	/* /proc/PID/mem has offsets beyond 2^63. */
	assert_int_equal(proc_fdinfo_parse("pos:\t-4096\nflags:\t00\n", &info), 0);
	assert_true(info.pos == -4096ULL);
	assert_string_equal(info.rest, "");
}

static void test_fdinfo_malformed(void **state)
{
	static const char *const bad[] = {
		"", "pos:", "pos:\t1\n", "flags:\t02\npos:\t1\n", "pos:\tx\nflags:\t02\n",
		"pos:\t1\nflags:\t08\n", "pos:\t1\nflags:\t0777777777777\n",
		"pos:\t9223372036854775808\nflags:\t02\n", "pos:\t1 2\nflags:\t02\n",
		"pos:\t1\nflags:\t02\nmnt_id:\tx\n", "pos:\t1\nflags:\t02\nmnt_id:\t1\nino:\t-1\n",
	};
	struct proc_fdinfo info;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(proc_fdinfo_parse(bad[i], &info), -EINVAL);
}

static void test_fdinfo_fields(void **state)
{
	static const char text[] =
		"tfd:        5 events:       1d data:           2a  pos:0 ino:1 sdev:2\n"
		"xtfd: 1\n"
		"tfd:        6 events:        1 data: ffffffffffffffff  pos:0 ino:3 sdev:2\n"
		"sigmask:\t8000000000000001\n"
		"big: 18446744073709551616\n"
		"two: 1 2\n"
		"none:\n";
	const char *p = text, *v;
	uint64_t n;

	v = fdinfo_next(&p, "tfd:");
	assert_non_null(v);
	assert_true(scan_u64(&v, 10, &n));
	assert_int_equal(n, 5);
	v = fdinfo_next(&p, "tfd:");
	assert_non_null(v);
	assert_true(scan_u64(&v, 10, &n));
	assert_int_equal(n, 6);
	assert_null(fdinfo_next(&p, "tfd:"));

	assert_int_equal(fdinfo_u64(text, "sigmask:", 16, &n), 0);
	assert_true(n == 0x8000000000000001);
	assert_int_equal(fdinfo_u64(text, "mask:", 16, &n), -ENOENT);
	assert_int_equal(fdinfo_u64(text, "big:", 10, &n), -EINVAL);
	assert_int_equal(fdinfo_u64(text, "two:", 10, &n), -EINVAL);
	assert_int_equal(fdinfo_u64(text, "none:", 10, &n), -EINVAL);
	assert_null(fdinfo_field("", "tfd:"));
}

static void test_fdinfo_live(void **state)
{
	_cleanup_close_ int fd = eventfd(0x1f, EFD_CLOEXEC | EFD_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct proc_fdinfo info;
	uint64_t n;

	assert_int_equal(proc_fdinfo_read(getpid(), fd, &info, &text), 0);
	assert_int_equal(info.flags, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_int_equal(fdinfo_u64(info.rest, "eventfd-count:", 16, &n), 0);
	assert_int_equal(n, 0x1f);
	assert_int_equal(proc_fdinfo_read(getpid(), 65000, &info, &text), -ENOENT);
}

static void test_mountinfo(void **state)
{
	struct mountinfo info;
	const struct mount_info *m;

	assert_int_equal(mountinfo_parse(
		"36 35 98:0 /mnt1 /a\\040b\\011c\\134040 rw,noatime shared:1 master:2 "
		"propagate_from:3 unbindable new:tag - ext3 /dev/root rw,errors=continue\n"
		"37 36 0:21 / /proc rw - proc  rw\n", &info), 0);
	assert_int_equal(info.n_mounts, 2);
	m = mountinfo_find(&info, 36);
	assert_int_equal(m->parent, 35);
	assert_int_equal(m->major, 98);
	assert_string_equal(m->root, "/mnt1");
	assert_string_equal(m->mountpoint, "/a b\tc\\040");
	assert_string_equal(m->options, "rw,noatime");
	assert_int_equal(m->shared, 1);
	assert_int_equal(m->master, 2);
	assert_int_equal(m->propagate_from, 3);
	assert_true(m->unbindable);
	assert_string_equal(m->fstype, "ext3");
	assert_string_equal(m->source, "/dev/root");
	assert_string_equal(m->super_options, "rw,errors=continue");
	m = mountinfo_find(&info, 37);
	assert_int_equal(m->minor, 21);
	assert_int_equal(m->shared, 0);
	assert_string_equal(m->source, "");
	assert_string_equal(m->super_options, "rw");
	assert_null(mountinfo_find(&info, 38));
	mountinfo_fini(&info);
	assert_int_equal(mountinfo_read(getpid(), &info), 0);
	assert_true(info.n_mounts > 0);
	mountinfo_fini(&info);
}

static void test_mountinfo_malformed(void **state)
{
	static const char *const bad[] = {
		"\n", "36", "36 35 98 / / rw - a b c\n", "36 35 98:0 / / rw\n",
		"36 35 98:0 / / rw -", "36 35 98:0 / / rw - \n", "36 35 98:0 / / rw - ext3\n",
		"36 35 98:0 / / rw shared:x - a b c\n", "36 35 98:0 / / rw shared:1- a b c\n",
		"36 35 98:0 / / rw - a b c d\n", "x 35 98:0 / / rw - a b c\n",
		"36 35 98:0 / / rw - a b c\n36 35 98:0 / /",
	};
	struct mountinfo info;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mountinfo_parse(bad[i], &info), -EINVAL);
		assert_int_equal(info.n_mounts, 0);
	}
	/* A backslash that is no escape stays. */
	assert_int_equal(mountinfo_parse("1 2 3:4 /\\ /\\08 rw - a \\4000 c\n", &info), 0);
	assert_string_equal(info.mounts[0].root, "/\\");
	assert_string_equal(info.mounts[0].mountpoint, "/\\08");
	assert_string_equal(info.mounts[0].source, "\\4000");
	mountinfo_fini(&info);
}

static void test_timens(void **state)
{
	static const char *const bad[] = {
		"", "monotonic 0 0\n", "monotonic 0 0\nmonotonic 0 0\n", "realtime 0 0\n",
		"monotonic 0\nboottime 0 0\n", "monotonic 0 1000000000\nboottime 0 0\n",
		"monotonic 0 -1\nboottime 0 0\n", "monotonic 0 0 0\nboottime 0 0\n",
		"monotonic 9223372036854775808 0\nboottime 0 0\n",
	};
	struct timens_offsets o;
	size_t i;

	assert_int_equal(timens_parse("monotonic    -86400         5\n"
				      "boottime         3 999999999\n", &o), 0);
	assert_int_equal(o.monotonic.sec, -86400);
	assert_int_equal(o.monotonic.nsec, 5);
	assert_int_equal(o.boottime.sec, 3);
	assert_int_equal(o.boottime.nsec, 999999999);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(timens_parse(bad[i], &o), -EINVAL);
}

/* In a child: exit status 0 passed, 77 not allowed to. */
static int timens_child(void)
{
	struct timens_offsets set = { { 1000, 500000000 }, { 2000, 0 } }, got;
	struct timespec before, after;
	int r, status;
	pid_t pid;

	r = timens_make(&set);
	if (r == -EPERM || r == -EINVAL)
		return 77;
	if (r < 0 || timens_read(getpid(), &got) < 0 || memcmp(&set, &got, sizeof(set)))
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &before);
	pid = fork();
	if (pid == 0) {
		clock_gettime(CLOCK_MONOTONIC, &after);
		_exit(after.tv_sec - before.tv_sec < 1000);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void test_timens_make(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(timens_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIP: no time namespaces, or not allowed to make one\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_huge_pool(void **state)
{
	static const struct {
		struct huge_pool pool;
		uint64_t room;
	} cases[] = {
		{ { 0, 0, 0, 0 }, 0 },
		{ { .free = 10 }, 10 },
		{ { .free = 10, .reserved = 4 }, 6 },
		{ { .free = 10, .reserved = 4, .surplus = 3, .overcommit = 20 }, 23 },
		/* A limit may be lowered below what is there. */
		{ { .free = 2, .surplus = 30, .overcommit = 20 }, 2 },
		{ { .free = 2, .reserved = 3, .overcommit = 5 }, 5 },
	};
	struct huge_pool pool;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(huge_pool_room(&cases[i].pool), cases[i].room);
	/* There are none of 8 KiB. */
	assert_int_equal(huge_pool_read(13, &pool), -ENOENT);
	err = huge_pool_read(21, &pool);
	assert_true(!err || err == -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_huge_pool),
		cmocka_unit_test(test_fdinfo),
		cmocka_unit_test(test_fdinfo_malformed),
		cmocka_unit_test(test_fdinfo_fields),
		cmocka_unit_test(test_fdinfo_live),
		cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_mountinfo_malformed),
		cmocka_unit_test(test_timens),
		cmocka_unit_test(test_timens_make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
