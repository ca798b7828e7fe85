// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory belongs to one context at a time, in whole mappings: register and
 * unregister cut mappings at the range's ends and join them again, and whatever
 * cuts or joins them later keeps both halves what they were. Nobody but its
 * owner can take memory away from a context.
 */
#include "test.h"

static void refused_ranges(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(4), *ro = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct {
		char *start;
		size_t len;
		uint64_t mode;
		int want;
	} t[] = {
		{ p, PAGE, 0, -EINVAL },
		{ p, PAGE, 8, -EINVAL },
		{ p, PAGE, MODE_MISSING | 1ULL << 40, -EINVAL },
		{ p + 1, PAGE, MODE_MISSING, -EINVAL },
		{ p, PAGE + 1, MODE_MISSING, -EINVAL },
		{ p, 0, MODE_MISSING, -EINVAL },
		{ p, -(size_t)p, MODE_MISSING, -EINVAL },
		{ p, -PAGE, MODE_MISSING, -EINVAL },
		{ (char *)(1UL << 47), PAGE, MODE_MISSING, -EINVAL },
		{ (char *)((1UL << 47) - 2 * PAGE), 4 * PAGE, MODE_MISSING, -EINVAL },
		{ p, PAGE, MODE_MINOR, -EINVAL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		EQUAL(uffd_register(uffd, t[i].start, t[i].len, t[i].mode), t[i].want);
		/* The range of unregister is held to the same rules. */
		if (t[i].mode == MODE_MISSING)
			EQUAL(uffd_unregister(uffd, t[i].start, t[i].len), t[i].want);
	}
	munmap(ro, PAGE);
	EQUAL(uffd_register(uffd, ro, PAGE, MODE_MISSING), -EINVAL);
	EQUAL(uffd_unregister(uffd, ro, PAGE), -EINVAL);
	EQUAL(ioctl(uffd, IOC_REGISTER, NULL) ? -errno : 0, -EFAULT);
	EQUAL(ioctl(uffd, IOC_UNREGISTER, NULL) ? -errno : 0, -EFAULT);
	CHECK(!smaps_flag(p, "um"));
}

static void refused_memory(void)
{
	int uffd = uffd_open(0);
	int file = open("/proc/self/exe", O_RDONLY), memfd = memfd_create("test", 0);
	char path[64];
	char *text = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0), *p;

	EQUAL(uffd_register(uffd, text, PAGE, MODE_MISSING), -EINVAL);
	EQUAL(uffd_register(uffd, text, PAGE, MODE_WP), -EINVAL);
	/* The page is not to be filled by who could never write it. */
	MUST(ftruncate(memfd, PAGE) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open(path, O_RDONLY), 0);
	MUST(p != MAP_FAILED);
	EQUAL(uffd_register(uffd, p, PAGE, MODE_MISSING), -EPERM);
	/* What may become writable may be registered. */
	p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EQUAL(uffd_register(uffd, p, PAGE, MODE_MISSING), 0);
}

static uint64_t ioctls_of(int uffd, char *p, size_t len, uint64_t mode)
{
	struct abi_register r = { { (uint64_t)p, len }, mode, 0 };

	EQUAL(ioctl(uffd, IOC_REGISTER, &r) ? -errno : 0, 0);
	return r.ioctls;
}

static uint64_t without(unsigned int nr1, unsigned int nr2)
{
	return IOCTLS_RANGE & ~(1ULL << nr1) & ~(1ULL << nr2);
}

static void ioctls_that_are_possible(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(1), *q = map_memfd(PAGE, 0, MAP_SHARED, NULL);

	EQUAL(ioctls_of(uffd, p, PAGE, MODE_MISSING), without(NR_WRITEPROTECT, NR_CONTINUE));
	EQUAL(ioctls_of(uffd, p, PAGE, MODE_MISSING | MODE_WP), without(NR_CONTINUE, NR_CONTINUE));
	EQUAL(ioctls_of(uffd, q, PAGE, MODE_MINOR), without(NR_WRITEPROTECT, NR_WRITEPROTECT));
	EQUAL(ioctls_of(uffd, q, PAGE, MODE_MISSING | MODE_WP | MODE_MINOR), IOCTLS_RANGE);
	need_hugetlb(1);
	p = map_memfd(HUGE, MFD_HUGETLB, MAP_SHARED, NULL);
	EQUAL(ioctls_of(uffd, p, HUGE, MODE_MISSING | MODE_WP | MODE_MINOR),
	      without(NR_ZEROPAGE, NR_MOVE));
}

