// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layout changes of the address space are told as they happen, and the call
 * that makes them returns only when the reader knows. An event that was not
 * asked for is not sent, and no event is sent for what did not happen.
 */
#include "test.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define EVENTS (F_EVENT_REMAP | F_EVENT_REMOVE | F_EVENT_UNMAP)
#define PAGES 8

/* Five of the eight pages of the mapping, from the third on. */
#define FIRST 2
#define COUNT 5

static char *armed(int uffd, char *p, size_t pages, bool filled)
{
	MUST(uffd_register(uffd, p, pages * PAGE, MODE_MISSING) == 0);
	if (filled)
		MUST(uffd_zeropage(uffd, p, pages * PAGE, 0) == (long)(pages * PAGE));
	return p;
}

/* The call F sends one event of this kind, with these two addresses, and waits for its reader. */
static void one_event(char *p, long (*f)(char *), unsigned int kind, char *start, char *end)
{
	int uffd = uffd_open(EVENTS);
	struct call call;
	struct abi_msg msg;

	armed(uffd, p, PAGES, false);
	call_start(&call, f, p);
	MUST(wait_readable(uffd, 5000));
	nap(20);
	CHECK(!call.over);
	msg = uffd_expect(uffd, kind);
	EQUAL(msg.remove.start - (uint64_t)p, start - p);
	EQUAL(msg.remove.end - (uint64_t)p, end - p);
	EQUAL(call_end(&call), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	close(uffd);
}

static long advise_dontneed(char *p)
{
	return madvise(p + FIRST * PAGE, COUNT * PAGE, MADV_DONTNEED);
}

static long advise_free(char *p)
{
	return madvise(p + FIRST * PAGE, COUNT * PAGE, MADV_FREE);
}

static long advise_dontneed_locked(char *p)
{
	return madvise(p + FIRST * PAGE, COUNT * PAGE, 24 /* MADV_DONTNEED_LOCKED */);
}

static long advise_remove(char *p)
{
	return madvise(p + FIRST * PAGE, COUNT * PAGE, MADV_REMOVE);
}

static void remove_by_madvise(void)
{
	char *p = map_anon(PAGES), *q = map_memfd(PAGES * PAGE, 0, MAP_SHARED, NULL);

	one_event(p, advise_dontneed, EVENT_REMOVE, p + FIRST * PAGE, p + (FIRST + COUNT) * PAGE);
	one_event(p, advise_free, EVENT_REMOVE, p + FIRST * PAGE, p + (FIRST + COUNT) * PAGE);
	one_event(p, advise_dontneed_locked, EVENT_REMOVE, p + FIRST * PAGE,
		  p + (FIRST + COUNT) * PAGE);
	one_event(q, advise_remove, EVENT_REMOVE, q + FIRST * PAGE, q + (FIRST + COUNT) * PAGE);
}

/* The page is thrown away after the event was read, not before. */
static void remove_does_remove(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, map_anon(PAGES), PAGES, true);
	struct call call;

	p[FIRST * PAGE] = 'x';
	call_start(&call, advise_dontneed, p);
	MUST(wait_readable(uffd, 5000));
	CHECK(page_there(p + FIRST * PAGE));
	uffd_expect(uffd, EVENT_REMOVE);
	EQUAL(call_end(&call), 0);
	CHECK(!page_there(p + FIRST * PAGE));
	CHECK(page_there(p));
}

static long unmap_middle(char *p)
{
	return munmap(p + FIRST * PAGE, COUNT * PAGE);
}

