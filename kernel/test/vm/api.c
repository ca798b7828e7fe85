// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake: who may have a context, and what it says before and when it is
 * asked for features. Nobody without privilege gets one that catches the
 * kernel's own accesses, unless the administrator says so.
 */
#include <grp.h>
#include <sys/uio.h>

#include "test.h"

#define SYSCTL "/proc/sys/vm/unprivileged_userfaultfd"

static void wrong_flags(void)
{
	EQUAL(uffd_raw(2), -EINVAL);
	EQUAL(uffd_raw(O_APPEND), -EINVAL);
	EQUAL(uffd_raw(1 << 30), -EINVAL);
}

static void flags_of_the_file(void)
{
	static const int flags[] = { 0, O_CLOEXEC, O_NONBLOCK, USER_MODE_ONLY };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		int uffd = uffd_raw(flags[i]);

		MUST(uffd >= 0);
		EQUAL(fcntl(uffd, F_GETFD), flags[i] & O_CLOEXEC ? FD_CLOEXEC : 0);
		EQUAL(fcntl(uffd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), flags[i] & O_NONBLOCK);
		close(uffd);
	}
}

static void name_of_the_file(void)
{
	char path[64], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", uffd_open(0));
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	EQUAL(strcmp(link, "anon_inode:[userfaultfd]"), 0);
}

static void all_is_einval_before_the_handshake(void)
{
	static const unsigned long cmds[] = {
		IOC_REGISTER, IOC_UNREGISTER, IOC_WAKE, IOC_COPY, IOC_ZEROPAGE, IOC_MOVE,
		IOC_WRITEPROTECT, IOC_CONTINUE, IOC_POISON,
	};
	int uffd = uffd_raw(O_NONBLOCK);
	struct abi_msg msg;
	size_t i;

	MUST(uffd >= 0);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		/* A valid argument, that only the missing handshake can be wrong with. */
		uint64_t arg[5] = { (uint64_t)map_anon(1), PAGE, 1, 1, 0 };

		EQUAL(ioctl(uffd, cmds[i], arg) ? -errno : 0, -EINVAL);
	}
	EQUAL(uffd_next(uffd, &msg), -EINVAL);
	EQUAL(uffd_revents(uffd), POLLERR);
}

static void handshake_answers(void)
{
	struct abi_api api = { .api = API_VERSION };
	int uffd = uffd_raw(O_NONBLOCK);

	EQUAL(ioctl(uffd, IOC_API, &api), 0);
	EQUAL(api.api, API_VERSION);
	EQUAL(api.features & F_ALL, F_ALL);
	EQUAL(api.ioctls, IOCTLS_API);
	EQUAL(uffd_revents(uffd), 0);
}

static void refused_handshake(int uffd, uint64_t version, uint64_t features, int why)
{
	struct abi_api api = { .api = version, .features = features, .ioctls = 7 };

	EQUAL(ioctl(uffd, IOC_API, &api) ? -errno : 0, why);
	EQUAL(api.api, 0);
	EQUAL(api.features, 0);
	EQUAL(api.ioctls, 0);
}

static void refused_handshakes(void)
{
	int uffd = uffd_raw(O_NONBLOCK);

	refused_handshake(uffd, 0xab, 0, -EINVAL);
	refused_handshake(uffd, 0, 0, -EINVAL);
	refused_handshake(uffd, API_VERSION, 1ULL << 40, -EINVAL);
	refused_handshake(uffd, API_VERSION, 1ULL << 63, -EINVAL);
	/* The bit that the kernel keeps its own mark in is no feature. */
	refused_handshake(uffd, API_VERSION, 1ULL << 31, -EINVAL);
	EQUAL(ioctl(uffd, IOC_API, NULL) ? -errno : 0, -EFAULT);
	/* None of them has spoilt the context. */
	EQUAL(uffd_api(uffd, F_EVENT_REMOVE), 0);
}

static void one_handshake_only(void)
{
	int uffd = uffd_open(F_EVENT_REMOVE);

	EQUAL(uffd_api(uffd, 0), -EINVAL);
	EQUAL(uffd_api(uffd, F_EVENT_REMOVE), -EINVAL);
}

static void unknown_ioctls(void)
{
	int uffd = uffd_open(0);
	uint64_t arg[8] = { 0 };

	EQUAL(ioctl(uffd, _IOWR(0xaa, 0x3e, struct abi_api), arg) ? -errno : 0, -EINVAL);
	EQUAL(ioctl(uffd, _IOWR(0xab, NR_API, struct abi_api), arg) ? -errno : 0, -EINVAL);
	/* The right number with another size is another ioctl. */
	EQUAL(ioctl(uffd, _IOWR(0xaa, NR_COPY, struct abi_api), arg) ? -errno : 0, -EINVAL);
}

static void become_nobody(void)
{
	MUST(setgroups(0, NULL) == 0);
	MUST(setgid(65534) == 0);
	MUST(setuid(65534) == 0);
	prctl(PR_SET_DUMPABLE, 1);
}

