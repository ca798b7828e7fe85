// SPDX-License-Identifier: GPL-2.0-only
/*
 * A waiting fault lives until its thread goes on, whoever ends the wait: a wake
 * of its address, a signal, the death of its task, the end of the context. None
 * of them leaves a message behind that nobody waits for, and none is missed.
 */
#include "test.h"

static char *armed(int uffd, size_t pages)
{
	char *p = map_anon(pages);

	MUST(uffd_register(uffd, p, pages * PAGE, MODE_MISSING) == 0);
	return p;
}

static void only_those_in_range(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, 3);
	struct toucher t[3];
	int i;

	for (i = 0; i < 3; i++) {
		touch_start(&t[i], p + i * PAGE, false);
		uffd_expect(uffd, EVENT_PAGEFAULT);
	}
	/* Woken without a page it faults again; the others say nothing. */
	EQUAL(uffd_wake(uffd, p + PAGE, PAGE), 0);
	EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address, (long)(p + PAGE));
	nap(20);
	EQUAL(uffd_revents(uffd), 0);
	EQUAL(uffd_zeropage(uffd, p, 3 * PAGE, 0), 3 * PAGE);
	for (i = 0; i < 3; i++)
		EQUAL(touch_end(&t[i]), 0);
}

static void wake_of_an_unread_fault(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, 1);
	struct toucher t;
	struct abi_msg msg;

	touch_start(&t, p, false);
	MUST(wait_readable(uffd, 5000));
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
	EQUAL(uffd_revents(uffd), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static void dontwake_leaves_it_asleep(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, 1);
	struct toucher t;

	touch_start(&t, p, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_zeropage(uffd, p, PAGE, FILL_DONTWAKE), PAGE);
	nap(30);
	CHECK(!touch_done(&t));
	EQUAL(uffd_wake(uffd, p, PAGE), 0);
	EQUAL(touch_end(&t), 0);
}

static void wake_arguments(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, 1);

	EQUAL(uffd_wake(uffd, p, 0), -EINVAL);
	EQUAL(uffd_wake(uffd, p + 1, PAGE), -EINVAL);
	EQUAL(uffd_wake(uffd, p, PAGE + 1), -EINVAL);
	EQUAL(uffd_wake(uffd, (void *)-PAGE, 2 * PAGE), -EINVAL);
	EQUAL(uffd_wake(uffd, (void *)(1UL << 60), PAGE), -EINVAL);
	EQUAL(uffd_wake(uffd, p, PAGE), 0);
	EQUAL(ioctl(uffd, IOC_WAKE, NULL) ? -errno : 0, -EFAULT);
}

#define CROWD 200
static struct toucher crowd[CROWD];

static void gather(int uffd, char *p, size_t step)
{
	struct abi_msg msg;
	int i;

	for (i = 0; i < CROWD; i++)
		touch_start(&crowd[i], p + i * step, false);
	for (i = 0; i < CROWD; i++) {
		MUST(wait_readable(uffd, 5000));
		EQUAL(uffd_next(uffd, &msg), 0);
	}
}

static void crowd_at_one_page(void)
{
	int uffd = uffd_open(0), i;
	char *p = armed(uffd, 1);

	gather(uffd, p, 0);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	for (i = 0; i < CROWD; i++)
		EQUAL(touch_end(&crowd[i]), 0);
}

static void crowd_in_any_order(void)
{
	static char src[PAGE];
	int uffd = uffd_open(0), i;
	char *p = armed(uffd, CROWD);

	gather(uffd, p, PAGE);
	for (i = 0; i < CROWD; i++) {
		int k = i * 77 % CROWD;		/* 77 and 200 have no common divisor */

		src[0] = k;
		EQUAL(uffd_copy(uffd, p + k * PAGE, src, PAGE, 0), PAGE);
		EQUAL(touch_end(&crowd[k]), k);
	}
}

/* A task with a context of its own, that waits for a page of it. */
static int faulting_task(void *arg)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, 1);

	((volatile int *)arg)[0] = uffd;
	return *(volatile char *)p;
}

