// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures what a userfaultfd costs a monitor. Runs on any kernel >= 6.1.
 *
 * Each line is "NAME VALUE UNIT". What is measured:
 *	eagain-*	how many of the copies to one range are refused while another
 *			range is changing and nobody has read about it, and how often a
 *			copy is refused after the event has been read
 *	wake-*		what a wake costs while N threads wait: for a place where
 *			nobody does, and for each of them, one after the other
 *	fill-*		copies into 1 GiB of anonymous memory that wants huge pages
 *	fill-*-many	the same pages, many to a call, if the kernel has that
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Of kernel/include/uapi/linux/userfaultfd.h: the system's header has nothing of it. */
#define FEATURE_COPY_MANY (1 << 29)
struct copy_many {
	uint64_t copies, count, done;
};
#define COPY_MANY _IOWR(UFFDIO, 0x20, struct copy_many)

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int open_uffd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	must(fd >= 0, "userfaultfd");
	must(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	return fd;
}

/* Empty memory, aligned to huge pages and registered for missing pages. */
static char *map_missing(int fd, size_t size)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *p = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	must(p != MAP_FAILED, "mmap");
	p = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	reg.range.start = (uintptr_t)p;
	reg.range.len = size;
	must(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	return p;
}

static long copy(int fd, char *dst, char *src, size_t len, uint64_t mode)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = len, .mode = mode,
	};

	if (!ioctl(fd, UFFDIO_COPY, &arg))
		return arg.copy;
	return arg.copy < 0 ? arg.copy : -errno;
}

static void *drop(void *range)
{
	must(!madvise(range, PAGE, MADV_DONTNEED), "madvise");
	return NULL;
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(poll(&p, 1, 10000) == 1 && (p.revents & POLLIN), "poll");
}

static void measure_eagain(void)
{
	int fd = open_uffd(UFFD_FEATURE_EVENT_REMOVE);
	char *area = map_missing(fd, HUGE), *src = aligned_alloc(PAGE, PAGE);
	long tries = 0, refused = 0, after = 0;
	struct uffd_msg msg;
	pthread_t thread;
	double end;

	memset(src, 1, PAGE);
	must(copy(fd, area, src, PAGE, 0) == (long)PAGE, "copy");
	must(!pthread_create(&thread, NULL, drop, area), "pthread_create");
	wait_readable(fd);
	for (end = now() + 0.3; now() < end; tries++) {
		char *dst = area + (1 + tries % 400) * PAGE;

		refused += copy(fd, dst, src, PAGE, 0) == -EAGAIN;
	}
	must(read(fd, &msg, sizeof(msg)) == sizeof(msg), "read");
	while (copy(fd, area + 500 * PAGE, src, PAGE, 0) == -EAGAIN)
		after++;
	pthread_join(thread, NULL);
	printf("eagain-elsewhere %.1f %%\n", 100.0 * refused / tries);
	printf("eagain-after-read %ld times\n", after);
	close(fd);
}

static void *touch(void *page)
{
	return (void *)(uintptr_t)*(volatile char *)page;
}

static void wake(int fd, char *start, size_t len)
{
	struct uffdio_range range = { .start = (uintptr_t)start, .len = len };

	must(!ioctl(fd, UFFDIO_WAKE, &range), "UFFDIO_WAKE");
}