static void huge_pages_are_not_cut(void)
{
	int uffd = uffd_open(0);
	char *p;

	need_hugetlb(2);
	p = map_memfd(2 * HUGE, MFD_HUGETLB, MAP_SHARED, NULL);
	EQUAL(uffd_register(uffd, p + PAGE, HUGE, MODE_MISSING), -EINVAL);
	EQUAL(uffd_register(uffd, p, PAGE, MODE_MISSING), -EINVAL);
	EQUAL(uffd_register(uffd, p + HUGE, HUGE, MODE_MISSING), 0);
	EQUAL(uffd_unregister(uffd, p + HUGE, PAGE), -EINVAL);
	EQUAL(uffd_unregister(uffd, p + HUGE, HUGE), 0);
}

static void gaps_are_left_out(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(5);

	munmap(p + PAGE, PAGE);
	munmap(p + 3 * PAGE, PAGE);
	EQUAL(uffd_register(uffd, p, 5 * PAGE, MODE_MISSING), 0);
	CHECK(smaps_flag(p, "um"));
	CHECK(smaps_flag(p + 2 * PAGE, "um"));
	CHECK(smaps_flag(p + 4 * PAGE, "um"));
	EQUAL(uffd_unregister(uffd, p, 5 * PAGE), 0);
	CHECK(!smaps_flag(p, "um"));
	CHECK(!smaps_flag(p + 4 * PAGE, "um"));
	/* Nothing of it is left in the gap. */
	p = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0);
	CHECK(!smaps_flag(p, "um"));
}

/* One bad mapping in the range refuses all of it: nothing is registered halfway. */
static void all_or_nothing(void)
{
	int uffd = uffd_open(0), other = uffd_open(0);
	int file = open("/proc/self/exe", O_RDONLY);
	char *p = map_anon(3);

	MUST(uffd_register(other, p + PAGE, PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_register(uffd, p, 3 * PAGE, MODE_MISSING), -EBUSY);
	CHECK(!smaps_flag(p, "um"));
	MUST(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED);
	EQUAL(uffd_register(uffd, p, 3 * PAGE, MODE_MISSING), -EINVAL);
	CHECK(!smaps_flag(p, "um"));
}

/*
 * |.........|   ->   |...|um|....|   ->   |.........|
 */
static void cut_and_join(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(9);

	EQUAL(uffd_register(uffd, p + 3 * PAGE, 2 * PAGE, MODE_MISSING), 0);
	EQUAL(count_mappings(p, 9 * PAGE), 3);
	/* Neighbours of the same kind are one. */
	EQUAL(uffd_register(uffd, p + 5 * PAGE, 2 * PAGE, MODE_MISSING), 0);
	EQUAL(count_mappings(p, 9 * PAGE), 3);
	EQUAL(uffd_register(uffd, p + PAGE, 2 * PAGE, MODE_MISSING), 0);
	EQUAL(count_mappings(p, 9 * PAGE), 3);
	/* Of another kind they are not. */
	EQUAL(uffd_register(uffd, p + 7 * PAGE, PAGE, MODE_WP), 0);
	EQUAL(count_mappings(p, 9 * PAGE), 4);
	EQUAL(uffd_unregister(uffd, p + 4 * PAGE, PAGE), 0);
	EQUAL(count_mappings(p, 9 * PAGE), 6);
	CHECK(smaps_flag(p + 3 * PAGE, "um"));
	CHECK(!smaps_flag(p + 4 * PAGE, "um"));
	CHECK(smaps_flag(p + 5 * PAGE, "um"));
	EQUAL(uffd_unregister(uffd, p, 9 * PAGE), 0);
	EQUAL(count_mappings(p, 9 * PAGE), 1);
}

static void two_contexts_do_not_join(void)
{
	int one = uffd_open(0), two = uffd_open(0);
	char *p = map_anon(4);

	EQUAL(uffd_register(one, p, 2 * PAGE, MODE_MISSING), 0);
	EQUAL(uffd_register(two, p + 2 * PAGE, 2 * PAGE, MODE_MISSING), 0);
	EQUAL(count_mappings(p, 4 * PAGE), 2);
	EQUAL(uffd_unregister(one, p, 2 * PAGE), 0);
	CHECK(smaps_flag(p + 2 * PAGE, "um"));
}

static void faults_at(int uffd, char *p)
{
	struct toucher t;

	touch_start(&t, p, false);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address, (long)p);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
}

