// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading loses nothing: a message is gone from its queue only when the reader
 * has it. A buffer that can't be written costs the reader an EFAULT, never a
 * fault message (its thread would sleep for ever), an event, or a descriptor.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "test.h"

/* Without malloc: a thread that waits in fork() holds its locks. */
static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void short_buffers(void)
{
	int uffd = uffd_open(0);
	char buf[64];

	EQUAL(read(uffd, buf, 0) < 0 ? -errno : 0, -EINVAL);
	EQUAL(read(uffd, buf, 31) < 0 ? -errno : 0, -EINVAL);
	EQUAL(read(uffd, buf, 32) < 0 ? -errno : 0, -EAGAIN);
}

#define MANY 5
static struct toucher touchers[MANY];

/* Faults that came one after the other, at p, p + PAGE, ... */
static char *make_faults(int uffd)
{
	char *p = map_anon(MANY);
	int i;

	MUST(uffd_register(uffd, p, MANY * PAGE, MODE_MISSING) == 0);
	for (i = 0; i < MANY; i++) {
		touch_start(&touchers[i], p + i * PAGE, false);
		MUST(wait_readable(uffd, 5000) && task_sleeps(touchers[i].tid));
	}
	return p;
}

static void end_faults(int uffd, char *p)
{
	int i;

	EQUAL(uffd_zeropage(uffd, p, MANY * PAGE, 0), MANY * PAGE);
	for (i = 0; i < MANY; i++)
		EQUAL(touch_end(&touchers[i]), 0);
}

static void several_at_once(void)
{
	int uffd = uffd_open(0), i;
	struct abi_msg msgs[MANY + 2];
	char *p = make_faults(uffd);

	/* As many as fit as a whole; the rest waits. */
	EQUAL(read(uffd, msgs, 2 * sizeof(msgs[0]) + 31), 2 * sizeof(msgs[0]));
	EQUAL(read(uffd, msgs + 2, sizeof(msgs) - 2 * sizeof(msgs[0])),
	      (MANY - 2) * sizeof(msgs[0]));
	for (i = 0; i < MANY; i++)
		EQUAL(msgs[i].pagefault.address - (uint64_t)p, i * PAGE);
	EQUAL(uffd_next(uffd, msgs), -EAGAIN);
	end_faults(uffd, p);
}

static void poll_of_a_blocking_file(void)
{
	int uffd = uffd_raw(0);
	struct pollfd p = { uffd, POLLIN, 0 };

	MUST(uffd >= 0 && uffd_api(uffd, 0) == 0);
	EQUAL(poll(&p, 1, 0), 1);
	EQUAL(p.revents, POLLERR);
}

static void poll_says_when(void)
{
	int uffd = uffd_open(0);
	struct abi_msg msgs[MANY];
	char *p;

	EQUAL(uffd_revents(uffd), 0);
	p = make_faults(uffd);
	EQUAL(uffd_revents(uffd), POLLIN);
	EQUAL(read(uffd, msgs, sizeof(msgs)), sizeof(msgs));
	EQUAL(uffd_revents(uffd), 0);
	end_faults(uffd, p);
}

static void *blocking_reader(void *arg)
{
	long *a = arg;
	static struct abi_msg msg;

	a[1] = gettid();
	a[2] = uffd_next(a[0], &msg);
	return &msg;
}

static void blocking_read(void)
{
	int uffd = uffd_raw(0);
	char *p = map_anon(1);
	struct toucher t;
	pthread_t thread;
	long arg[3] = { uffd, 0, -1 };
	void *msg;

	MUST(uffd >= 0 && uffd_api(uffd, 0) == 0);
	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(blocking_reader, arg);
	while (!((volatile long *)arg)[1])
		sched_yield();
	CHECK(task_sleeps(arg[1]));
	touch_start(&t, p, false);
	pthread_join(thread, &msg);
	EQUAL(arg[2], 0);
	EQUAL(((struct abi_msg *)msg)->pagefault.address, (long)p);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
}

static void nothing(int sig)
{
}

static void signal_ends_a_blocking_read(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	int uffd = uffd_raw(0);
	pthread_t thread;
	long arg[3] = { uffd, 0, -1 };

	MUST(uffd >= 0 && uffd_api(uffd, 0) == 0);
	sigaction(SIGUSR1, &sa, NULL);
	thread = thread_start(blocking_reader, arg);
	while (!((volatile long *)arg)[1])
		sched_yield();
	CHECK(task_sleeps(arg[1]));
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	EQUAL(arg[2], -EINTR);
}

