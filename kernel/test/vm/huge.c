// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages: of hugetlb, whose reservations must come out even whatever a fill
 * answers, and transparent ones, which a fill of enough memory at once is to
 * make, as a plain fault there would have made them.
 */
#include "test.h"

static char *from;

static void make_source(void)
{
	size_t i;

	from = map_aligned(2 * HUGE, HUGE);
	for (i = 0; i < 2 * HUGE; i += PAGE)
		from[i] = i / PAGE % 100 + 1;
}

static bool equals_source(const char *p)
{
	return memcmp(p, from, HUGE) == 0;
}

/* Free and reserved pages, in one number. */
static long pool(void)
{
	return meminfo("HugePages_Free") * 1000 + meminfo("HugePages_Rsvd");
}

static void hugetlb_faults(void)
{
	int uffd = uffd_open(F_MISSING_HUGETLBFS), how;

	need_hugetlb(4);
	make_source();
	for (how = 0; how < 2; how++) {
		long before = pool();
		char *p = map_memfd(2 * HUGE, MFD_HUGETLB, how ? MAP_PRIVATE : MAP_SHARED, NULL);
		struct abi_msg msg;
		struct toucher t;

		MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING) == 0);
		touch_start(&t, p + HUGE + 5 * PAGE + 9, false);
		msg = uffd_expect(uffd, EVENT_PAGEFAULT);
		EQUAL(msg.pagefault.address & ~(HUGE - 1), (long)(p + HUGE));
		EQUAL(uffd_copy(uffd, p + HUGE, from, HUGE, 0), HUGE);
		touch_end(&t);
		CHECK(equals_source(p + HUGE));
		EQUAL(uffd_copy(uffd, p + HUGE, from, HUGE, 0), -EEXIST);
		EQUAL(uffd_copy(uffd, p, from, HUGE, 0), HUGE);
		munmap(p, 2 * HUGE);
		EQUAL(pool(), before);
	}
}

static void hugetlb_errors(void)
{
	int uffd = uffd_open(0);
	long before;
	char *p;

	need_hugetlb(2);
	make_source();
	before = pool();
	p = map_memfd(2 * HUGE, MFD_HUGETLB, MAP_SHARED, NULL);
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, p + PAGE, from, HUGE, 0), -EINVAL);
	EQUAL(uffd_copy(uffd, p, from, PAGE, 0), -EINVAL);
	EQUAL(uffd_zeropage(uffd, p, HUGE, 0), -EINVAL);
	EQUAL(uffd_continue(uffd, p, HUGE, 0), -EFAULT);
	EQUAL(uffd_copy(uffd, p, (void *)PAGE, HUGE, 0), -EFAULT);
	EQUAL(uffd_move(uffd, p, from, HUGE, 0), -EINVAL);
	/* None of them has taken a page, or a reservation. */
	EQUAL(pool(), before + 2);
	munmap(p, 2 * HUGE);
	EQUAL(pool(), before);
}

/* The source has to be brought in while no lock is held, and the fill begun anew. */
static void hugetlb_retries(void)
{
	int uffd = uffd_open(0), i;
	long before;
	char *p, *absent;

	need_hugetlb(2);
	before = pool();
	make_source();
	absent = map_memfd(HUGE, 0, MAP_SHARED, NULL);
	memcpy(absent, from, HUGE);
	p = map_memfd(HUGE, MFD_HUGETLB, MAP_PRIVATE, NULL);
	MUST(uffd_register(uffd, p, HUGE, MODE_MISSING) == 0);
	for (i = 0; i < 3; i++) {
		madvise(absent, HUGE, MADV_DONTNEED);
		EQUAL(uffd_copy(uffd, p, absent, HUGE, 0), HUGE);
		CHECK(equals_source(p));
		EQUAL(madvise(p, HUGE, MADV_DONTNEED), 0);
	}
	/* Half of the source is missing for good. */
	munmap(absent + HUGE / 2, HUGE / 2);
	EQUAL(uffd_copy(uffd, p, absent, HUGE, 0), -EFAULT);
	munmap(p, HUGE);
	EQUAL(pool(), before);
}

