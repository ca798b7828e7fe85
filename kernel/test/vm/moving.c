// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves that race: with threads that write to the pages, with a page that is swapped
 * out, migrated, pinned or made shared, with huge pages that come and go.
 *
 * Each page of an area has two places. Wherever it is, threads count in it; who meets
 * the empty place faults, and the monitor moves the page to him. A page is in one of
 * its places at any moment, so in the end the two counters of each page give the sum
 * of all that was counted. A write that went to a page that had left, by a processor
 * that had not heard of it, or to a copy that was thrown away, is missing there.
 */
#include <stdatomic.h>
#include <sys/uio.h>

#include "test.h"

/* Not in all headers. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define PAGES 16
#define COUNTERS 3

struct area {
	int uffd;
	size_t page_size;	/* of what is moved at a time */
	char *place[2];
	atomic_bool end, served;
	unsigned long moved, busy;
};

/* Each has the field of the counter in a page for himself, and so needs no atomic one. */
struct counter {
	struct area *area;
	pthread_t thread;
	unsigned int number;
	unsigned long counted;
};

static void area_init(struct area *a, size_t page_size)
{
	size_t size = PAGES * page_size;

	a->uffd = uffd_open(0);
	a->page_size = page_size;
	a->place[0] = page_size == PAGE ? map_anon(PAGES) : map_aligned(size, HUGE);
	a->place[1] = page_size == PAGE ? map_anon(PAGES) : map_aligned(size, HUGE);
	if (page_size != PAGE) {
		madvise(a->place[0], size, MADV_HUGEPAGE);
		madvise(a->place[1], size, MADV_HUGEPAGE);
	}
	memset(a->place[0], 0, size);
	MUST(uffd_register(a->uffd, a->place[0], size, MODE_MISSING) == 0);
	MUST(uffd_register(a->uffd, a->place[1], size, MODE_MISSING) == 0);
}

static unsigned long *counter_at(struct area *a, unsigned int place, unsigned int page,
				 unsigned int number)
{
	/* Not at the page's start, and for a huge page somewhere in the middle of it. */
	return (unsigned long *)(a->place[place] + page * a->page_size + a->page_size / 2) +
	       number;
}

static void *count(void *arg)
{
	struct counter *c = arg;
	unsigned int seed = c->number;
	int i;

	while (!atomic_load(&c->area->end)) {
		unsigned int what = rand_r(&seed);
		volatile unsigned long *n = counter_at(c->area, what / 64 % 2, what / 128 % PAGES,
						       c->number);

		/* A burst: that a move hits one of these is what this is for. */
		for (i = 0; i < 20; i++)
			++*n;
		c->counted += 20;
	}
	return NULL;
}

/*
 * What was shared with a child stays so after the child, until somebody writes to it: to
 * its last byte, since counters begin at the start of a small page that was huge.
 */
static void make_ours_alone(char *page)
{
	++*(volatile char *)(page + PAGE - 1);
}

/* The page for this fault comes from its other place, as soon as it can be had. */
static void move_to(struct area *a, char *address)
{
	int to = address >= a->place[1] && address < a->place[1] + PAGES * a->page_size;
	size_t at = (address - a->place[to]) / a->page_size * a->page_size;
	long moved = 0;
	size_t done;

	for (done = 0; done < a->page_size; ) {
		moved = uffd_move(a->uffd, a->place[to] + at + done, a->place[!to] + at + done,
				  a->page_size - done, 0);
		if (moved > 0)
			done += moved;
		else if (moved != -EBUSY && moved != -EAGAIN)
			break;
		a->busy += moved < 0;
		if (moved == -EBUSY)
			make_ours_alone(a->place[!to] + at + done);
	}
	a->moved += done > 0;
	/* Two faults for one page: it has come for the first. */
	if (moved < 0)
		CHECK(moved == -ENOENT || moved == -EEXIST);
	uffd_wake(a->uffd, a->place[to] + at, a->page_size);
}

static void *serve(void *arg)
{
	struct area *a = arg;
	struct abi_msg msg;

	while (!atomic_load(&a->served))
		if (wait_readable(a->uffd, 20) && uffd_next(a->uffd, &msg) == 0)
			move_to(a, (char *)msg.pagefault.address);
	return NULL;
}

/* Reads both places of a page without moving it. */
static unsigned long sum_of(struct area *a)
{
	unsigned int page, number, place;
	unsigned long sum = 0;

	for (place = 0; place < 2; place++)
		for (page = 0; page < PAGES; page++) {
			char *where = (char *)counter_at(a, place, page, 0);

			/* Where nothing is, nothing was counted. */
			if (!page_there(where))
				continue;
			for (number = 0; number < COUNTERS; number++)
				sum += *counter_at(a, place, page, number);
		}
	return sum;
}

/* Counts and moves for a while, and disturbs meanwhile. */
static void race(size_t page_size, void *(*disturb)(void *), bool moves)
{
	struct counter counters[COUNTERS] = {};
	pthread_t disturber = 0, monitor;
	struct area a = {};
	unsigned long sum = 0;
	int i;

	area_init(&a, page_size);
	monitor = thread_start(serve, &a);
	for (i = 0; i < COUNTERS; i++) {
		counters[i].area = &a;
		counters[i].number = i;
		counters[i].thread = thread_start(count, &counters[i]);
	}
	if (disturb)
		disturber = thread_start(disturb, &a);
	nap(3000);
	atomic_store(&a.end, true);
	for (i = 0; i < COUNTERS; i++) {
		pthread_join(counters[i].thread, NULL);
		sum += counters[i].counted;
	}
	if (disturb)
		pthread_join(disturber, NULL);
	/* Only now does nobody wait for a page any more. */
	atomic_store(&a.served, true);
	pthread_join(monitor, NULL);
	EQUAL(sum_of(&a), sum);
	if (moves)
		CHECK(a.moved > 10);
	printf("#   %lu counted, %lu moves, %lu times busy\n", sum, a.moved, a.busy);
	fflush(stdout);
}

