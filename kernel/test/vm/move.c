// SPDX-License-Identifier: GPL-2.0-only
/*
 * MOVE takes a page from one place and gives it to another, of the same address
 * space, without a copy: afterwards it is in one of the two, whole, and never in
 * both or none. What isn't ours alone to take is refused.
 */
#include "test.h"

#define PAGES 4

static char *filled(size_t pages, int with)
{
	char *p = map_anon(pages);

	memset(p, with, pages * PAGE);
	return p;
}

static char *armed(int uffd, size_t pages)
{
	char *p = map_anon(pages);

	MUST(uffd_register(uffd, p, pages * PAGE, MODE_MISSING) == 0);
	return p;
}

static void moves(void)
{
	int uffd = uffd_open(0);
	char *dst = armed(uffd, PAGES), *src = filled(PAGES, 'm');
	struct toucher t;

	touch_start(&t, dst, false);
	uffd_expect(uffd, EVENT_PAGEFAULT);
	EQUAL(uffd_move(uffd, dst, src, PAGES * PAGE, 0), PAGES * PAGE);
	EQUAL(touch_end(&t), 'm');
	EQUAL(dst[PAGES * PAGE - 1], 'm');
	CHECK(!page_there(src));
	EQUAL(src[0], 0);
	dst[0] = 'n';
	EQUAL(src[0], 0);
}

static void errors(void)
{
	int uffd = uffd_open(0), other = uffd_open(0), fd;
	char *dst = armed(uffd, PAGES), *src = filled(PAGES, 'm'), *foreign = armed(other, 1);
	char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *shmem = map_memfd(PAGE, 0, MAP_SHARED, &fd), *ro = filled(1, 'r'), *locked;

	shared[0] = 1;
	EQUAL(uffd_move(uffd, dst + 1, src, PAGE, 0), -EINVAL);
	EQUAL(uffd_move(uffd, dst, src + 1, PAGE, 0), -EINVAL);
	EQUAL(uffd_move(uffd, dst, src, PAGE + 1, 0), -EINVAL);
	EQUAL(uffd_move(uffd, dst, src, 0, 0), -EINVAL);
	EQUAL(uffd_move(uffd, dst, src, PAGE, 4), -EINVAL);
	EQUAL(uffd_move(uffd, foreign, src, PAGE, 0), -EINVAL);
	EQUAL(uffd_move(uffd, dst, shared, PAGE, 0), -EINVAL);
	MUST(uffd_register(uffd, shmem, PAGE, MODE_MISSING) == 0);
	EQUAL(uffd_move(uffd, shmem, src, PAGE, 0), -EINVAL);
	MUST(mprotect(ro, PAGE, PROT_READ) == 0);
	EQUAL(uffd_move(uffd, dst, ro, PAGE, 0), -EINVAL);
	locked = filled(1, 'l');
	if (mlock(locked, PAGE) == 0)
		EQUAL(uffd_move(uffd, dst, locked, PAGE, 0), -EINVAL);
	/* Each end lies within one mapping. */
	EQUAL(uffd_move(uffd, dst, src, (PAGES + 1) * PAGE, 0) < 0, true);
	/* Nothing of it has done anything. */
	CHECK(!page_there(dst));
	EQUAL(src[0], 'm');
	EQUAL(ro[0], 'r');
}

static void destination_exists(void)
{
	int uffd = uffd_open(0);
	char *dst = armed(uffd, PAGES), *src = filled(PAGES, 'm');
	struct abi_copy move = { (uint64_t)dst, (uint64_t)src, PAGES * PAGE, 0, 0 };

	EQUAL(uffd_zeropage(uffd, dst + 2 * PAGE, PAGE, 0), PAGE);
	EQUAL(uffd_move(uffd, dst + 2 * PAGE, src + 2 * PAGE, PAGE, 0), -EEXIST);
	EQUAL(ioctl(uffd, IOC_MOVE, &move) ? -errno : 0, -EAGAIN);
	EQUAL(move.done, 2 * PAGE);
	EQUAL(dst[PAGE], 'm');
	EQUAL(dst[2 * PAGE], 0);
	EQUAL(src[2 * PAGE], 'm');
}