static void mprotect_cuts_and_joins(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(6);

	MUST(uffd_register(uffd, p, 6 * PAGE, MODE_MISSING) == 0);
	EQUAL(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ), 0);
	EQUAL(count_mappings(p, 6 * PAGE), 3);
	EQUAL(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
	EQUAL(count_mappings(p, 6 * PAGE), 1);
	EQUAL(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ), 0);
	faults_at(uffd, p);
	faults_at(uffd, p + 2 * PAGE);
	faults_at(uffd, p + 4 * PAGE);
}

static void mremap_takes_a_piece_out(void)
{
	int uffd = uffd_open(F_EVENT_REMAP);
	char *p = map_anon(6), *q = map_anon(1);
	struct abi_msg msg;
	pid_t pid;

	/* The event is read by another process, which has the file as well. */
	MUST(uffd_register(uffd, p, 6 * PAGE, MODE_MISSING) == 0);
	pid = fork();
	if (pid == 0) {
		msg = uffd_expect(uffd, EVENT_REMAP);
		_exit(msg.remap.len / PAGE);
	}
	CHECK(mremap(p + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     q + 16 * PAGE) == q + 16 * PAGE);
	EQUAL(child_status(pid), 2);
	faults_at(uffd, p + PAGE);
	faults_at(uffd, p + 4 * PAGE);
	faults_at(uffd, q + 16 * PAGE);
	EQUAL(uffd_unregister(uffd, q + 16 * PAGE, 2 * PAGE), 0);
	EQUAL(q[17 * PAGE], 0);
}

static void registered_again(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(2);

	EQUAL(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING), 0);
	EQUAL(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING), 0);
	faults_at(uffd, p);
	/* The modes are replaced, not added to. */
	EQUAL(uffd_register(uffd, p, 2 * PAGE, MODE_WP), 0);
	CHECK(!smaps_flag(p, "um"));
	CHECK(smaps_flag(p, "uw"));
	EQUAL(p[PAGE], 0);
	/* Unless they are there already, among others. */
	EQUAL(uffd_register(uffd, p, 2 * PAGE, MODE_WP | MODE_MISSING), 0);
	EQUAL(uffd_register(uffd, p, 2 * PAGE, MODE_WP), 0);
	CHECK(smaps_flag(p, "um"));
	CHECK(smaps_flag(p, "uw"));
}

static void unregister_wakes(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(3);
	struct toucher t[3];
	int i;

	MUST(uffd_register(uffd, p, 3 * PAGE, MODE_MISSING) == 0);
	for (i = 0; i < 3; i++) {
		touch_start(&t[i], p + i * PAGE, true);
		uffd_expect(uffd, EVENT_PAGEFAULT);
	}
	EQUAL(uffd_unregister(uffd, p + PAGE, PAGE), 0);
	EQUAL(touch_end(&t[1]), 'w');
	nap(20);
	CHECK(!touch_done(&t[0]));
	CHECK(!touch_done(&t[2]));
	EQUAL(uffd_unregister(uffd, p, 3 * PAGE), 0);
	EQUAL(touch_end(&t[0]), 'w');
	EQUAL(touch_end(&t[2]), 'w');
	/* What isn't registered may be unregistered. */
	EQUAL(uffd_unregister(uffd, p, 3 * PAGE), 0);
}

