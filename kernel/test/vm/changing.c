// SPDX-License-Identifier: GPL-2.0-only
/*
 * While a layout change is announced and not yet read, a fill that touches what
 * changes is refused with EAGAIN: the monitor decided it from an old map. A fill
 * elsewhere goes on, and so does one after the event was read: the monitor knows
 * all then.
 */
#include "test.h"

#define PAGES 8
#define EVENTS (F_EVENT_REMAP | F_EVENT_REMOVE | F_EVENT_UNMAP | F_EVENT_FORK)

static char src[PAGE] = "source";

/* Comes back when the call waits for the reader of its event. */
static void call_waits(struct call *call, int uffd, long (*f)(char *), char *p)
{
	call_start(call, f, p);
	MUST(wait_readable(uffd, 5000));
}

static long dontneed(char *p)
{
	return madvise(p, 2 * PAGE, MADV_DONTNEED);
}

static long unmap(char *p)
{
	return munmap(p, 2 * PAGE);
}

#define AWAY (64 * PAGE)

static long move(char *p)
{
	return mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + AWAY) == p + AWAY
	       ? 0 : -1;
}

static long forks(char *p)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return child_status(pid);
}

static char *armed(int uffd, uint64_t mode)
{
	char *p = map_anon(PAGES);

	MUST(uffd_register(uffd, p, PAGES * PAGE, mode) == 0);
	return p;
}

static void refused_inside(long (*f)(char *))
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, MODE_MISSING);
	struct abi_copy copy = { (uint64_t)p, (uint64_t)src, PAGE, 0, 77 };
	struct abi_fill zero = { { (uint64_t)p + PAGE, PAGE }, 0, 77 };
	struct call call;

	call_waits(&call, uffd, f, p);
	EQUAL(ioctl(uffd, IOC_COPY, &copy) ? -errno : 0, -EAGAIN);
	EQUAL(copy.done, -EAGAIN);
	EQUAL(ioctl(uffd, IOC_ZEROPAGE, &zero) ? -errno : 0, -EAGAIN);
	EQUAL(zero.done, -EAGAIN);
	zero.done = 77;
	EQUAL(ioctl(uffd, IOC_POISON, &zero) ? -errno : 0, -EAGAIN);
	EQUAL(zero.done, -EAGAIN);
	zero.done = 77;
	EQUAL(ioctl(uffd, IOC_CONTINUE, &zero) ? -errno : 0, -EAGAIN);
	EQUAL(zero.done, -EAGAIN);
	copy = (struct abi_copy){ (uint64_t)p, (uint64_t)p + 4 * PAGE, PAGE, 0, 77 };
	EQUAL(ioctl(uffd, IOC_MOVE, &copy) ? -errno : 0, -EAGAIN);
	EQUAL(copy.done, -EAGAIN);
	/* A wake changes nothing. */
	EQUAL(uffd_wake(uffd, p, PAGE), 0);
	/* The forked child holds the file: there the event is read instead. */
	if (f == forks)
		uffd_expect(uffd, EVENT_FORK);
	else
		close(uffd);
	EQUAL(call_end(&call), 0);
}

static void all_fills_are_refused_inside(void)
{
	refused_inside(dontneed);
}

static void refused_while_unmapping(void)
{
	refused_inside(unmap);
}

static void refused_while_forking(void)
{
	refused_inside(forks);
}

static void refused_while_moving(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, MODE_MISSING);
	struct call call;

	munmap(p + AWAY, 2 * PAGE);
	call_waits(&call, uffd, move, p);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), -EAGAIN);
	EQUAL(uffd_copy(uffd, p + AWAY + PAGE, src, PAGE, 0), -EAGAIN);
	close(uffd);
	EQUAL(call_end(&call), 0);
}

static void write_protection_is_refused_inside(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, MODE_WP);
	struct call call;

	call_waits(&call, uffd, dontneed, p);
	EQUAL(uffd_writeprotect(uffd, p, PAGE, WP_ON), -EAGAIN);
	EQUAL(uffd_writeprotect(uffd, p, PAGE, 0), -EAGAIN);
	close(uffd);
	EQUAL(call_end(&call), 0);
}