static void holes(void)
{
	int uffd = uffd_open(0);
	char *dst = armed(uffd, PAGES), *src = filled(PAGES, 'm');

	madvise(src + PAGE, PAGE, MADV_DONTNEED);
	EQUAL(uffd_move(uffd, dst + PAGE, src + PAGE, PAGE, 0), -ENOENT);
	EQUAL(uffd_move(uffd, dst, src, PAGES * PAGE, 0), PAGE);
	EQUAL(uffd_move(uffd, dst + PAGE, src + PAGE, (PAGES - 1) * PAGE, MOVE_ALLOW_SRC_HOLES),
	      (PAGES - 1) * PAGE);
	CHECK(!page_there(dst + PAGE));
	EQUAL(dst[3 * PAGE], 'm');
}

/* A page that a child still has as well can't be taken from it. */
static int until_told(void *arg)
{
	while (!*(volatile char *)arg)
		usleep(1000);
	return 0;
}

static void shared_with_a_child(void)
{
	int uffd = uffd_open(0);
	char *dst = armed(uffd, PAGES), *src = filled(PAGES, 'm');
	char *tell = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_start(until_told, tell);

	EQUAL(uffd_move(uffd, dst, src, PAGE, 0), -EBUSY);
	EQUAL(src[0], 'm');
	*tell = 1;
	child_status(pid);
	/* A write makes it ours alone. */
	src[0] = 'n';
	EQUAL(uffd_move(uffd, dst, src, PAGE, 0), PAGE);
	EQUAL(dst[0], 'n');
}

/* The mover is in the address space, or it is refused. */
static int move_from_outside(void *arg)
{
	void **a = arg;

	return -uffd_move((long)a[0], a[1], a[2], PAGE, 0);
}

static void from_another_process(void)
{
	int uffd = uffd_open(0);
	char *dst = armed(uffd, 1), *src = filled(1, 'm');
	void *arg[] = { (void *)(long)uffd, dst, src };

	EQUAL(child_status(child_start(move_from_outside, arg)), EINVAL);
}

static void huge_pages(void)
{
	int uffd = uffd_open(0);
	char *dst = map_aligned(2 * HUGE, HUGE), *src = map_aligned(2 * HUGE, HUGE);
	size_t i;

	madvise(src, 2 * HUGE, MADV_HUGEPAGE);
	madvise(dst, 2 * HUGE, MADV_HUGEPAGE);
	for (i = 0; i < 2 * HUGE; i += PAGE)
		src[i] = i / PAGE;
	if (smaps_kb(src, "AnonHugePages") < 2048)
		test_skip("no huge page was to be had");
	MUST(uffd_register(uffd, dst, 2 * HUGE, MODE_MISSING) == 0);
	/* One whole; of the other a part, which splits it. */
	EQUAL(uffd_move(uffd, dst, src, HUGE, 0), HUGE);
	EQUAL(smaps_kb(dst, "AnonHugePages"), 2048);
	EQUAL(uffd_move(uffd, dst + HUGE + PAGE, src + HUGE + PAGE, 5 * PAGE, 0), 5 * PAGE);
	EQUAL(smaps_kb(dst, "AnonHugePages"), 2048);
	for (i = 0; i < HUGE; i += PAGE)
		if (dst[i] != (char)(i / PAGE))
			break;
	EQUAL(i, HUGE);
	EQUAL(dst[HUGE + 3 * PAGE], (char)(HUGE / PAGE + 3));
	EQUAL(src[HUGE + 8 * PAGE], (char)(HUGE / PAGE + 8));
	CHECK(!page_there(src));
	CHECK(!page_there(src + HUGE + 3 * PAGE));
}