static void stranger_is_refused(void)
{
	int owner = uffd_open(0), stranger = uffd_open(0);
	char *p = map_anon(3);

	MUST(uffd_register(owner, p + PAGE, PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_register(stranger, p, 3 * PAGE, MODE_MISSING), -EBUSY);
	EQUAL(uffd_unregister(stranger, p + PAGE, PAGE), -EINVAL);
	EQUAL(uffd_unregister(stranger, p, 3 * PAGE), -EINVAL);
	CHECK(smaps_flag(p + PAGE, "um"));
	faults_at(owner, p + PAGE);
	EQUAL(uffd_unregister(owner, p, 3 * PAGE), 0);
}

/* Threads that cut, join, fill and touch the same pages all the time. */
static volatile bool storm_over;
#define STORM_PAGES 16UL
static char *storm_area;

static void *storm_protect(void *arg)
{
	unsigned int seed = 5;

	while (!storm_over) {
		size_t i = rand_r(&seed) % STORM_PAGES, n = 1 + rand_r(&seed) % (STORM_PAGES - i);

		mprotect(storm_area + i * PAGE, n * PAGE,
			 PROT_READ | (rand_r(&seed) % 2 ? PROT_WRITE : 0));
	}
	return NULL;
}

static void *storm_registers(void *arg)
{
	unsigned int seed = 6;

	while (!storm_over) {
		size_t i = rand_r(&seed) % STORM_PAGES, n = 1 + rand_r(&seed) % (STORM_PAGES - i);

		if (rand_r(&seed) % 2)
			uffd_unregister((long)arg, storm_area + i * PAGE, n * PAGE);
		else
			uffd_register((long)arg, storm_area + i * PAGE, n * PAGE,
				      1 + rand_r(&seed) % 3);
	}
	return NULL;
}

static void *storm_fills(void *arg)
{
	unsigned int seed = 8;
	struct abi_msg msg;

	while (!storm_over) {
		char *where = storm_area + rand_r(&seed) % STORM_PAGES * PAGE;

		if (uffd_next((long)arg, &msg) == 0)
			where = (char *)msg.pagefault.address;
		if (uffd_zeropage((long)arg, where, PAGE, 0) < 0)
			uffd_wake((long)arg, where, PAGE);
		if (rand_r(&seed) % 4 == 0)
			madvise(where, PAGE, MADV_DONTNEED);
	}
	return NULL;
}

static void *storm_reads(void *arg)
{
	unsigned int seed = 9, sum = 0;

	while (!storm_over)
		sum += storm_area[rand_r(&seed) % STORM_PAGES * PAGE];
	return (void *)(long)sum;
}

static void storm(void)
{
	void *(*const jobs[])(void *) = { storm_protect, storm_registers, storm_fills, storm_reads,
					  storm_reads };
	int uffd = uffd_open(0);
	pthread_t threads[ARRAY_SIZE(jobs)];
	size_t i;

	storm_area = map_anon(STORM_PAGES);
	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		threads[i] = thread_start(jobs[i], (void *)(long)uffd);
	nap(3000);
	storm_over = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	/* Nobody fills any more. */
	EQUAL(uffd_unregister(uffd, storm_area, STORM_PAGES * PAGE), 0);
	uffd_wake(uffd, storm_area, STORM_PAGES * PAGE);
	for (; i < ARRAY_SIZE(jobs); i++) {
		void *sum;

		pthread_join(threads[i], &sum);
		EQUAL((long)sum, 0);
	}
	EQUAL(mprotect(storm_area, STORM_PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
	EQUAL(count_mappings(storm_area, STORM_PAGES * PAGE) >= 1, true);
}

static const struct test_case cases[] = {
	{ "ranges that are refused", refused_ranges },
	{ "memory that is refused", refused_memory },
	{ "the ioctls that a range can have", ioctls_that_are_possible },
	{ "huge pages are not cut", huge_pages_are_not_cut },
	{ "gaps in the range are left out", gaps_are_left_out },
	{ "all of a range or nothing", all_or_nothing },
	{ "mappings are cut and joined", cut_and_join },
	{ "those of two contexts are not joined", two_contexts_do_not_join },
	{ "mprotect cuts and joins them", mprotect_cuts_and_joins },
	{ "mremap takes a piece out", mremap_takes_a_piece_out },
	{ "registering again replaces the modes", registered_again },
	{ "unregister wakes who waits there", unregister_wakes },
	{ "register, unregister, mprotect, fills and faults at once", storm },
	{ "a stranger can't unregister", stranger_is_refused, .better = true },
};
TEST_MAIN(cases)
