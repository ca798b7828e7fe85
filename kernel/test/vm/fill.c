// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each fill answers, case by case: the bytes done, or the one right error,
 * in the result field as well as by the call. A fill that stops halfway says how
 * far it came.
 */
#include "test.h"

static _Alignas(4096) char src[5 * PAGE];

/* Four kinds of memory that a fill can be asked for. */
enum memory { ANON, SHMEM, PRIVATE_SHMEM, MEMORY_KINDS };

static char *map_kind(enum memory kind, size_t pages)
{
	if (kind == ANON)
		return map_anon(pages);
	return map_memfd(pages * PAGE, 0, kind == SHMEM ? MAP_SHARED : MAP_PRIVATE, NULL);
}

struct fill {
	const char *name;
	unsigned long cmd;
	bool copies;	/* struct abi_copy, else struct abi_fill */
	uint64_t valid_modes;
};

static const struct fill fills[] = {
	{ "COPY", IOC_COPY, true, COPY_DONTWAKE | COPY_WP },
	{ "ZEROPAGE", IOC_ZEROPAGE, false, FILL_DONTWAKE },
	{ "CONTINUE", IOC_CONTINUE, false, FILL_DONTWAKE | CONTINUE_WP },
	{ "POISON", IOC_POISON, false, FILL_DONTWAKE },
	{ "MOVE", IOC_MOVE, true, MOVE_DONTWAKE | MOVE_ALLOW_SRC_HOLES },
};

struct result {
	long call, field;
};

static struct result issue(int uffd, const struct fill *f, void *dst, size_t len, uint64_t mode)
{
	struct abi_copy copy = { (uint64_t)dst, (uint64_t)src, len, mode, 77 };
	struct abi_fill fill = { { (uint64_t)dst, len }, mode, 77 };
	struct result r;

	r.call = ioctl(uffd, f->cmd, f->copies ? (void *)&copy : (void *)&fill) ? -errno : 0;
	r.field = f->copies ? copy.done : fill.done;
	return r;
}

static void expect(struct result got, const struct fill *f, long call, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "%s: %s", f->name, what);
	test_equal(got.call, call, __FILE__, __LINE__, text);
}

static void arguments(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(4);
	size_t i;

	memset(src, 1, sizeof(src));
	MUST(uffd_register(uffd, p, 4 * PAGE, MODE_MISSING) == 0);
	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		const struct fill *f = &fills[i];

		expect(issue(uffd, f, p + 1, PAGE, 0), f, -EINVAL, "start not aligned");
		expect(issue(uffd, f, p, PAGE - 1, 0), f, -EINVAL, "length not aligned");
		expect(issue(uffd, f, p, 0, 0), f, -EINVAL, "no length");
		expect(issue(uffd, f, p, -(size_t)p, 0), f, -EINVAL, "up to the end of all");
		expect(issue(uffd, f, p, -PAGE, 0), f, -EINVAL, "wraps");
		expect(issue(uffd, f, (void *)(1UL << 62), PAGE, 0), f, -EINVAL, "out of bounds");
		expect(issue(uffd, f, p, PAGE, 1ULL << 20), f, -EINVAL, "unknown mode");
		expect(issue(uffd, f, p, PAGE, f->valid_modes + 1), f, -EINVAL, "unknown mode");
		EQUAL(ioctl(uffd, f->cmd, NULL) ? -errno : 0, -EFAULT);
		EQUAL(ioctl(uffd, f->cmd, 16) ? -errno : 0, -EFAULT);
	}
	CHECK(!page_there(p));
}

/* Nothing there, nothing registered there, or only half of it. */
static void not_registered(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(6), *gone = map_anon(1);
	size_t i;

	MUST(uffd_register(uffd, p + 2 * PAGE, 2 * PAGE, MODE_MISSING) == 0);
	munmap(gone, PAGE);
	for (i = 0; i < ARRAY_SIZE(fills); i++) {
		const struct fill *f = &fills[i];
		bool moves = f->cmd == IOC_MOVE;
		struct result r = issue(uffd, f, gone, PAGE, 0);

		expect(r, f, -ENOENT, "not mapped");
		EQUAL(r.field, -ENOENT);
		/* Of MOVE the specification says that another owner is no owner. */
		expect(issue(uffd, f, p, PAGE, 0), f, moves ? -EINVAL : -ENOENT,
		       "not registered");
		expect(issue(uffd, f, p + 3 * PAGE, 2 * PAGE, 0), f, moves ? -EINVAL : -ENOENT,
		       "half registered");
	}
}