/* |changes|changes|filled|...: the pages beside, and those of the other mapping. */
static void goes_on_outside(long (*f)(char *), unsigned int kind)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, MODE_MISSING), *q = armed(uffd, MODE_MISSING);
	struct call call;

	munmap(p + AWAY, 2 * PAGE);
	call_waits(&call, uffd, f, p);
	EQUAL(uffd_copy(uffd, p + 2 * PAGE, src, PAGE, 0), PAGE);
	EQUAL(uffd_zeropage(uffd, p + 3 * PAGE, PAGE, 0), PAGE);
	EQUAL(uffd_poison(uffd, p + 4 * PAGE, PAGE, 0), PAGE);
	EQUAL(uffd_move(uffd, p + 5 * PAGE, p + 2 * PAGE, PAGE, 0), PAGE);
	EQUAL(uffd_copy(uffd, q, src, PAGE, 0), PAGE);
	/* Half outside is inside. */
	EQUAL(uffd_copy(uffd, p + PAGE, src, 2 * PAGE, 0), -EAGAIN);
	/* The source of a move counts as well as its destination. */
	EQUAL(uffd_move(uffd, q + PAGE, p, PAGE, 0), -EAGAIN);
	uffd_expect(uffd, kind);
	if (kind == EVENT_REMAP)
		uffd_expect(uffd, EVENT_UNMAP);
	EQUAL(call_end(&call), 0);
}

static void beside_a_remove(void)
{
	goes_on_outside(dontneed, EVENT_REMOVE);
}

static void beside_an_unmap(void)
{
	goes_on_outside(unmap, EVENT_UNMAP);
}

static void beside_a_remap(void)
{
	goes_on_outside(move, EVENT_REMAP);
}

/*
 * The read itself ends it, not the moment at which the task that waited gets to
 * run: a change that the monitor has read never refuses it.
 */
static void never_after_the_read(void)
{
	int uffd = uffd_open(EVENTS), i, refused = 0;
	char *p = armed(uffd, MODE_MISSING);

	for (i = 0; i < 300; i++) {
		struct call call;
		long err;

		call_waits(&call, uffd, dontneed, p);
		uffd_expect(uffd, EVENT_REMOVE);
		err = uffd_zeropage(uffd, p, PAGE, 0);
		refused += err == -EAGAIN;
		CHECK(err == (long)PAGE || err == -EEXIST || err == -EAGAIN);
		EQUAL(call_end(&call), 0);
	}
	EQUAL(refused, 0);
}

static void works_again_after_the_call(void)
{
	static long (*const calls[])(char *) = { dontneed, unmap, move, forks };
	static const unsigned int kinds[] = { EVENT_REMOVE, EVENT_UNMAP, EVENT_REMAP, EVENT_FORK };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		int uffd = uffd_open(EVENTS);
		char *p = armed(uffd, MODE_MISSING);
		struct call call;

		munmap(p + AWAY, 2 * PAGE);
		call_waits(&call, uffd, calls[i], p);
		EQUAL(uffd_copy(uffd, p, src, PAGE, 0), -EAGAIN);
		uffd_expect(uffd, kinds[i]);
		if (kinds[i] == EVENT_REMAP)
			uffd_expect(uffd, EVENT_UNMAP);
		EQUAL(call_end(&call), 0);
		EQUAL(uffd_copy(uffd, p + 3 * PAGE, src, PAGE, 0), PAGE);
		if (kinds[i] == EVENT_REMOVE || kinds[i] == EVENT_FORK)
			EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
		if (kinds[i] == EVENT_REMAP)
			EQUAL(uffd_copy(uffd, p + AWAY, src, PAGE, 0), PAGE);
		/* Or the next call would wait for a reader of this one, too. */
		close(uffd);
	}
}

/* Two changes at once: each is refused until its own event is read. */
static long dontneed_behind(char *p)
{
	return madvise(p + 4 * PAGE, 2 * PAGE, MADV_DONTNEED);
}

