// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fault becomes one message that says what happened, where, and to whom; the
 * faulting thread sleeps until it is woken and then looks again.
 */
#include <sys/uio.h>

#include "test.h"

static void contents(bool write, uint64_t features, size_t offset, uint64_t want_offset)
{
	int uffd = uffd_open(features);
	char *p = map_anon(4);
	struct abi_msg msg;
	struct toucher t;
	size_t i;

	MUST(uffd_register(uffd, p, 4 * PAGE, MODE_MISSING) == 0);
	touch_start(&t, p + offset, write);
	msg = uffd_expect(uffd, EVENT_PAGEFAULT);
	for (i = 0; i < sizeof(msg.zero); i++)
		EQUAL(msg.zero[i], 0);
	EQUAL(msg.pagefault.flags, write ? FAULT_WRITE : 0);
	EQUAL(msg.pagefault.address - (uint64_t)p, want_offset);
	EQUAL(msg.pagefault.ptid, features & F_THREAD_ID ? t.tid : 0);
	CHECK(!touch_done(&t));
	EQUAL(uffd_zeropage(uffd, p + PAGE, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), write ? 'w' : 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static void read_fault(void)
{
	contents(false, 0, PAGE + 123, PAGE);
}

static void write_fault(void)
{
	contents(true, 0, PAGE + 123, PAGE);
}

static void thread_id(void)
{
	contents(false, F_THREAD_ID, PAGE, PAGE);
}

static void exact_address(void)
{
	contents(true, F_EXACT_ADDRESS, PAGE + 123, PAGE + 123);
}

/* A wake names pages; a waiter with an exact address inside of them is meant. */
static void exact_address_is_woken(void)
{
	int uffd = uffd_open(F_EXACT_ADDRESS);
	char *p = map_anon(1);
	struct toucher t;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	touch_start(&t, p + PAGE - 1, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_zeropage(uffd, p, PAGE, FILL_DONTWAKE), PAGE);
	nap(20);
	CHECK(!touch_done(&t));
	EQUAL(uffd_wake(uffd, p, PAGE), 0);
	EQUAL(touch_end(&t), 0);
}

static void present_page_is_no_fault(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(2);
	struct abi_msg msg;

	p[0] = 'x';
	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	EQUAL(p[0], 'x');
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static void sigbus_feature(void)
{
	int uffd = uffd_open(F_SIGBUS), pipefd[2];
	char *p = map_anon(2);
	struct abi_msg msg;

	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0 && pipe(pipefd) == 0);
	CHECK(touch_is_sigbus(p, false));
	CHECK(touch_is_sigbus(p + PAGE, true));
	EQUAL(write(pipefd[1], p, 1) < 0 ? -errno : 0, -EFAULT);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	CHECK(!touch_is_sigbus(p, false));
}

static void shared_memory(void)
{
	int uffd = uffd_open(F_MISSING_SHMEM);
	char *p = map_memfd(4 * PAGE, 0, MAP_SHARED, NULL);
	static char src[PAGE];
	struct toucher t;

	memset(src, 's', PAGE);
	MUST(uffd_register(uffd, p, 4 * PAGE, MODE_MISSING) == 0);
	touch_start(&t, p + 2 * PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags, FAULT_WRITE);
	EQUAL(uffd_copy(uffd, p + 2 * PAGE, src, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 'w');
	EQUAL(p[2 * PAGE + 1], 's');
}

static void private_shmem(void)
{
	int uffd = uffd_open(F_MISSING_SHMEM), fd;
	char *p = map_memfd(2 * PAGE, 0, MAP_PRIVATE, &fd);
	static char src[PAGE];
	struct toucher t;
	char c = 'f';

	memset(src, 's', PAGE);
	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	touch_start(&t, p, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 's');
	/* The file didn't get it. */
	EQUAL(pread(fd, &c, 1, 0), 1);
	EQUAL(c, 0);
}

/* A lookup of foreign memory that can wait does, and sees the page in the end. */
static void *read_by_vm_readv(void *arg)
{
	char c = 'x';
	struct iovec to = { &c, 1 }, from = { arg, 1 };

	return (void *)(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1 ? (long)c : -1L);
}

static void through_process_vm_readv(void)
{
	static char src[PAGE] = "m";
	int uffd = uffd_open(0);
	char *p = map_anon(1);
	pthread_t thread;
	void *got;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(read_by_vm_readv, p);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
	pthread_join(thread, &got);
	EQUAL((long)got, 'm');
}

/* One that can't wait fails, and neither hangs nor makes up a page. */
static void through_proc_mem(void)
{
	int uffd = uffd_open(0), fd = open("/proc/self/mem", O_RDONLY);
	char *p = map_anon(1), c = 'x';
	struct abi_msg msg;

	MUST(fd >= 0 && uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	EQUAL(pread(fd, &c, 1, (off_t)p) < 0 ? -errno : 0, -EIO);
	EQUAL(c, 'x');
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	CHECK(!page_there(p));
}

/* A dump must not hang on a page that nobody fills. */
static int dump_core(void *arg)
{
	int uffd = uffd_open(0);
	char *p = map_anon(1);

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	abort();
}

static void core_dump_ends(void)
{
	EQUAL(child_status(child_start(dump_core, NULL)), -SIGABRT);
}

static const struct test_case cases[] = {
	{ "a read fault: address of the page, no flags", read_fault },
	{ "a write fault is flagged so", write_fault },
	{ "THREAD_ID names the thread", thread_id },
	{ "EXACT_ADDRESS names the byte", exact_address },
	{ "a wake of the page reaches a waiter with an exact address", exact_address_is_woken },
	{ "a present page raises no fault", present_page_is_no_fault },
	{ "SIGBUS instead of a message", sigbus_feature },
	{ "shared memory", shared_memory },
	{ "a private mapping of shared memory gets a page of its own", private_shmem },
	{ "an access by process_vm_readv waits", through_process_vm_readv },
	{ "an access by /proc/self/mem fails and makes no page", through_proc_mem },
	{ "a core dump doesn't wait for a page", core_dump_ends },
};
TEST_MAIN(cases)