static void existing(enum memory kind)
{
	int uffd = uffd_open(0);
	char *p = map_kind(kind, 4);

	p[PAGE] = 'x';
	MUST(uffd_register(uffd, p, 4 * PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, p + PAGE, src, PAGE, 0), -EEXIST);
	EQUAL(uffd_zeropage(uffd, p + PAGE, PAGE, 0), -EEXIST);
	EQUAL(uffd_poison(uffd, p + PAGE, PAGE, 0), -EEXIST);
	EQUAL(p[PAGE], 'x');
	/* Halfway: what was done is said, and the call is to be made again. */
	{
		struct abi_copy copy = { (uint64_t)p, (uint64_t)src, 4 * PAGE, 0, 0 };

		EQUAL(ioctl(uffd, IOC_COPY, &copy) ? -errno : 0, -EAGAIN);
		EQUAL(copy.done, PAGE);
	}
	EQUAL(uffd_zeropage(uffd, p + 2 * PAGE, 2 * PAGE, 0), 2 * PAGE);
	EQUAL(p[PAGE], 'x');
}

static void existing_pages(void)
{
	int kind;

	for (kind = 0; kind < MEMORY_KINDS; kind++)
		existing(kind);
}

static void contents(void)
{
	int kind, uffd = uffd_open(0);
	size_t i;

	for (i = 0; i < 4 * PAGE; i++)
		src[i] = i * 7 + i / PAGE;
	for (kind = 0; kind < MEMORY_KINDS; kind++) {
		char *p = map_kind(kind, 8);

		MUST(uffd_register(uffd, p, 8 * PAGE, MODE_MISSING) == 0);
		EQUAL(uffd_copy(uffd, p + PAGE, src, 4 * PAGE, 0), 4 * PAGE);
		EQUAL(memcmp(p + PAGE, src, 4 * PAGE), 0);
		/* A source need not be aligned. */
		EQUAL(uffd_copy(uffd, p, src + 100, PAGE, 0), PAGE);
		EQUAL(memcmp(p, src + 100, PAGE), 0);
		EQUAL(uffd_zeropage(uffd, p + 5 * PAGE, 3 * PAGE, 0), 3 * PAGE);
		for (i = 0; i < 3 * PAGE; i++)
			if (p[5 * PAGE + i])
				break;
		EQUAL(i, 3 * PAGE);
		/* It is the mapping's own: to write there changes no other. */
		p[6 * PAGE] = 1;
		EQUAL(p[5 * PAGE], 0);
		EQUAL(p[7 * PAGE], 0);
	}
}

/* Each page of the source has to be brought in, under no lock of the destination. */
static void absent_source(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(16), *from = map_memfd(16 * PAGE, 0, MAP_SHARED, NULL), *bad;
	size_t i;

	MUST(uffd_register(uffd, p, 16 * PAGE, MODE_MISSING) == 0);
	memset(from, 5, 16 * PAGE);
	madvise(from, 16 * PAGE, MADV_DONTNEED);
	EQUAL(uffd_copy(uffd, p, from, 16 * PAGE, 0), 16 * PAGE);
	for (i = 0; i < 16; i++)
		EQUAL(p[i * PAGE], 5);
	/* One that isn't there at all. */
	madvise(p, 16 * PAGE, MADV_DONTNEED);
	bad = map_anon(2);
	bad[0] = 3;
	munmap(bad + PAGE, PAGE);
	EQUAL(uffd_copy(uffd, p, bad + PAGE, PAGE, 0), -EFAULT);
	EQUAL(uffd_copy(uffd, p, bad, 2 * PAGE, 0), PAGE);
	EQUAL(p[0], 3);
	CHECK(!page_there(p + PAGE));
}