struct long_move {
	int uffd;
	char *dst, *src;
	size_t length;
	volatile long moved;
};

static void *make_long_move(void *arg)
{
	struct long_move *m = arg;

	m->moved = uffd_move(m->uffd, m->dst, m->src, m->length, 0);
	return NULL;
}

/*
 * The mapping itself is to change, beside the range that moves: whoever wants that
 * doesn't wait for all of a long move, which then goes on.
 */
static void long_one_gives_way(void)
{
	enum { LONG = 16384 };
	struct long_move m = { .uffd = uffd_open(0), .length = LONG * PAGE };
	pthread_t thread;
	size_t i;

	m.dst = armed(m.uffd, LONG + 1);
	m.src = filled(LONG, 'm');
	for (i = 0; i < LONG; i++)
		*(size_t *)(m.src + i * PAGE) = i;
	thread = thread_start(make_long_move, &m);
	while (!page_there(m.dst))
		sched_yield();
	MUST(madvise(m.dst + LONG * PAGE, PAGE, MADV_DONTDUMP) == 0);
	/* Or this machine was too slow to look at it in time, or too fast. */
	CHECK(!page_there(m.dst + (LONG - 1) * PAGE));
	pthread_join(thread, NULL);
	EQUAL(m.moved, LONG * PAGE);
	for (i = 0; i < LONG; i++)
		if (*(size_t *)(m.dst + i * PAGE) != i)
			break;
	EQUAL(i, LONG);
}

/* Who is killed in the middle of it does not move on to its end. */
static int moves_for_long(void *arg)
{
	struct long_move *m = arg;

	uffd_move(m->uffd, m->dst, m->src, m->length, MOVE_ALLOW_SRC_HOLES);
	return 0;
}

static void killed_in_a_long_one(void)
{
	const size_t length = 1UL << 45;
	struct long_move m = { .uffd = -1, .length = length };
	char *tell = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	pid_t pid = fork();

	if (pid == 0) {
		m.uffd = uffd_open(0);
		m.dst = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
		m.src = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
		if (m.dst == MAP_FAILED || m.src == MAP_FAILED ||
		    uffd_register(m.uffd, m.dst, length, MODE_MISSING))
			_exit(1);
		*tell = 1;
		_exit(moves_for_long(&m));
	}
	while (!*tell && waitpid(pid, NULL, WNOHANG) == 0)
		usleep(1000);
	MUST(*tell);
	nap(50);
	/* It has not been finished by now, and will not be: that alone ends it. */
	EQUAL(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	EQUAL(child_status(pid), -SIGKILL);
}

static void back_and_forth(void)
{
	char *place[2] = { map_anon(PAGES), filled(PAGES, 0) };
	int uffd = uffd_open(0), i, k;

	for (i = 0; i < 2000; i++) {
		char *to = place[i % 2], *from = place[!(i % 2)];

		for (k = 0; k < PAGES; k++)
			*(int *)(from + k * PAGE) = i + k;
		MUST(uffd_register(uffd, to, PAGES * PAGE, MODE_MISSING) == 0);
		EQUAL(uffd_move(uffd, to, from, PAGES * PAGE, 0), PAGES * PAGE);
		MUST(uffd_unregister(uffd, to, PAGES * PAGE) == 0);
		for (k = 0; k < PAGES; k++)
			EQUAL(*(int *)(to + k * PAGE), i + k);
	}
}

static const struct test_case cases[] = {
	{ "pages move", moves },
	{ "what is refused", errors },
	{ "a destination that exists", destination_exists },
	{ "holes in the source", holes },
	{ "pages that are shared with a child", shared_with_a_child },
	{ "from another process", from_another_process },
	{ "huge pages, whole and in part", huge_pages },
	{ "a long one gives way", long_one_gives_way, .better = true },
	{ "killed in a long one", killed_in_a_long_one },
	{ "back and forth, many times", back_and_forth },
};
TEST_MAIN(cases)