static void hugetlb_minor(void)
{
	int uffd = uffd_open(F_MINOR_HUGETLBFS), fd;
	char *p, *alias;
	struct toucher t;

	need_hugetlb(2);
	p = map_memfd(HUGE, MFD_HUGETLB, MAP_SHARED, &fd);
	alias = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(alias != MAP_FAILED && uffd_register(uffd, p, HUGE, MODE_MINOR) == 0);
	alias[PAGE] = 'a';
	touch_start(&t, p + PAGE, false);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_MINOR, FAULT_MINOR);
	EQUAL(uffd_continue(uffd, p, HUGE, 0), HUGE);
	EQUAL(touch_end(&t), 'a');
}

static void hugetlb_protection(void)
{
	int uffd = uffd_open(F_WP_HUGETLBFS_SHMEM);
	struct toucher t;
	char *p;

	need_hugetlb(2);
	p = map_memfd(2 * HUGE, MFD_HUGETLB, MAP_SHARED, NULL);
	p[0] = 1;
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_WP) == 0);
	EQUAL(uffd_writeprotect(uffd, p + PAGE, HUGE, WP_ON), -EINVAL);
	EQUAL(uffd_writeprotect(uffd, p, 2 * HUGE, WP_ON), 0);
	touch_start(&t, p + 3 * PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p, HUGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
}

static void hugetlb_poison(void)
{
	int uffd = uffd_open(0);
	long before;
	char *p;

	need_hugetlb(1);
	before = pool();
	p = map_memfd(HUGE, MFD_HUGETLB, MAP_SHARED, NULL);
	MUST(uffd_register(uffd, p, HUGE, MODE_MISSING) == 0);
	EQUAL(uffd_poison(uffd, p, HUGE, 0), HUGE);
	CHECK(touch_is_sigbus(p + 7 * PAGE, false));
	munmap(p, HUGE);
	EQUAL(pool(), before);
}

/* --- transparent huge pages --- */

static char *thp_wanted(void)
{
	char *p = map_aligned(2 * HUGE, HUGE);

	if (madvise(p, 2 * HUGE, MADV_HUGEPAGE))
		test_skip("no transparent huge pages");
	return p;
}

static void fill_makes_a_huge_page(void)
{
	int uffd = uffd_open(0);
	char *p = thp_wanted();

	make_source();
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, p, from, HUGE, 0), HUGE);
	EQUAL(smaps_kb(p, "AnonHugePages"), 2048);
	EQUAL(smaps_kb(p, "Rss"), 2048);
	CHECK(equals_source(p));
	p[PAGE] = 99;
	EQUAL(from[PAGE] != 99, true);
	/* The next one, around a page that is there already, can't be one. */
	EQUAL(uffd_copy(uffd, p + HUGE + PAGE, from, PAGE, 0), PAGE);
	EQUAL(uffd_copy(uffd, p + HUGE, from, HUGE, 0), PAGE);
	EQUAL(smaps_kb(p, "AnonHugePages"), 2048);
}

/* What must be right whether or not it is a huge page. */
static void large_fills_are_right(void)
{
	int uffd = uffd_open(0);
	char *p = thp_wanted();

	make_source();
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING) == 0);
	/* Not aligned with the source; over the border of two. */
	EQUAL(uffd_copy(uffd, p + HUGE / 2, from + PAGE, HUGE, 0), HUGE);
	EQUAL(memcmp(p + HUGE / 2, from + PAGE, HUGE), 0);
	CHECK(!page_there(p + HUGE / 2 - PAGE));
	CHECK(!page_there(p + HUGE + HUGE / 2));
	EQUAL(madvise(p, 2 * HUGE, MADV_DONTNEED), 0);
	/* The source of the second half is bad: what could be done is, page by page. */
	munmap(from + HUGE + 3 * PAGE, HUGE - 3 * PAGE);
	EQUAL(uffd_copy(uffd, p, from, 2 * HUGE, 0), HUGE + 3 * PAGE);
	CHECK(equals_source(p));
	CHECK(page_there(p + HUGE + 2 * PAGE));
	CHECK(!page_there(p + HUGE + 3 * PAGE));
	EQUAL(smaps_kb(p, "Rss"), 2048 + 12);
}

