// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many copies in one call: each range has a result of its own, as if it had been
 * filled by a call of its own, and what one can't do does not keep the next one from
 * being done. Only what can be no range's fault ends the whole, and says how far it came.
 */
#include "test.h"

#define COUNT 8

static _Alignas(4096) char src[COUNT * PAGE];

/* The ranges are every other page of 2 * COUNT, the last one first. */
static char *place_of(char *area, int i)
{
	return area + 2 * (COUNT - 1 - i) * PAGE;
}

static char *prepare(int uffd, struct abi_copy *copies)
{
	char *area = map_anon(2 * COUNT);
	int i;

	MUST(uffd_register(uffd, area, 2 * COUNT * PAGE, MODE_MISSING) == 0);
	for (i = 0; i < COUNT; i++) {
		memset(src + i * PAGE, 'a' + i, PAGE);
		copies[i] = (struct abi_copy){ (uint64_t)place_of(area, i),
					       (uint64_t)(src + i * PAGE), PAGE, 0, 77 };
	}
	return area;
}

/* What the call returned; *done, 77 if it was left alone. */
static int copy_many(int uffd, void *copies, uint64_t count, uint64_t *done)
{
	struct abi_copy_many many = { (uint64_t)copies, count, 77 };
	int error = ioctl(uffd, IOC_COPY_MANY, &many) ? -errno : 0;

	*done = many.done;
	return error;
}

static void scattered(void)
{
	int uffd = uffd_open(F_COPY_MANY), i;
	struct abi_copy copies[COUNT];
	char *area = prepare(uffd, copies);
	uint64_t done;

	EQUAL(copy_many(uffd, copies, COUNT, &done), 0);
	EQUAL(done, COUNT);
	for (i = 0; i < COUNT; i++) {
		EQUAL(copies[i].done, PAGE);
		EQUAL(*place_of(area, i), 'a' + i);
		CHECK(!page_there(place_of(area, i) + PAGE));
	}
}

static void results(void)
{
	int uffd = uffd_open(F_COPY_MANY), i;
	struct abi_copy copies[COUNT];
	char *area = prepare(uffd, copies);
	uint64_t done;
	const long want[COUNT] = { -EEXIST, -ENOENT, -EINVAL, -EFAULT, -EINVAL, -EINVAL,
				   PAGE, -EINVAL };

	MUST(uffd_copy(uffd, place_of(area, 0), src, PAGE, 0) == (long)PAGE);
	copies[1].dst = (uint64_t)map_anon(1);
	copies[2].dst++;
	copies[3].src = 8;
	copies[4].mode = 1 << 7;
	copies[5].len = 0;
	copies[7].src = -PAGE;
	EQUAL(copy_many(uffd, copies, COUNT, &done), -EAGAIN);
	EQUAL(done, COUNT);
	for (i = 0; i < COUNT; i++)
		EQUAL(copies[i].done, want[i]);
	EQUAL(*place_of(area, 6), 'a' + 6);
}

/* A range that ends at a page that is there is filled up to it. */
static void short_one(void)
{
	int uffd = uffd_open(F_COPY_MANY);
	struct abi_copy copies[COUNT];
	char *area = prepare(uffd, copies);
	uint64_t done;

	MUST(uffd_copy(uffd, area + 2 * PAGE, src, PAGE, 0) == (long)PAGE);
	copies[0] = (struct abi_copy){ (uint64_t)area, (uint64_t)src, 4 * PAGE, 0, 77 };
	EQUAL(copy_many(uffd, copies, 2, &done), -EAGAIN);
	EQUAL(done, 2);
	EQUAL(copies[0].done, 2 * PAGE);
	EQUAL(copies[1].done, PAGE);
}

static void *empty(void *page)
{
	return (void *)(long)madvise(page, PAGE, MADV_DONTNEED);
}

static void beside_a_change(void)
{
	int uffd = uffd_open(F_COPY_MANY | F_EVENT_REMOVE), i;
	struct abi_copy copies[COUNT];
	char *area = prepare(uffd, copies);
	pthread_t thread;
	uint64_t done;

	thread = thread_start(empty, place_of(area, 3));
	MUST(wait_readable(uffd, 4000));
	EQUAL(copy_many(uffd, copies, COUNT, &done), -EAGAIN);
	EQUAL(done, COUNT);
	for (i = 0; i < COUNT; i++)
		EQUAL(copies[i].done, i == 3 ? -EAGAIN : (long)PAGE);
	uffd_expect(uffd, EVENT_REMOVE);
	pthread_join(thread, NULL);
	EQUAL(copy_many(uffd, &copies[3], 1, &done), 0);
	EQUAL(copies[3].done, PAGE);
}

static void wakes(void)
{
	int uffd = uffd_open(F_COPY_MANY), i;
	struct abi_copy copies[COUNT];
	char *area = prepare(uffd, copies);
	struct toucher t[COUNT];
	uint64_t done;

	for (i = 0; i < COUNT; i++) {
		touch_start(&t[i], place_of(area, i), false);
		uffd_expect(uffd, EVENT_PAGEFAULT);
	}
	copies[5].mode = COPY_DONTWAKE;
	EQUAL(copy_many(uffd, copies, COUNT, &done), 0);
	for (i = 0; i < COUNT; i++)
		if (i != 5)
			EQUAL(touch_end(&t[i]), 'a' + i);
	nap(100);
	CHECK(!touch_done(&t[5]));
	EQUAL(uffd_wake(uffd, place_of(area, 5), PAGE), 0);
	EQUAL(touch_end(&t[5]), 'a' + 5);
}

