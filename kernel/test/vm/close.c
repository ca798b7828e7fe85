// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing a context sets everybody free: threads in a fault find a plain page,
 * tasks that wait for the reader of their event go on, and the address space
 * keeps no trace of it. Closing never kills and never leaves a sleeper behind.
 */
#include "test.h"

static char *armed(int uffd, size_t pages)
{
	char *p = map_anon(pages);

	MUST(uffd_register(uffd, p, pages * PAGE, MODE_MISSING) == 0);
	return p;
}

static void frees_faults(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, 2);
	struct toucher served, pending;

	touch_start(&served, p, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	touch_start(&pending, p + PAGE, true);
	MUST(wait_readable(uffd, 5000));
	EQUAL(close(uffd), 0);
	EQUAL(touch_end(&served), 0);
	EQUAL(touch_end(&pending), 'w');
	CHECK(!smaps_flag(p, "um"));
}

static long dontneed(char *p)
{
	return madvise(p, PAGE, MADV_DONTNEED);
}

static long unmap(char *p)
{
	return munmap(p, PAGE);
}

static long move(char *p)
{
	return mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 64 * PAGE) == p + 64 * PAGE
	       ? 0 : -1;
}

/*
 * The child looks at the memory itself: nobody would answer its fault. It shares
 * our descriptors; a copy of its own would hold the context before it runs.
 */
static long fork_and_look(char *p)
{
	pid_t pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(p[0] == 0 && !smaps_flag(p, "um") ? 5 : 6);
	return pid < 0 ? -1 : child_status(pid);
}

static void frees_an_event(uint64_t feature, long (*f)(char *), long result)
{
	int uffd = uffd_open(feature);
	char *p = armed(uffd, 1);
	struct call call;

	call_start(&call, f, p);
	MUST(wait_readable(uffd, 5000));
	nap(10);
	CHECK(!call.over);
	EQUAL(close(uffd), 0);
	EQUAL(call_end(&call), result);
}

static void frees_remove(void)
{
	frees_an_event(F_EVENT_REMOVE, dontneed, 0);
}

static void frees_unmap(void)
{
	frees_an_event(F_EVENT_UNMAP, unmap, 0);
}

static void frees_remap(void)
{
	frees_an_event(F_EVENT_REMAP, move, 0);
}

static void frees_fork(void)
{
	frees_an_event(F_EVENT_FORK, fork_and_look, 5);
}

static void frees_all_at_once(void)
{
	int uffd = uffd_open(F_EVENT_FORK | F_EVENT_REMAP | F_EVENT_REMOVE | F_EVENT_UNMAP), i;
	char *p = armed(uffd, 32), *q = armed(uffd, 1), *r = armed(uffd, 1), *s = armed(uffd, 1);
	struct toucher t[32];
	struct call calls[4];

	for (i = 0; i < 32; i++)
		touch_start(&t[i], p + i * PAGE, i % 2);
	for (i = 0; i < 10; i++)
		uffd_expect(uffd, EVENT_PAGEFAULT);
	call_start(&calls[0], dontneed, q);
	call_start(&calls[1], unmap, r);
	call_start(&calls[2], move, s);
	nap(30);
	call_start(&calls[3], fork_and_look, p);
	nap(30);
	EQUAL(close(uffd), 0);
	for (i = 0; i < 4; i++)
		EQUAL(call_end(&calls[i]), i == 3 ? 5 : 0);
	for (i = 0; i < 32; i++)
		EQUAL(touch_end(&t[i]), i % 2 ? 'w' : 0);
}

/* What lies between the event's kind and its end is the same for each: many times over. */
static void races_with_faults_and_events(void)
{
	int round;

	for (round = 0; round < 150; round++) {
		int uffd = uffd_open(F_EVENT_REMOVE | F_EVENT_UNMAP);
		char *p = armed(uffd, 8);
		struct toucher t[4];
		struct call calls[2];
		int i;

		for (i = 0; i < 4; i++)
			touch_start(&t[i], p + i * PAGE, true);
		call_start(&calls[0], dontneed, p + 5 * PAGE);
		call_start(&calls[1], unmap, p + 6 * PAGE);
		usleep(round * 10);
		close(uffd);
		for (i = 0; i < 4; i++)
			EQUAL(touch_end(&t[i]), 'w');
		EQUAL(call_end(&calls[0]), 0);
		EQUAL(call_end(&calls[1]), 0);
		munmap(p, 8 * PAGE);
	}
}

static void memory_is_free_for_another(void)
{
	int one = uffd_open(0), two = uffd_open(0);
	char *p = armed(one, 4);

	EQUAL(uffd_register(two, p, 4 * PAGE, MODE_MISSING), -EBUSY);
	EQUAL(close(one), 0);
	EQUAL(uffd_register(two, p, 4 * PAGE, MODE_MISSING), 0);
}

/* Registered pieces were mappings of their own; they grow together again. */
static void mappings_merge_again(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(9);

	MUST(uffd_register(uffd, p + 3 * PAGE, 3 * PAGE, MODE_MISSING) == 0);
	EQUAL(count_mappings(p, 9 * PAGE), 3);
	close(uffd);
	EQUAL(count_mappings(p, 9 * PAGE), 1);
}

static void write_protection_ends(void)
{
	int uffd = uffd_open(0);
	char *p = map_anon(2);
	struct toucher t;

	p[0] = p[PAGE] = 1;
	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_WP) == 0);
	MUST(uffd_writeprotect(uffd, p, 2 * PAGE, WP_ON) == 0);
	touch_start(&t, p, true);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	close(uffd);
	EQUAL(touch_end(&t), 'w');
	p[PAGE] = 2;
	CHECK(!smaps_flag(p, "uw"));
}

/* Only the last copy of the descriptor counts. */
static void a_copy_holds_it(void)
{
	int uffd = uffd_open(0), copy = dup(uffd);
	char *p = armed(uffd, 1);
	struct toucher t;

	close(uffd);
	touch_start(&t, p, false);
	uffd_expect(copy, EVENT_PAGEFAULT);
	EQUAL(uffd_zeropage(copy, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
}

static const struct test_case cases[] = {
	{ "faults find a plain page, read or unread", frees_faults },
	{ "a waiting REMOVE goes on", frees_remove },
	{ "a waiting UNMAP goes on", frees_unmap },
	{ "a waiting REMAP goes on", frees_remap },
	{ "a waiting FORK goes on, its child with plain memory", frees_fork },
	{ "faults and events of all kinds at once", frees_all_at_once },
	{ "at any moment of faults and events", races_with_faults_and_events, .seconds = 60 },
	{ "the memory is free for another context", memory_is_free_for_another },
	{ "mappings that it split merge again", mappings_merge_again },
	{ "write protection ends", write_protection_ends },
	{ "a copy of the descriptor holds the context", a_copy_holds_it },
};
TEST_MAIN(cases)