static void huge_page_exists(void)
{
	int uffd = uffd_open(0);
	char *p = thp_wanted();

	make_source();
	p[0] = 5;
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, p, from, PAGE, 0), -EEXIST);
	EQUAL(uffd_copy(uffd, p, from, HUGE, 0), -EEXIST);
	EQUAL(p[0], 5);
}

/* Nobody asked for a huge page: a page that is filled costs a page. */
static void small_fills_stay_small(void)
{
	int uffd = uffd_open(0);
	char *p = thp_wanted(), *q = map_aligned(HUGE, HUGE);

	make_source();
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, p, from, PAGE, 0), PAGE);
	EQUAL(smaps_kb(p, "Rss"), 4);
	madvise(q, HUGE, MADV_NOHUGEPAGE);
	MUST(uffd_register(uffd, q, HUGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, q, from, HUGE, 0), HUGE);
	EQUAL(smaps_kb(q, "AnonHugePages"), 0);
	CHECK(equals_source(q));
}

static void large_fill_protected(void)
{
	int uffd = uffd_open(0);
	char *p = thp_wanted();
	struct toucher t;

	make_source();
	MUST(uffd_register(uffd, p, 2 * HUGE, MODE_MISSING | MODE_WP) == 0);
	EQUAL(uffd_copy(uffd, p, from, HUGE, COPY_WP), HUGE);
	touch_start(&t, p + 9 * PAGE, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(uffd, p, HUGE, 0), 0);
	EQUAL(touch_end(&t), 'w');
	EQUAL(p[9 * PAGE + 1], from[9 * PAGE + 1]);
}

struct copier {
	int uffd;
	char *to, *from;
	long copied;
};

static void *copy_huge(void *arg)
{
	struct copier *c = arg;

	c->copied = uffd_copy(c->uffd, c->to, c->from, HUGE, 0);
	return NULL;
}

/*
 * The source faults, so the data is read with nothing locked; meanwhile the target
 * becomes a private mapping of a file. A huge page in there would be taken for the
 * file's, and the kernel would not survive its end.
 */
static void target_becomes_a_file(void)
{
	int uffd = uffd_open(0), memfd;
	char *p = thp_wanted(), *absent = map_aligned(HUGE, HUGE);
	struct copier c = { .uffd = uffd, .to = p, .from = absent };
	pthread_t thread;

	MUST(uffd_register(uffd, p, HUGE, MODE_MISSING) == 0);
	MUST(uffd_register(uffd, absent, HUGE, MODE_MISSING) == 0);
	thread = thread_start(copy_huge, &c);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address, (long)absent);
	munmap(map_memfd(HUGE, 0, MAP_PRIVATE, &memfd), HUGE);
	MUST(mmap(p, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, memfd, 0) == p);
	MUST(uffd_register(uffd, p, HUGE, MODE_MISSING) == 0);
	/* The rest of the source reads as ordinary memory. */
	MUST(uffd_unregister(uffd, absent, HUGE) == 0);
	pthread_join(thread, NULL);
	CHECK(c.copied > 0);
	EQUAL(smaps_kb(p, "AnonHugePages"), 0);
	MUST(mprotect(p, PAGE, PROT_READ) == 0);
	MUST(munmap(p, HUGE) == 0);
}

static const struct test_case cases[] = {
	{ "hugetlb: faults and fills, shared and private", hugetlb_faults },
	{ "hugetlb: what is refused takes nothing", hugetlb_errors },
	{ "hugetlb: a source that is absent", hugetlb_retries },
	{ "hugetlb: minor faults", hugetlb_minor },
	{ "hugetlb: write protection", hugetlb_protection },
	{ "hugetlb: poison", hugetlb_poison },
	{ "large fills are right, at any border", large_fills_are_right },
	{ "a huge page that exists", huge_page_exists },
	{ "small fills stay small", small_fills_stay_small },
	{ "a large fill with write protection", large_fill_protected },
	{ "a large fill whose target becomes a file's", target_becomes_a_file },
	{ "a fill of 2 MiB makes one huge page", fill_makes_a_huge_page, .better = true },
};
TEST_MAIN(cases)
