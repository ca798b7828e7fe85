// SPDX-License-Identifier: GPL-2.0-only
/*
 * fdinfo says, in a form that programs parse: how many faults wait unread, how
 * many wait at all, and what was negotiated. It is right at every moment.
 */
#include "test.h"

struct info {
	unsigned long pending, total;
	char api[128];
};

static struct info info_of(int uffd)
{
	struct info info = { -1, -1, "" };
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", uffd);
	f = fopen(path, "r");
	MUST(f);
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "pending:\t%lu", &info.pending);
		sscanf(line, "total:\t%lu", &info.total);
		sscanf(line, "API:\t%127s", info.api);
	}
	fclose(f);
	return info;
}

/* All ioctls as one number: those of a context and those of a range. */
static void api_line(void)
{
	char want[64];
	int uffd = uffd_raw(O_NONBLOCK);

	snprintf(want, sizeof(want), "aa:0:%llx", IOCTLS_API | IOCTLS_RANGE);
	EQUAL(strcmp(info_of(uffd).api, want), 0);
	MUST(uffd_api(uffd, 0) == 0);
	snprintf(want, sizeof(want), "aa:80000000:%llx", IOCTLS_API | IOCTLS_RANGE);
	EQUAL(strcmp(info_of(uffd).api, want), 0);
	uffd = uffd_open(F_EVENT_REMAP | F_THREAD_ID);
	snprintf(want, sizeof(want), "aa:%x:%llx", 0x80000000 | F_EVENT_REMAP | F_THREAD_ID,
		 IOCTLS_API | IOCTLS_RANGE);
	EQUAL(strcmp(info_of(uffd).api, want), 0);
}

static void counts(void)
{
	int uffd = uffd_open(0), i;
	char *p = map_anon(5);
	struct toucher t[5];

	MUST(uffd_register(uffd, p, 5 * PAGE, MODE_MISSING) == 0);
	EQUAL(info_of(uffd).pending, 0);
	EQUAL(info_of(uffd).total, 0);
	for (i = 0; i < 5; i++) {
		touch_start(&t[i], p + i * PAGE, false);
		MUST(wait_readable(uffd, 5000) && task_sleeps(t[i].tid));
	}
	EQUAL(info_of(uffd).pending, 5);
	EQUAL(info_of(uffd).total, 5);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(info_of(uffd).pending, 3);
	EQUAL(info_of(uffd).total, 5);
	/* One that was read, and one that wasn't. */
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(uffd_zeropage(uffd, p + 4 * PAGE, PAGE, 0), PAGE);
	touch_end(&t[0]);
	touch_end(&t[4]);
	EQUAL(info_of(uffd).pending, 2);
	EQUAL(info_of(uffd).total, 3);
	EQUAL(uffd_zeropage(uffd, p + PAGE, 3 * PAGE, 0), 3 * PAGE);
	for (i = 1; i < 4; i++)
		touch_end(&t[i]);
	EQUAL(info_of(uffd).pending, 0);
	EQUAL(info_of(uffd).total, 0);
}

static void *dontneed(void *arg)
{
	madvise(arg, PAGE, MADV_DONTNEED);
	return NULL;
}

/* Events are no faults. */
static void events_are_not_counted(void)
{
	int uffd = uffd_open(F_EVENT_REMOVE);
	char *p = map_anon(1);
	pthread_t thread;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(dontneed, p);
	MUST(wait_readable(uffd, 5000));
	EQUAL(info_of(uffd).pending, 0);
	EQUAL(info_of(uffd).total, 0);
	uffd_expect(uffd, EVENT_REMOVE);
	pthread_join(thread, NULL);
}

static const struct test_case cases[] = {
	{ "what was negotiated", api_line },
	{ "how many wait, and how many unread", counts },
	{ "events are not counted", events_are_not_counted },
};
TEST_MAIN(cases)