static void with_writers(void)
{
	race(PAGE, NULL, true);
}

static void huge_with_writers(void)
{
	race(HUGE, NULL, true);
}

/* A child has the pages as well, for a moment: until then they can't be had. */
static int ends_soon(void *arg)
{
	usleep(2000);
	return 0;
}

static void *fork_often(void *arg)
{
	struct area *a = arg;

	while (!atomic_load(&a->end)) {
		child_status(child_start(ends_soon, NULL));
		usleep(5000);
	}
	return NULL;
}

static void with_forks(void)
{
	race(PAGE, fork_often, true);
}

/* The kernel reads the pages by another way than the page table of who moves. */
static void *pin_often(void *arg)
{
	struct area *a = arg;
	static char copy[PAGE];
	unsigned int i;

	for (i = 0; !atomic_load(&a->end); i++) {
		char *from = a->place[i % 2] + i / 2 % PAGES * a->page_size;
		struct iovec to = { copy, PAGE }, at = { from, PAGE };

		if (page_there(from))
			process_vm_readv(getpid(), &to, 1, &at, 1, 0);
	}
	return NULL;
}

static void with_pins(void)
{
	race(PAGE, pin_often, true);
}

/*
 * Pages move to other memory, and their entries say so meanwhile: the memory that they
 * leave is given up, as if it had begun to fail.
 */
static void *migrate_often(void *arg)
{
	struct area *a = arg;
	unsigned int i, migrated = 0;

	for (i = 0; !atomic_load(&a->end); i++) {
		char *at = a->place[i % 2] + i / 2 % PAGES * a->page_size;

		if (page_there(at))
			migrated += !madvise(at, PAGE, MADV_SOFT_OFFLINE);
	}
	CHECK(migrated > 0);
	return NULL;
}

static void with_migration(void)
{
	if (!in_guest())
		test_skip("would cost this machine some memory");
	race(PAGE, migrate_often, true);
}

/* Huge pages become small ones, and small ones huge, in both places. */
static void *split_and_collapse(void *arg)
{
	struct area *a = arg;
	unsigned int i;

	for (i = 0; !atomic_load(&a->end); i++) {
		char *at = a->place[i % 2] + i / 2 % PAGES * HUGE;

		if (!page_there(at))
			continue;
		/* A part that is used less than the rest splits it. */
		madvise(at + 5 * PAGE, PAGE, MADV_COLD);
		madvise(at, HUGE, MADV_COLLAPSE);
	}
	return NULL;
}

static void huge_with_splits(void)
{
	race(HUGE, split_and_collapse, false);
}

static void *page_out_often(void *arg)
{
	struct area *a = arg;

	while (!atomic_load(&a->end)) {
		madvise(a->place[0], PAGES * a->page_size, MADV_PAGEOUT);
		madvise(a->place[1], PAGES * a->page_size, MADV_PAGEOUT);
	}
	return NULL;
}

static void with_swap(void)
{
	need_swap();
	race(PAGE, page_out_often, true);
}

static void huge_with_swap(void)
{
	need_swap();
	race(HUGE, page_out_often, false);
}

/* Swapped out pages move as such, and come back at their new place. */
static void swapped_out(void)
{
	int uffd = uffd_open(0), i, there = 0;
	char *src = map_anon(PAGES), *dst = map_anon(PAGES);
	long free;

	need_swap();
	for (i = 0; i < PAGES; i++)
		memset(src + i * PAGE, 'a' + i, PAGE);
	MUST(uffd_register(uffd, dst, PAGES * PAGE, MODE_MISSING) == 0);
	MUST(madvise(src, PAGES * PAGE, MADV_PAGEOUT) == 0);
	for (i = 0; i < PAGES; i++)
		there += page_present(src + i * PAGE);
	if (there == PAGES)
		test_skip("nothing was swapped out");
	free = meminfo("SwapFree");
	EQUAL(uffd_move(uffd, dst, src, PAGES * PAGE, 0), PAGES * PAGE);
	/* None was read for it. */
	EQUAL(meminfo("SwapFree") <= free, true);
	for (i = there = 0; i < PAGES; i++)
		there += page_present(dst + i * PAGE);
	CHECK(there < PAGES);
	for (i = 0; i < PAGES; i++) {
		CHECK(!page_there(src + i * PAGE));
		EQUAL(dst[i * PAGE + 77], 'a' + i);
		EQUAL(src[i * PAGE], 0);
	}
}

static const struct test_case cases[] = {
	{ "threads write to what moves", with_writers, .seconds = 60 },
	{ "threads write to huge pages that move", huge_with_writers, .seconds = 60 },
	{ "children have the pages, too", with_forks, .seconds = 60 },
	{ "the kernel looks at the pages", with_pins, .seconds = 60 },
	{ "pages migrate", with_migration, .seconds = 60 },
	{ "huge pages are split and made again", huge_with_splits, .seconds = 60 },
	{ "swapped out pages move as they are", swapped_out },
	{ "pages are swapped out", with_swap, .seconds = 60 },
	{ "huge pages are swapped out", huge_with_swap, .seconds = 60 },
};
TEST_MAIN(cases)