static void unprivileged(void)
{
	struct abi_api api = { .api = API_VERSION, .features = F_EVENT_FORK };
	int uffd;

	if (file_number(SYSCTL) != 0)
		test_skip("the sysctl is not 0");
	become_nobody();
	EQUAL(uffd_raw(0), -EPERM);
	uffd = uffd_raw(USER_MODE_ONLY);
	MUST(uffd >= 0);
	/* Fork events hand out contexts of other tasks. */
	EQUAL(ioctl(uffd, IOC_API, &api) ? -errno : 0, -EPERM);
	EQUAL(api.api | api.features | api.ioctls, 0);
	EQUAL(uffd_api(uffd, F_EVENT_REMAP), 0);
}

/* The sysctl is the machine's: it is put back whatever becomes of the case. */
static int nobody_tries(void *arg)
{
	become_nobody();
	return uffd_raw(0) >= 0 ? 0 : 1;
}

static void sysctl(void)
{
	long before = file_number(SYSCTL);
	char text[16];

	EQUAL(before == 0 || before == 1, true);
	MUST(file_write(SYSCTL, "1") == 0);
	EQUAL(file_number(SYSCTL), 1);
	EQUAL(child_status(child_start(nobody_tries, NULL)), 0);
	EQUAL(file_write(SYSCTL, "2"), -EINVAL);
	EQUAL(file_write(SYSCTL, "-1"), -EINVAL);
	EQUAL(file_number(SYSCTL), 1);
	MUST(file_write(SYSCTL, "0") == 0);
	EQUAL(child_status(child_start(nobody_tries, NULL)), 1);
	snprintf(text, sizeof(text), "%ld", before);
	EQUAL(file_write(SYSCTL, text), 0);
}

static void device(void)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	struct abi_api api = { .api = API_VERSION };
	int uffd;

	if (dev < 0 && errno == ENOENT)
		test_skip("no /dev/userfaultfd");
	MUST(dev >= 0);
	EQUAL(ioctl(dev, IOC_NEW, 2) ? -errno : 0, -EINVAL);
	EQUAL(ioctl(dev, IOC_API, &api) ? -errno : 0, -EINVAL);
	EQUAL(ioctl(dev, _IO(0xaa, 1), 0) ? -errno : 0, -EINVAL);
	/* Whoever could open it needs no other privilege. */
	become_nobody();
	uffd = ioctl(dev, IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	MUST(uffd >= 0);
	EQUAL(fcntl(uffd, F_GETFD), FD_CLOEXEC);
	EQUAL(uffd_api(uffd, 0), 0);
	EQUAL(open("/dev/userfaultfd", O_RDWR), -1);
}

/* The argument is a long: what does not fit into the flags is a flag nobody knows. */
static void device_flags_are_long(void)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	if (dev < 0 && errno == ENOENT)
		test_skip("no /dev/userfaultfd");
	MUST(dev >= 0);
	EQUAL(ioctl(dev, IOC_NEW, 1UL << 32) < 0 ? -errno : 0, -EINVAL);
	EQUAL(ioctl(dev, IOC_NEW, 1UL << 63 | O_CLOEXEC) < 0 ? -errno : 0, -EINVAL);
	CHECK(ioctl(dev, IOC_NEW, (unsigned long)O_CLOEXEC) >= 0);
}

/* The kernel reaches into the page for us; ours is no user mode access then. */
static void user_mode_only(void)
{
	int uffd = uffd_raw(O_NONBLOCK | USER_MODE_ONLY);
	char *p = map_anon(2);
	struct toucher t;
	int pipefd[2];

	MUST(uffd >= 0 && uffd_api(uffd, 0) == 0 && pipe(pipefd) == 0);
	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	EQUAL(write(pipefd[1], p, 1) < 0 ? -errno : 0, -EFAULT);
	touch_start(&t, p, false);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address, (long)p);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
	EQUAL(write(pipefd[1], p, 1), 1);
}

static void *write_to_pipe(void *arg)
{
	long *a = arg;

	a[2] = write(a[0], (void *)a[1], 1);
	return NULL;
}

static void kernel_accesses_wait_too(void)
{
	int uffd = uffd_open(0), pipefd[2];
	char *p = map_anon(1);
	pthread_t thread;
	long arg[3];

	MUST(pipe(pipefd) == 0);
	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	arg[0] = pipefd[1];
	arg[1] = (long)p;
	thread = thread_start(write_to_pipe, arg);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	pthread_join(thread, NULL);
	EQUAL(arg[2], 1);
}

static const struct test_case cases[] = {
	{ "unknown flags of the system call are refused", wrong_flags },
	{ "the file has the flags that were asked for", flags_of_the_file },
	{ "the file has the name that checkpoints look for", name_of_the_file },
	{ "everything is EINVAL before the handshake", all_is_einval_before_the_handshake },
	{ "the handshake tells all features and ioctls", handshake_answers },
	{ "a refused handshake zeroes its argument", refused_handshakes },
	{ "there is one handshake for a context", one_handshake_only },
	{ "unknown ioctls are refused", unknown_ioctls },
	{ "without privilege: user mode only, and no fork events", unprivileged },
	{ "the sysctl lets everybody in, and is 0 or 1", sysctl },
	{ "who has the device open needs no privilege", device },
	{ "no flag of the device's is cut off", device_flags_are_long, .better = true },
	{ "a user mode only context leaves the kernel's accesses alone", user_mode_only },
	{ "the kernel's accesses wait as those of user mode", kernel_accesses_wait_too },
};
TEST_MAIN(cases)
