// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap(MREMAP_DONTUNMAP) leaves an empty, still registered range behind. What the
 * monitor has for the old place belongs to the new one from the moment of the move:
 * a copy to the old place is refused until the monitor has read about it, even if it
 * has to read first of what was unmapped to make room.
 *
 *	p      |AAAAAAAA|   moves to   p + AWAY   |BBBBBBBB|, which is unmapped
 */
#include "test.h"

#define PAGES 4
#define AWAY (64 * PAGE)

static char src[PAGE] = "source";

static void *leave(void *arg)
{
	char *p = arg;

	return (void *)(long)(mremap(p, PAGES * PAGE, PAGES * PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED | 4 /* MREMAP_DONTUNMAP */,
				     p + AWAY) != p + AWAY);
}

static void old_place_is_refused(void)
{
	int uffd = uffd_open(F_EVENT_REMAP | F_EVENT_UNMAP);
	char *p = map_anon(PAGES + AWAY / PAGE);
	pthread_t thread;
	void *failed;

	MUST(uffd_register(uffd, p, PAGES * PAGE, MODE_MISSING) == 0);
	MUST(uffd_register(uffd, p + AWAY, PAGES * PAGE, MODE_MISSING) == 0);
	thread = thread_start(leave, p);
	MUST(wait_readable(uffd, 5000));
	/* The move is done, and the thread waits for us to hear of the unmapping. */
	CHECK(smaps_flag(p, "um"));
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), -EAGAIN);
	EQUAL(uffd_expect(uffd, EVENT_UNMAP).remove.start, (long)(p + AWAY));
	EQUAL(uffd_expect(uffd, EVENT_REMAP).remap.from, (long)p);
	pthread_join(thread, &failed);
	CHECK(!failed);
	/* What is put there now is put there knowingly. */
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
	EQUAL(uffd_copy(uffd, p + AWAY, src, PAGE, 0), PAGE);
}

static const struct test_case cases[] = {
	{ "what is left by a move is refused until that is read", old_place_is_refused },
};
TEST_MAIN(cases)