static void has_to_be_agreed_on(void)
{
	int uffd = uffd_open(0);
	struct abi_copy copies[COUNT];
	char *area = prepare(uffd, copies);
	uint64_t done;

	EQUAL(copy_many(uffd, copies, COUNT, &done), -EINVAL);
	EQUAL(done, 77);
	CHECK(!page_there(place_of(area, 0)));
}

/* The array ends where memory does: those before it are done, and counted. */
static void bad_arrays(void)
{
	int uffd = uffd_open(F_COPY_MANY), i;
	char *room = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct abi_copy *copies = (void *)(room + PAGE - 3 * sizeof(*copies));
	struct abi_copy all[COUNT];
	char *area = prepare(uffd, all);
	uint64_t done;

	MUST(munmap(room + PAGE, PAGE) == 0);
	memcpy(copies, all, 3 * sizeof(*copies));
	EQUAL(copy_many(uffd, copies, COUNT, &done), -EFAULT);
	EQUAL(done, 3);
	for (i = 0; i < 3; i++)
		EQUAL(copies[i].done, PAGE);
	CHECK(!page_there(place_of(area, 3)));

	EQUAL(copy_many(uffd, NULL, COUNT, &done), -EFAULT);
	EQUAL(done, 0);
	EQUAL(copy_many(uffd, all, 0, &done), -EINVAL);
	EQUAL(copy_many(uffd, copies, UINT64_MAX, &done), -EFAULT);
	EQUAL(done, 3);
	EQUAL(copies[2].done, -EEXIST);
	EQUAL(ioctl(uffd, IOC_COPY_MANY, NULL) ? -errno : 0, -EFAULT);
}

/* A result that can't be told is not counted; its page is there. */
static void result_not_writable(void)
{
	int uffd = uffd_open(F_COPY_MANY);
	struct abi_copy *copies = (void *)map_anon(1);
	char *area = prepare(uffd, copies);
	uint64_t done;

	MUST(mprotect(copies, PAGE, PROT_READ) == 0);
	EQUAL(copy_many(uffd, copies, COUNT, &done), -EFAULT);
	EQUAL(done, 0);
	CHECK(page_there(place_of(area, 0)));
	CHECK(!page_there(place_of(area, 1)));
}

struct target {
	volatile int uffd;
	struct abi_copy copies[COUNT];
};

static int run_target(void *arg)
{
	struct target *t = arg;
	int uffd = uffd_open(F_COPY_MANY);

	prepare(uffd, t->copies);
	t->uffd = uffd;
	pause();
	return 0;
}

static void target_is_gone(void)
{
	struct target *t = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);
	pid_t pid = child_start(run_target, t);
	uint64_t done;
	int uffd;

	while (!t->uffd)
		usleep(200);
	uffd = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), t->uffd, 0);
	MUST(uffd >= 0);
	EQUAL(copy_many(uffd, t->copies, 2, &done), 0);
	kill(pid, SIGKILL);
	child_status(pid);
	EQUAL(copy_many(uffd, t->copies + 2, 2, &done), -ESRCH);
	EQUAL(done, 0);
	EQUAL(t->copies[2].done, 77);
}

/* The same range again and again, for longer than anybody would wait. */
static int copies_for_ever(void *arg)
{
	size_t size = 1 << 20;
	struct abi_copy *copies = mmap(NULL, size * sizeof(*copies), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int uffd = uffd_open(F_COPY_MANY);
	uint64_t done;
	size_t i;

	MUST(copies != MAP_FAILED);
	prepare(uffd, copies);
	for (i = 1; i < size; i++)
		copies[i] = copies[0];
	*(volatile bool *)arg = true;
	while (copy_many(uffd, copies, size, &done) == -EAGAIN)
		;
	return 1;
}

static void can_be_killed(void)
{
	volatile bool *begun = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_start(copies_for_ever, (void *)begun);

	while (!*begun)
		usleep(500);
	nap(50);
	kill(pid, SIGKILL);
	EQUAL(child_status(pid), -SIGKILL);
}

static const struct test_case cases[] = {
	{ "without the feature there is no such call", has_to_be_agreed_on },
	{ "scattered ranges", scattered, .better = true },
	{ "each range has its own result", results, .better = true },
	{ "a range that is filled in part", short_one, .better = true },
	{ "one range is changing", beside_a_change, .better = true },
	{ "each range wakes who waits there, if it shall", wakes, .better = true },
	{ "arrays that can't be read", bad_arrays, .better = true },
	{ "a result that can't be written", result_not_writable, .better = true },
	{ "the target is gone", target_is_gone, .better = true, .seconds = 10 },
	{ "a caller who is killed", can_be_killed, .better = true, .seconds = 10 },
};
TEST_MAIN(cases)
