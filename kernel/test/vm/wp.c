// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write protection: each first write to a protected page is known, none is lost,
 * and nothing but writes to protected pages is. With WP_ASYNC the kernel lets
 * them go on by itself and keeps the record; with WP_UNPOPULATED also what isn't
 * there yet can be protected.
 */
#include "test.h"

#define PAGES 4

static char *armed(int uffd, bool filled, uint64_t mode)
{
	char *p = map_anon(PAGES);

	if (filled)
		memset(p, 'f', PAGES * PAGE);
	MUST(uffd_register(uffd, p, PAGES * PAGE, mode) == 0);
	return p;
}

static void writes_wait(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, true, MODE_WP);
	struct abi_msg msg;
	struct toucher t;

	EQUAL(uffd_writeprotect(uffd, p, 2 * PAGE, WP_ON), 0);
	EQUAL(p[0], 'f');
	p[2 * PAGE] = 'g';
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	touch_start(&t, p + PAGE, true);
	msg = uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(msg.pagefault.flags, FAULT_WP | FAULT_WRITE);
	EQUAL(msg.pagefault.address, (long)(p + PAGE));
	nap(20);
	CHECK(!touch_done(&t));
	/* Without the wake it goes on waiting. */
	EQUAL(uffd_writeprotect(uffd, p + PAGE, PAGE, WP_DONTWAKE), 0);
	nap(20);
	CHECK(!touch_done(&t));
	EQUAL(uffd_wake(uffd, p + PAGE, PAGE), 0);
	EQUAL(touch_end(&t), 'w');
	EQUAL(p[PAGE + 1], 'f');
	/* The other page is still protected. */
	touch_start(&t, p, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p, PAGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
}

static void errors(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, true, MODE_WP), *q = map_anon(2);

	EQUAL(uffd_writeprotect(uffd, p, PAGE, WP_ON | WP_DONTWAKE), -EINVAL);
	EQUAL(uffd_writeprotect(uffd, p, PAGE, 4), -EINVAL);
	EQUAL(uffd_writeprotect(uffd, p + 1, PAGE, WP_ON), -EINVAL);
	EQUAL(uffd_writeprotect(uffd, p, 0, WP_ON), -EINVAL);
	EQUAL(uffd_writeprotect(uffd, p, PAGE - 1, WP_ON), -EINVAL);
	EQUAL(uffd_writeprotect(uffd, q, PAGE, WP_ON), -ENOENT);
	MUST(uffd_register(uffd, q, PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_writeprotect(uffd, q, PAGE, WP_ON), -ENOENT);
	munmap(q, 2 * PAGE);
	EQUAL(uffd_writeprotect(uffd, q, PAGE, WP_ON), -ENOENT);
	EQUAL(ioctl(uffd, IOC_WRITEPROTECT, NULL) ? -errno : 0, -EFAULT);
}

/* Protection asked for twice, and taken away twice, is once. */
static void twice(void)
{
	int uffd = uffd_open(0), i;
	char *p = armed(uffd, true, MODE_WP);
	struct abi_msg msg;

	for (i = 0; i < 2; i++)
		EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON), 0);
	for (i = 0; i < 2; i++)
		EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, 0), 0);
	p[0] = 1;
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static void copied_protected(void)
{
	static char src[PAGE] = "c";
	int uffd = uffd_open(0);
	char *p = armed(uffd, false, MODE_WP | MODE_MISSING);
	struct toucher t;

	touch_start(&t, p, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags, FAULT_WRITE);
	EQUAL(uffd_copy(uffd, p, src, PAGE, COPY_WP), PAGE);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(p[0], 'c');
	EQUAL(uffd_writeprotect(uffd, p, PAGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
}

static void unpopulated(uint64_t features, bool remembers)
{
	int uffd = uffd_open(features);
	char *p = armed(uffd, false, MODE_WP);
	struct abi_msg msg;
	struct toucher t;

	EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON), 0);
	if (!remembers) {
		p[0] = 1;
		EQUAL(uffd_next(uffd, &msg), -EAGAIN);
		return;
	}
	touch_start(&t, p, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p, PAGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
	/* A read makes a page, which is protected as well. */
	EQUAL(p[PAGE], 0);
	touch_start(&t, p + PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p + PAGE, PAGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
}

static void unpopulated_memory(void)
{
	unpopulated(0, false);
	unpopulated(F_WP_UNPOPULATED, true);
}

/* Zeros are refused where something is, be it no more than the protection; data is not. */
static void fills_where_protection_is(void)
{
	int uffd = uffd_open(F_WP_UNPOPULATED), i;
	static char src[PAGE];
	char *p = armed(uffd, false, MODE_WP | MODE_MISSING);

	memset(src, 'c', sizeof(src));
	EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON), 0);
	for (i = 0; i < PAGES; i++)
		EQUAL(uffd_zeropage(uffd, p + i * PAGE, PAGE, 0), -EEXIST);
	EQUAL(uffd_poison(uffd, p, PAGE, 0), -EEXIST);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
	EQUAL(p[9], 'c');
}