/* A page that can't be written, behind one that can. */
static char *bad_behind_good(void)
{
	char *p = map_anon(2);

	MUST(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
	memset(p, 0, PAGE);
	return p + PAGE;
}

static void bad_buffer_keeps_a_fault(void)
{
	int uffd = uffd_open(0), i;
	char *bad = bad_behind_good();
	char *p = make_faults(uffd);
	struct abi_msg msg;

	EQUAL(read(uffd, bad, sizeof(msg)) < 0 ? -errno : 0, -EFAULT);
	EQUAL(read(uffd, bad - 16, sizeof(msg)) < 0 ? -errno : 0, -EFAULT);
	EQUAL(uffd_revents(uffd), POLLIN);
	for (i = 0; i < MANY; i++) {
		MUST(uffd_next(uffd, &msg) == 0);
		EQUAL(msg.pagefault.address - (uint64_t)p, i * PAGE);
	}
	end_faults(uffd, p);
}

static void buffer_that_is_bad_halfway(void)
{
	int uffd = uffd_open(0), i;
	char *bad = bad_behind_good();
	struct abi_msg *good = (struct abi_msg *)bad - 2, msg;
	char *p = make_faults(uffd);

	/* What was copied out is reported; what wasn't stays. */
	EQUAL(read(uffd, good, MANY * sizeof(msg)), 2 * sizeof(msg));
	EQUAL(good[0].pagefault.address - (uint64_t)p, 0);
	EQUAL(good[1].pagefault.address - (uint64_t)p, PAGE);
	for (i = 2; i < MANY; i++) {
		MUST(uffd_next(uffd, &msg) == 0);
		EQUAL(msg.pagefault.address - (uint64_t)p, i * PAGE);
	}
	end_faults(uffd, p);
}

static void *dontneed(void *arg)
{
	madvise(arg, PAGE, MADV_DONTNEED);
	return NULL;
}

static void bad_buffer_keeps_an_event(void)
{
	int uffd = uffd_open(F_EVENT_REMOVE);
	char *p = map_anon(1), *bad = bad_behind_good();
	pthread_t thread;
	struct abi_msg msg;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(dontneed, p);
	MUST(wait_readable(uffd, 5000));
	EQUAL(read(uffd, bad, sizeof(msg)) < 0 ? -errno : 0, -EFAULT);
	MUST(uffd_next(uffd, &msg) == 0);
	EQUAL(msg.event, EVENT_REMOVE);
	EQUAL(msg.remove.start, (long)p);
	pthread_join(thread, NULL);
}

static int child_of_fork(void *arg)
{
	return 7;
}

static void *forker(void *arg)
{
	return (void *)(long)child_status(child_start(child_of_fork, NULL));
}

static void bad_buffer_keeps_a_fork(void)
{
	int uffd = uffd_open(F_EVENT_FORK), before, i;
	char *p = map_anon(1), *bad = bad_behind_good();
	pthread_t thread;
	struct abi_msg msg;
	void *status;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	before = count_fds();
	thread = thread_start(forker, NULL);
	MUST(wait_readable(uffd, 5000));
	for (i = 0; i < 3; i++)
		EQUAL(read(uffd, bad, sizeof(msg)) < 0 ? -errno : 0, -EFAULT);
	EQUAL(count_fds(), before);
	msg = uffd_expect(uffd, EVENT_FORK);
	EQUAL(count_fds(), before + 1);
	EQUAL(close(msg.fork.ufd), 0);
	pthread_join(thread, &status);
	EQUAL((long)status, 7);
}

static void no_descriptor_left_keeps_a_fork(void)
{
	int uffd = uffd_open(F_EVENT_FORK);
	struct rlimit old, low;
	char *p = map_anon(1);
	pthread_t thread;
	struct abi_msg msg;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(forker, NULL);
	MUST(wait_readable(uffd, 5000) && getrlimit(RLIMIT_NOFILE, &old) == 0);
	low = old;
	low.rlim_cur = 3;
	MUST(setrlimit(RLIMIT_NOFILE, &low) == 0);
	EQUAL(uffd_next(uffd, &msg), -EMFILE);
	EQUAL(uffd_next(uffd, &msg), -EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &old) == 0);
	msg = uffd_expect(uffd, EVENT_FORK);
	EQUAL(close(msg.fork.ufd), 0);
	pthread_join(thread, NULL);
}

/* The reader of a fault is not to wait behind an event: they come first. */
static void faults_before_events(void)
{
	int uffd = uffd_open(F_EVENT_REMOVE);
	char *p = map_anon(2);
	pthread_t thread;
	struct toucher t;
	struct abi_msg msgs[2];

	MUST(uffd_register(uffd, p, 2 * PAGE, MODE_MISSING) == 0);
	thread = thread_start(dontneed, p);
	MUST(wait_readable(uffd, 5000));
	touch_start(&t, p + PAGE, false);
	MUST(task_sleeps(t.tid));
	EQUAL(read(uffd, msgs, sizeof(msgs)), sizeof(msgs));
	EQUAL(msgs[0].event, EVENT_PAGEFAULT);
	EQUAL(msgs[1].event, EVENT_REMOVE);
	pthread_join(thread, NULL);
	EQUAL(uffd_zeropage(uffd, p + PAGE, PAGE, 0), PAGE);
	EQUAL(touch_end(&t), 0);
}

static void no_seek_no_write(void)
{
	int uffd = uffd_open(0);
	struct abi_msg msg = { 0 };

	EQUAL(write(uffd, &msg, sizeof(msg)) < 0 ? -errno : 0, -EBADF);
}

static const struct test_case cases[] = {
	{ "a buffer shorter than a message is refused", short_buffers },
	{ "one read takes as many messages as fit, oldest first", several_at_once },
	{ "poll of a blocking file is an error", poll_of_a_blocking_file },
	{ "poll tells of a fault until it is read", poll_says_when },
	{ "a blocking read waits for a message", blocking_read },
	{ "a signal ends a blocking read", signal_ends_a_blocking_read },
	{ "faults come before events", faults_before_events },
	{ "the file is for reading only", no_seek_no_write },
	{ "a bad buffer loses no fault", bad_buffer_keeps_a_fault, .better = true,
	  .seconds = 12 },
	{ "a buffer that is bad halfway loses no fault", buffer_that_is_bad_halfway,
	  .better = true, .seconds = 12 },
	{ "a bad buffer loses no event", bad_buffer_keeps_an_event, .better = true,
	  .seconds = 12 },
	{ "a bad buffer loses no fork event and leaks no descriptor", bad_buffer_keeps_a_fork,
	  .better = true, .seconds = 12 },
	{ "a full descriptor table loses no fork event", no_descriptor_left_keeps_a_fork },
};
TEST_MAIN(cases)