/* Memory that may not be written may be filled: its contents come from before. */
static void protected_memory(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(2);

	memset(src, 6, PAGE);
	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	MUST(mprotect(p, 2 * PAGE, PROT_READ) == 0);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
	EQUAL(p[0], 6);
	MUST(mprotect(p, 2 * PAGE, PROT_NONE) == 0);
	EQUAL(uffd_copy(uffd, p + PAGE, src, PAGE, 0), PAGE);
	MUST(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
	EQUAL(p[PAGE], 6);
	p[PAGE] = 7;
}

static void beyond_the_file(void)
{
	int uffd = uffd_open(0), fd;
	char *p = map_memfd(4 * PAGE, 0, MAP_SHARED, &fd);

	MUST(uffd_register(uffd, p, 4 * PAGE, MODE_MISSING | MODE_MINOR) == 0);
	MUST(ftruncate(fd, PAGE) == 0);
	EQUAL(uffd_copy(uffd, p + 2 * PAGE, src, PAGE, 0), -EFAULT);
	EQUAL(uffd_zeropage(uffd, p + 2 * PAGE, PAGE, 0), -EFAULT);
	/* The file says so itself, with one error or the other. */
	CHECK(uffd_continue(uffd, p + 2 * PAGE, PAGE, 0) < 0);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
}

static void wp_needs_the_mode(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(2), *q = map_memfd(PAGE, 0, MAP_SHARED, NULL);

	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(uffd, p, src, PAGE, COPY_WP), -EINVAL);
	MUST(uffd_register(uffd, q, PAGE, MODE_MINOR) == 0);
	EQUAL(uffd_continue(uffd, q, PAGE, CONTINUE_WP), -EINVAL);
	CHECK(!page_there(p));
}

static void continue_needs_a_file(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(1);

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_continue(uffd, p, PAGE, 0), -EINVAL);
}

/* Any context of the address space may fill what any of them has registered. */
static void another_contexts_memory(void)
{
	int one = uffd_open(0), two = uffd_open(0);
	char *p = map_anon(2);

	MUST(uffd_register(one, p, 2 * PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_copy(two, p, src, PAGE, 0), PAGE);
	EQUAL(uffd_zeropage(two, p + PAGE, PAGE, 0), PAGE);
}

static void locked_memory(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(2);

	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	/* MLOCK_ONFAULT: else mlock itself would wait for us. */
	if (syscall(SYS_mlock2, p, 2 * PAGE, 1))
		test_skip("no mlock2");
	EQUAL(uffd_copy(uffd, p, src, 2 * PAGE, 0), 2 * PAGE);
	EQUAL(smaps_kb(p, "Locked") > 0, true);
	EQUAL(munlock(p, 2 * PAGE), 0);
}

/* Filled pages count as memory of the process, and go with it. */
static void counted(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(64);

	MUST(uffd_register(uffd, p, 64 * PAGE, MODE_MISSING) == 0);
	EQUAL(smaps_kb(p, "Rss"), 0);
	EQUAL(uffd_copy(uffd, p, src, 4 * PAGE, 0), 4 * PAGE);
	EQUAL(smaps_kb(p, "Rss"), 16);
	EQUAL(smaps_kb(p, "Anonymous"), 16);
	EQUAL(smaps_kb(p, "Private_Dirty"), 16);
	EQUAL(uffd_poison(uffd, p + 8 * PAGE, PAGE, 0), PAGE);
	EQUAL(smaps_kb(p, "Rss"), 16);
	EQUAL(madvise(p, 64 * PAGE, MADV_DONTNEED), 0);
	EQUAL(smaps_kb(p, "Rss"), 0);
}

static void poisoned(void)
{
	int uffd = uffd_open(0), kind;

	for (kind = 0; kind < MEMORY_KINDS; kind++) {
		char *p = map_kind(kind, 3);

		MUST(uffd_register(uffd, p, 3 * PAGE, MODE_MISSING) == 0);
		EQUAL(uffd_poison(uffd, p, 2 * PAGE, 0), 2 * PAGE);
		CHECK(touch_is_sigbus(p, false));
		CHECK(touch_is_sigbus(p + PAGE, true));
		EQUAL(uffd_poison(uffd, p, PAGE, 0), -EEXIST);
		/* Who has found the contents after all may put them there. */
		EQUAL(uffd_copy(uffd, p + PAGE, src, PAGE, 0), PAGE);
		CHECK(!touch_is_sigbus(p + PAGE, true));
		CHECK(touch_is_sigbus(p, false));
		/* What is thrown away is missing again, unpoisoned. */
		EQUAL(madvise(p, PAGE, MADV_DONTNEED), 0);
		EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
		CHECK(!touch_is_sigbus(p, true));
	}
}

static int is_poisoned(void *arg)
{
	return touch_is_sigbus(arg, false);
}

static void poison_is_inherited(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(1);

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_poison(uffd, p, PAGE, 0), PAGE);
	EQUAL(child_status(child_start(is_poisoned, p)), 1);
}