static void shared_memory_forgets_nothing(void)
{
	int uffd = uffd_open(F_WP_HUGETLBFS_SHMEM);
	char *p = map_memfd(PAGES * PAGE, 0, MAP_SHARED, NULL);
	struct toucher t;

	memset(p, 's', 2 * PAGE);
	MUST(uffd_register(uffd, p, PAGES * PAGE, MODE_WP) == 0);
	EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON), 0);
	/* The page tables lose the page, the file does not. The protection stays. */
	MUST(madvise(p + PAGE, PAGE, 21 /* MADV_PAGEOUT */) == 0 || errno == EINVAL);
	touch_start(&t, p + PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p + PAGE, PAGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
	touch_start(&t, p + 3 * PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
}

/* Bit 57 of a pagemap entry: write-protected by userfaultfd. */
static bool is_protected(const char *where)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	MUST(fd >= 0 && pread(fd, &entry, 8, (unsigned long)where / PAGE * 8) == 8);
	close(fd);
	return entry >> 57 & 1;
}

static void async(void)
{
	int uffd = uffd_open(F_WP_ASYNC);
	char *p = armed(uffd, false, MODE_WP);
	struct abi_msg msg;

	p[0] = 1;
	EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON), 0);
	CHECK(is_protected(p));
	CHECK(is_protected(p + PAGE));
	p[0] = 2;
	p[PAGE] = 2;
	EQUAL(p[2 * PAGE], 0);
	CHECK(!is_protected(p));
	CHECK(!is_protected(p + PAGE));
	CHECK(is_protected(p + 2 * PAGE));
	CHECK(is_protected(p + 3 * PAGE));
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

/* For that any memory will do, for nobody has to be able to fill it. */
static void async_of_a_file(void)
{
	int uffd = uffd_open(F_WP_ASYNC), plain = uffd_open(0);
	int file = open("/proc/self/exe", O_RDONLY);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);

	MUST(p != MAP_FAILED);
	EQUAL(uffd_register(plain, p, PAGE, MODE_WP), -EINVAL);
	EQUAL(uffd_register(uffd, p, PAGE, MODE_MISSING), -EINVAL);
	EQUAL(uffd_register(uffd, p, PAGE, MODE_WP | MODE_MISSING), -EINVAL);
	EQUAL(uffd_register(uffd, p, PAGE, MODE_WP), 0);
	EQUAL(uffd_writeprotect(uffd, p, PAGE, WP_ON), 0);
	CHECK(is_protected(p));
	p[0] = 1;
	CHECK(!is_protected(p));
}

static void unregister_unprotects(void)
{
	int uffd = uffd_open(F_WP_UNPOPULATED);
	char *p = armed(uffd, true, MODE_WP);
	struct toucher t;

	madvise(p + PAGE, PAGE, MADV_DONTNEED);
	EQUAL(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON), 0);
	touch_start(&t, p, true);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_unregister(uffd, p, PAGES * PAGE), 0);
	/* Not MISSING: unregistering doesn't wake by itself, the range is woken so. */
	uffd_wake(uffd, p, PAGES * PAGE);
	EQUAL(touch_end(&t), 'w');
	CHECK(!is_protected(p));
	CHECK(!is_protected(p + PAGE));
	/* Nor is it protected when it is registered again. */
	EQUAL(uffd_register(uffd, p, PAGES * PAGE, MODE_WP), 0);
	CHECK(!is_protected(p + 2 * PAGE));
	p[2 * PAGE] = 1;
}

static void huge_page_is_protected_in_part(void)
{
	int uffd = uffd_open(0);
	char *p = map_aligned(HUGE, HUGE);
	struct toucher t;
	struct abi_msg msg;

	madvise(p, HUGE, MADV_HUGEPAGE);
	memset(p, 'h', HUGE);
	if (smaps_kb(p, "AnonHugePages") < 2048)
		test_skip("no huge page was to be had");
	MUST(uffd_register(uffd, p, HUGE, MODE_WP) == 0);
	EQUAL(uffd_writeprotect(uffd, p + 7 * PAGE, PAGE, WP_ON), 0);
	p[6 * PAGE] = p[8 * PAGE] = 1;
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	touch_start(&t, p + 7 * PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address, (long)(p + 7 * PAGE));
	EQUAL(uffd_writeprotect(uffd, p, HUGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
	EQUAL(p[7 * PAGE + 1], 'h');
}

static const struct test_case cases[] = {
	{ "writes to protected pages wait, others don't", writes_wait },
	{ "what is refused", errors },
	{ "twice is once", twice },
	{ "a page that is copied protected", copied_protected },
	{ "unpopulated memory, with and without the feature", unpopulated_memory },
	{ "fills where only the protection is", fills_where_protection_is },
	{ "shared memory forgets nothing", shared_memory_forgets_nothing },
	{ "WP_ASYNC keeps a record", async },
	{ "WP_ASYNC of a file", async_of_a_file },
	{ "unregister takes the protection away", unregister_unprotects },
	{ "a part of a huge page", huge_page_is_protected_in_part },
};
TEST_MAIN(cases)