/* The fault goes with its task, whether or not it was read; the context stays. */
static void killed_task(bool read_it)
{
	volatile int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_start(faulting_task, (void *)shared);
	int pidfd = syscall(SYS_pidfd_open, pid, 0), uffd;
	struct abi_msg msg;

	while (!*shared)
		sched_yield();
	uffd = syscall(SYS_pidfd_getfd, pidfd, *shared, 0);
	MUST(uffd >= 0 && wait_readable(uffd, 5000));
	if (read_it)
		uffd_expect(uffd, EVENT_PAGEFAULT);
	kill(pid, SIGKILL);
	EQUAL(child_status(pid), -SIGKILL);
	EQUAL(uffd_revents(uffd) & POLLIN, 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

static void killed_unread(void)
{
	killed_task(false);
}

static void killed_in_service(void)
{
	killed_task(true);
}

static volatile int handled;

static void count_signal(int sig)
{
	handled++;
}

static void signal_interrupts_and_the_fault_comes_again(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	int uffd = uffd_open(0), i;
	char *p = armed(uffd, 1);
	struct toucher t;

	sigaction(SIGUSR1, &sa, NULL);
	touch_start(&t, p, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	for (i = 1; i <= 5; i++) {
		MUST(task_sleeps(t.tid));
		pthread_kill(t.thread, SIGUSR1);
		/* The handler ran without the page, and then the access is tried again. */
		EQUAL(uffd_expect(uffd, EVENT_PAGEFAULT).pagefault.address, (long)p);
		EQUAL(handled, i);
	}
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
	EQUAL(uffd_revents(uffd), 0);
}

/*
 * All at once, for a while: threads touch a page that is thrown away again and
 * again, are hit by signals, and are woken for nothing. Nobody may get stuck.
 */
#define STORM_THREADS 6
#define STORM_PAGES 8
static volatile bool storm_over;
static char *storm_area;
static volatile unsigned long storm_touches[STORM_THREADS];

static void *storm_toucher(void *arg)
{
	long me = (long)arg;
	unsigned int seed = me;

	while (!storm_over) {
		storm_area[rand_r(&seed) % STORM_PAGES * PAGE] = 1;
		storm_touches[me]++;
	}
	return NULL;
}

static void *storm_monitor(void *arg)
{
	int uffd = (long)arg;
	unsigned int seed = 99;
	struct abi_msg msg;

	while (wait_readable(uffd, 500)) {
		if (uffd_next(uffd, &msg))
			continue;
		if (rand_r(&seed) % 4 == 0)
			uffd_wake(uffd, storm_area, STORM_PAGES * PAGE);
		if (uffd_zeropage(uffd, (void *)msg.pagefault.address, PAGE, 0) == -EEXIST)
			uffd_wake(uffd, (void *)msg.pagefault.address, PAGE);
	}
	return NULL;
}

static void *storm_signals(void *arg)
{
	pthread_t *threads = arg;
	unsigned int seed = 7;

	while (!storm_over) {
		pthread_kill(threads[rand_r(&seed) % STORM_THREADS], SIGUSR1);
		madvise(storm_area + rand_r(&seed) % STORM_PAGES * PAGE, PAGE, MADV_DONTNEED);
	}
	return NULL;
}

static void storm(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	int uffd = uffd_open(0);
	pthread_t threads[STORM_THREADS], monitor, signals;
	long i;

	sigaction(SIGUSR1, &sa, NULL);
	storm_area = armed(uffd, STORM_PAGES);
	for (i = 0; i < STORM_THREADS; i++)
		threads[i] = thread_start(storm_toucher, (void *)i);
	monitor = thread_start(storm_monitor, (void *)(long)uffd);
	signals = thread_start(storm_signals, threads);
	nap(3000);
	storm_over = true;
	pthread_join(signals, NULL);
	for (i = 0; i < STORM_THREADS; i++) {
		pthread_join(threads[i], NULL);
		CHECK(storm_touches[i] > 10);
	}
	pthread_join(monitor, NULL);
	EQUAL(uffd_revents(uffd), 0);
}

static const struct test_case cases[] = {
	{ "a wake reaches those in its range only", only_those_in_range },
	{ "a fault that is resolved unread is not read any more", wake_of_an_unread_fault },
	{ "a fill with DONTWAKE leaves the waiter asleep", dontwake_leaves_it_asleep },
	{ "a wake of no range is refused", wake_arguments },
	{ "one fill wakes all who wait for its page", crowd_at_one_page, .seconds = 60 },
	{ "each of many gets its own page, in any order", crowd_in_any_order },
	{ "an unread fault goes with its task", killed_unread },
	{ "a fault in service goes with its task", killed_in_service },
	{ "a signal is handled, then the fault comes again",
	  signal_interrupts_and_the_fault_comes_again },
	{ "nobody gets stuck among touches, signals and wakes", storm },
};
TEST_MAIN(cases)