static void *find_poison(void *arg)
{
	return (void *)(long)touch_is_sigbus(arg, false);
}

static void poison_ends_a_wait(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(1);
	pthread_t thread;
	void *result;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(find_poison, p);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_poison(uffd, p, PAGE, 0), PAGE);
	pthread_join(thread, &result);
	EQUAL((long)result, 1);
}

/* --- minor faults: the page is in the file, but not in the page table --- */

static void minor_faults(void)
{
	int uffd = uffd_open(F_MINOR_SHMEM), fd;
	char *p = map_memfd(4 * PAGE, 0, MAP_SHARED, &fd), *alias;
	struct toucher t;

	alias = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(alias != MAP_FAILED && uffd_register(uffd, p, 4 * PAGE, MODE_MINOR) == 0);
	alias[PAGE] = 'a';
	touch_start(&t, p + PAGE, false);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags, FAULT_MINOR);
	alias[PAGE] = 'b';
	EQUAL(uffd_continue(uffd, p + PAGE, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 'b');
	EQUAL(uffd_continue(uffd, p + PAGE, PAGE, 0), -EEXIST);
	/* What the file doesn't have can't be mapped, and is no minor fault. */
	EQUAL(uffd_continue(uffd, p + 2 * PAGE, PAGE, 0), -EFAULT);
	EQUAL(p[2 * PAGE], 0);
	/* They are the same pages. */
	p[PAGE] = 'c';
	EQUAL(alias[PAGE], 'c');
}

static void minor_and_missing(void)
{
	int uffd = uffd_open(F_MINOR_SHMEM | F_MISSING_SHMEM), fd;
	char *p = map_memfd(2 * PAGE, 0, MAP_SHARED, &fd);
	struct toucher t;

	MUST(pwrite(fd, "f", 1, 0) == 1);
	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MINOR | MODE_MISSING) == 0);
	touch_start(&t, p, true);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags, FAULT_MINOR | FAULT_WRITE);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), -EEXIST);
	EQUAL(uffd_continue(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 'w');
	touch_start(&t, p + PAGE, false);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.flags, 0);
	EQUAL(uffd_copy(uffd, p + PAGE, src, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), src[0]);
}

/* A private mapping continued is the file's page, read-only; a write copies it. */
static void private_continue(void)
{
	int uffd = uffd_open(F_MINOR_SHMEM), fd;
	char *p = map_memfd(PAGE, 0, MAP_PRIVATE, &fd), c = 0;
	struct toucher t;

	MUST(pwrite(fd, "f", 1, 0) == 1);
	MUST(uffd_register(uffd, p, PAGE, MODE_MINOR) == 0);
	touch_start(&t, p, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_continue(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 'f');
	p[0] = 'p';
	MUST(pread(fd, &c, 1, 0) == 1);
	EQUAL(c, 'f');
}

static const struct test_case cases[] = {
	{ "arguments that are refused", arguments },
	{ "memory that isn't registered", not_registered },
	{ "pages that exist, and how far a fill came", existing_pages },
	{ "what was filled is what was asked for", contents },
	{ "a source that is absent, or bad", absent_source },
	{ "memory that is protected", protected_memory },
	{ "beyond the end of the file", beyond_the_file },
	{ "write protection needs its mode", wp_needs_the_mode },
	{ "CONTINUE needs a file", continue_needs_a_file },
	{ "another context's memory", another_contexts_memory },
	{ "locked memory", locked_memory },
	{ "filled pages are counted", counted },
	{ "POISON is SIGBUS until it is thrown away", poisoned },
	{ "POISON is inherited", poison_is_inherited },
	{ "POISON ends a wait", poison_ends_a_wait },
	{ "minor faults", minor_faults },
	{ "minor and missing faults of one mapping", minor_and_missing },
	{ "CONTINUE of a private mapping", private_continue },
};
TEST_MAIN(cases)