static long map_over(char *p)
{
	return mmap(p + FIRST * PAGE, COUNT * PAGE, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long shrink(char *p)
{
	return mremap(p, PAGES * PAGE, 3 * PAGE, 0) == MAP_FAILED ? -1 : 0;
}

static void unmap_in_all_ways(void)
{
	char *p = map_anon(PAGES);

	one_event(p, unmap_middle, EVENT_UNMAP, p + FIRST * PAGE, p + (FIRST + COUNT) * PAGE);
	p = map_anon(PAGES);
	one_event(p, map_over, EVENT_UNMAP, p + FIRST * PAGE, p + (FIRST + COUNT) * PAGE);
	p = map_anon(PAGES);
	one_event(p, shrink, EVENT_UNMAP, p + 3 * PAGE, p + PAGES * PAGE);
}

/* The whole range of the call is told, once for each context. */
static long unmap_all(char *p)
{
	return munmap(p, PAGES * PAGE);
}

static void unmap_of_more_than_is_registered(void)
{
	int one = uffd_open(EVENTS), two = uffd_open(EVENTS);
	char *p = map_anon(PAGES);
	struct call call;
	struct abi_msg msg;

	armed(one, p, 1, false);
	armed(two, p + 2 * PAGE, 1, false);
	armed(one, p + 5 * PAGE, 1, false);
	call_start(&call, unmap_all, p);
	msg = uffd_expect(one, EVENT_UNMAP);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(msg.remove.end, (long)(p + PAGES * PAGE));
	EQUAL(uffd_next(one, &msg), -EAGAIN);
	msg = uffd_expect(two, EVENT_UNMAP);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(msg.remove.end, (long)(p + PAGES * PAGE));
	EQUAL(call_end(&call), 0);
	EQUAL(uffd_next(one, &msg), -EAGAIN);
	EQUAL(uffd_next(two, &msg), -EAGAIN);
}

#define AWAY (64 * PAGE)

static long move_away(char *p)
{
	return mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + AWAY) ==
	       p + AWAY ? 0 : -1;
}

static long move_and_grow(char *p)
{
	return mremap(p, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      p + AWAY) == p + AWAY ? 0 : -1;
}

static long move_and_leave(char *p)
{
	return mremap(p, PAGES * PAGE, PAGES * PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED | 4 /* MREMAP_DONTUNMAP */, p + AWAY) ==
	       p + AWAY ? 0 : -1;
}

static void remap(long (*f)(char *), size_t pages_after)
{
	int uffd = uffd_open(EVENTS);
	char *p = map_anon(PAGES), *there = p + AWAY;
	struct call call;
	struct abi_msg msg;
	struct toucher t;

	munmap(there, 2 * PAGES * PAGE);
	armed(uffd, p, PAGES, false);
	MUST(uffd_copy(uffd, p, "moved along", PAGE, 0) != 0);
	call_start(&call, f, p);
	MUST(wait_readable(uffd, 5000));
	nap(20);
	CHECK(!call.over);
	msg = uffd_expect(uffd, EVENT_REMAP);
	EQUAL(msg.remap.from, (long)p);
	EQUAL(msg.remap.to, (long)there);
	EQUAL(msg.remap.len, PAGES * PAGE);
	/* Moved and gone from the old place, which is told, too. */
	if (f != move_and_leave) {
		msg = uffd_expect(uffd, EVENT_UNMAP);
		EQUAL(msg.remove.start, (long)p);
		EQUAL(msg.remove.end, (long)(p + PAGES * PAGE));
	}
	EQUAL(call_end(&call), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	CHECK(smaps_flag(there, "um"));
	EQUAL(there[0], 'm');
	touch_start(&t, there + (pages_after - 1) * PAGE, false);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address,
	      (long)(there + (pages_after - 1) * PAGE));
	EQUAL(uffd_zeropage(uffd, there + (pages_after - 1) * PAGE, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
}

static void remap_moves(void)
{
	remap(move_away, PAGES);
}

static void remap_grows(void)
{
	remap(move_and_grow, 2 * PAGES);
}

static void remap_leaves(void)
{
	remap(move_and_leave, PAGES);
}

/* What lay at the destination goes first. */
static void remap_over_registered_memory(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = map_anon(PAGES);
	struct call call;
	struct abi_msg msg;

	mmap(p + AWAY, PAGES * PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	armed(uffd, p, PAGES, false);
	armed(uffd, p + AWAY, PAGES, false);
	call_start(&call, move_away, p);
	msg = uffd_expect(uffd, EVENT_UNMAP);
	EQUAL(msg.remove.start, (long)(p + AWAY));
	EQUAL(msg.remove.end, (long)(p + AWAY + PAGES * PAGE));
	msg = uffd_expect(uffd, EVENT_REMAP);
	EQUAL(msg.remap.from, (long)p);
	EQUAL(msg.remap.to, (long)(p + AWAY));
	msg = uffd_expect(uffd, EVENT_UNMAP);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(call_end(&call), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static int look_at_zero(void *arg)
{
	return *(char *)arg + 3;
}

static void unasked_events_are_not_sent(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, map_anon(PAGES), PAGES, true);
	struct abi_msg msg;

	EQUAL(madvise(p, PAGE, MADV_DONTNEED), 0);
	EQUAL(munmap(p + (PAGES - 1) * PAGE, PAGE), 0);
	EQUAL(child_status(child_start(look_at_zero, p)), 3);
	EQUAL(mremap(p, 3 * PAGE, 2 * PAGE, 0) == p, true);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

/* Without the event the monitor could not follow: what has moved is plain memory. */
static void unfollowed_remap_detaches(void)
{
	int uffd = uffd_open(F_EVENT_REMOVE);
	char *p = armed(uffd, map_anon(PAGES), PAGES, false);

	munmap(p + AWAY, PAGES * PAGE);
	EQUAL(move_away(p), 0);
	CHECK(!smaps_flag(p + AWAY, "um"));
	EQUAL(p[AWAY], 0);
}

static void no_event_for(void)
{
	int uffd = uffd_open(EVENTS), fd;
	char *p = armed(uffd, map_anon(PAGES), PAGES, false);
	char *q = map_memfd(PAGES * PAGE, 0, MAP_SHARED, &fd);
	struct abi_msg msg;

	armed(uffd, q, PAGES, false);
	/* Protection, growth in place, the file's own end. */
	EQUAL(mprotect(p, PAGE, PROT_READ), 0);
	munmap(p + PAGES * PAGE, PAGE);
	CHECK(mremap(p + PAGE, (PAGES - 1) * PAGE, PAGES * PAGE, 0) == p + PAGE);
	EQUAL(ftruncate(fd, 0), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static long fails_to_unmap(char *p)
{
	return munmap(p, 3 * PAGE);
}

/*
 * |registered|registered|sealed|: the last can't be unmapped, so nothing is.
 */
static char *start_failing(int uffd, struct call *call)
{
	char *p = map_anon(3);

	armed(uffd, p, 2, false);
	if (syscall(SYS_mseal, p + 2 * PAGE, PAGE, 0) < 0)
		test_skip("no mseal");
	call_start(call, fails_to_unmap, p);
	return p;
}

static void failed_munmap(void)
{
	int uffd = uffd_open(EVENTS);
	struct call call;
	struct abi_msg msg;
	char *p = start_failing(uffd, &call);

	nap(100);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	CHECK(call.over);
	EQUAL(call_end(&call), -EPERM);
	/* Nothing is pending either. */
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
}

/* |sealed|: the failed call leaves no trace; one that works behind it is told as ever. */
static long unmap_one(char *p)
{
	return munmap(p, PAGE);
}

static void munmap_after_a_failed_one(void)
{
	int uffd = uffd_open(EVENTS);
	struct call call;
	struct abi_msg msg;
	char *p = start_failing(uffd, &call);

	while (!call.over)
		if (wait_readable(uffd, 10))
			uffd_next(uffd, &msg);
	EQUAL(call_end(&call), -EPERM);
	call_start(&call, unmap_one, p);
	msg = uffd_expect(uffd, EVENT_UNMAP);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(msg.remove.end, (long)(p + PAGE));
	EQUAL(call_end(&call), 0);
	EQUAL(uffd_zeropage(uffd, p + PAGE, PAGE, 0), PAGE);
}

/* Who waits for a reader can be killed. */
static int waits_for_a_reader(void *arg)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, map_anon(PAGES), PAGES, false);

	((volatile int *)arg)[0] = 1;
	((long (*)(char *))((volatile long *)arg)[1])(p);
	return 0;
}

static void waiting_call_is_killable(void)
{
	static long (*const calls[])(char *) = { advise_dontneed, unmap_middle, move_away };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		volatile long *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pid_t pid;

		shared[1] = (long)calls[i];
		pid = child_start(waits_for_a_reader, (void *)shared);
		while (!*(volatile int *)shared)
			sched_yield();
		MUST(task_sleeps(pid));
		kill(pid, SIGKILL);
		EQUAL(child_status(pid), -SIGKILL);
	}
}

static const struct test_case cases[] = {
	{ "REMOVE by each of the calls", remove_by_madvise },
	{ "REMOVE comes before the page goes", remove_does_remove },
	{ "UNMAP by each of the calls", unmap_in_all_ways },
	{ "UNMAP tells the whole range, once a context", unmap_of_more_than_is_registered },
	{ "REMAP of a mapping that moves", remap_moves },
	{ "REMAP of one that grows, too", remap_grows },
	{ "REMAP of one that leaves its place mapped", remap_leaves },
	{ "REMAP onto registered memory", remap_over_registered_memory },
	{ "events that were not asked for are not sent", unasked_events_are_not_sent },
	{ "an unfollowed move detaches", unfollowed_remap_detaches },
	{ "no event for mprotect, growth in place, truncation", no_event_for },
	{ "who waits for a reader can be killed", waiting_call_is_killable },
	{ "munmap after one that failed", munmap_after_a_failed_one },
	{ "no UNMAP for a munmap that failed", failed_munmap, .better = true, .seconds = 12 },
};
TEST_MAIN(cases)