static void each_ends_by_itself(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, MODE_MISSING);
	struct call first, second;

	call_waits(&first, uffd, dontneed, p);
	call_waits(&second, uffd, dontneed_behind, p);
	nap(100);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), -EAGAIN);
	EQUAL(uffd_zeropage(uffd, p + 4 * PAGE, PAGE, 0), -EAGAIN);
	EQUAL(uffd_zeropage(uffd, p + 2 * PAGE, PAGE, 0), PAGE);
	EQUAL(uffd_expect(uffd, EVENT_REMOVE).remove.start, (long)p);
	EQUAL(call_end(&first), 0);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(uffd_zeropage(uffd, p + 4 * PAGE, PAGE, 0), -EAGAIN);
	EQUAL(uffd_expect(uffd, EVENT_REMOVE).remove.start, (long)(p + 4 * PAGE));
	EQUAL(call_end(&second), 0);
	EQUAL(uffd_zeropage(uffd, p + 4 * PAGE, PAGE, 0), PAGE);
}

/* A task that is killed while it waits takes its change with it. */
static int removes(void *arg)
{
	int *shared = arg;
	int uffd = uffd_open(EVENTS);
	char *p = armed(uffd, MODE_MISSING);
	pthread_t thread;

	*(char *volatile *)(shared + 2) = p;
	*(volatile int *)shared = uffd;
	thread = thread_start((void *(*)(void *))(void *)dontneed, p);
	pthread_join(thread, NULL);
	return 0;
}

static void killed_task_takes_its_change_along(void)
{
	int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_start(removes, shared);
	int pidfd = syscall(SYS_pidfd_open, pid, 0), uffd;
	char *p;

	while (!*(volatile int *)shared)
		sched_yield();
	uffd = syscall(SYS_pidfd_getfd, pidfd, *shared, 0);
	p = *(char **)(shared + 2);
	MUST(uffd >= 0 && wait_readable(uffd, 5000));
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), -EAGAIN);
	kill(pid, SIGKILL);
	child_status(pid);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), -ESRCH);
}

/* Fills and changes that never rest: what is read back is one of them, never a mixture. */
static volatile bool storm_over, storm_read;

static void *storm_changes(void *arg)
{
	unsigned int seed = 3;

	while (!storm_over) {
		dontneed(arg);
		usleep(rand_r(&seed) % 300);
	}
	return NULL;
}

static void *storm_reader(void *arg)
{
	struct abi_msg msg;

	/* As long as there is somebody who waits for it. */
	while (!storm_read)
		if (wait_readable((long)arg, 100))
			uffd_next((long)arg, &msg);
	return NULL;
}

static void storm(void)
{
	int uffd = uffd_open(F_EVENT_REMOVE), i, done = 0;
	char *p = armed(uffd, MODE_MISSING);
	pthread_t changes = thread_start(storm_changes, p);
	pthread_t reader = thread_start(storm_reader, (void *)(long)uffd);

	for (i = 0; i < 20000; i++) {
		long err = uffd_copy(uffd, p, src, PAGE, 0);

		done += err == (long)PAGE;
		CHECK(err == (long)PAGE || err == -EAGAIN || err == -EEXIST);
	}
	CHECK(done > 0);
	storm_over = true;
	pthread_join(changes, NULL);
	storm_read = true;
	pthread_join(reader, NULL);
}

static const struct test_case cases[] = {
	{ "every fill is refused in a range that is removed", all_fills_are_refused_inside },
	{ "every fill is refused in a range that is unmapped", refused_while_unmapping },
	{ "every fill is refused while a fork is announced", refused_while_forking },
	{ "fills are refused at both ends of a move", refused_while_moving },
	{ "write protection is refused, too", write_protection_is_refused_inside },
	{ "a fill works again after the call", works_again_after_the_call },
	{ "a killed task takes its change along", killed_task_takes_its_change_along },
	{ "fills among changes are done or refused, nothing else", storm, .seconds = 60 },
	{ "fills beside an unread REMOVE go on", beside_a_remove, .better = true },
	{ "fills beside an unread UNMAP go on", beside_an_unmap, .better = true },
	{ "fills beside an unread REMAP go on", beside_a_remap, .better = true },
	{ "no fill is refused once the event is read", never_after_the_read, .better = true },
	{ "each of two changes ends by itself", each_ends_by_itself, .better = true },
};
TEST_MAIN(cases)