static void measure_wake(int waiters)
{
	int fd = open_uffd(0), i, rounds = 2000;
	char *area = map_missing(fd, (waiters + 512) * PAGE), *src = aligned_alloc(PAGE, PAGE);
	pthread_t *threads = calloc(waiters, sizeof(*threads));
	char *empty = area + (size_t)(waiters + 1) * PAGE;
	pthread_attr_t attr;
	struct uffd_msg msg;
	double begin, miss, each;

	memset(src, 1, PAGE);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (i = 0; i < waiters; i++)
		must(!pthread_create(&threads[i], &attr, touch, area + i * PAGE), "thread");
	for (i = 0; i < waiters; i++) {
		wait_readable(fd);
		must(read(fd, &msg, sizeof(msg)) == sizeof(msg), "read");
	}

	begin = now();
	for (i = 0; i < rounds; i++)
		wake(fd, empty, PAGE);
	miss = (now() - begin) / rounds;

	for (i = 0; i < waiters; i++)
		must(copy(fd, area + i * PAGE, src, PAGE, UFFDIO_COPY_MODE_DONTWAKE) ==
		     (long)PAGE, "copy");
	/* Backwards: a list that is walked from its head is not flattered. */
	begin = now();
	for (i = waiters - 1; i >= 0; i--)
		wake(fd, area + i * PAGE, PAGE);
	each = (now() - begin) / waiters;
	for (i = 0; i < waiters; i++)
		pthread_join(threads[i], NULL);
	printf("wake-nobody-of-%d %.2f us\n", waiters, miss * 1e6);
	printf("wake-each-of-%d %.2f us\n", waiters, each * 1e6);
	free(threads);
	close(fd);
}

static bool has_copy_many(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURE_COPY_MANY };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	bool has = !ioctl(fd, UFFDIO_API, &api);

	close(fd);
	return has;
}

/* One call a chunk. */
static void copy_one_by_one(int fd, char *area, char *src, size_t size, size_t chunk)
{
	size_t done;

	for (done = 0; done < size; done += chunk)
		must(copy(fd, area + done, src, chunk, 0) == (long)chunk, "copy");
}

/* One call for as many chunks as a server may well have got from one read of its socket. */
static void copy_many_at_once(int fd, char *area, char *src, size_t size, size_t chunk)
{
	struct uffdio_copy copies[64];
	struct copy_many many = { (uintptr_t)copies, ARRAY_SIZE(copies), 0 };
	size_t done, i;

	for (done = 0; done < size; done += chunk * ARRAY_SIZE(copies)) {
		for (i = 0; i < ARRAY_SIZE(copies); i++)
			copies[i] = (struct uffdio_copy){
				.dst = (uintptr_t)area + done + i * chunk,
				.src = (uintptr_t)src, .len = chunk,
			};
		must(!ioctl(fd, COPY_MANY, &many), "COPY_MANY");
	}
}

/* size bytes in copies of chunk bytes. */
static void measure_fill(size_t size, size_t chunk, bool many)
{
	int fd = open_uffd(many ? FEATURE_COPY_MANY : 0);
	char *area = map_missing(fd, size), *buffer = aligned_alloc(HUGE, 2 * HUGE);
	/*
	 * Not where a huge page begins: QEMU's own code generator has a TLB in which
	 * equal low bits of two addresses drive each other out, at every byte.
	 */
	char *src = buffer + 37 * PAGE;
	double begin, took;
	size_t done;

	memset(src, 1, HUGE);
	madvise(area, size, MADV_HUGEPAGE);
	begin = now();
	(many ? copy_many_at_once : copy_one_by_one)(fd, area, src, size, chunk);
	took = now() - begin;
	for (done = 0; done < size; done += PAGE)
		must(area[done] == 1, "content");
	printf("fill-1G-by-%zuK%s %.0f MiB/s\n", chunk >> 10, many ? "-many" : "",
	       (size >> 20) / took);
	munmap(area, size);
	free(buffer);
	close(fd);
}

/* A guest's memory is slow when it is used for the first time: its host makes it then. */
static void warm_up(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	must(p != MAP_FAILED, "mmap");
	munmap(p, size);
}

int main(void)
{
	static const int waiters[] = { 1, 16, 256, 4096 };
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	measure_eagain();
	for (i = 0; i < ARRAY_SIZE(waiters); i++)
		measure_wake(waiters[i]);
	warm_up(3UL << 29);
	measure_fill(1UL << 30, HUGE, false);
	measure_fill(1UL << 30, 64 << 10, false);
	measure_fill(1UL << 30, PAGE, false);
	if (has_copy_many())
		measure_fill(1UL << 30, PAGE, true);
	return 0;
}
