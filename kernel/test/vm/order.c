// SPDX-License-Identifier: GPL-2.0-only
/*
 * The number of an event is the place of its change among all changes of the address
 * space, however late it is told. What does not happen has none, and who is killed takes
 * none with him: so a reader who has 1 to N knows all that has happened up to N.
 */
#include "test.h"

#define PAGES 4
#define AWAY (64 * PAGE)
#define EVENTS (F_EVENT_FORK | F_EVENT_REMAP | F_EVENT_REMOVE | F_EVENT_UNMAP | F_EVENT_ORDER)

static char *armed(int uffd, char *p, size_t pages)
{
	MUST(uffd_register(uffd, p, pages * PAGE, MODE_MISSING) == 0);
	return p;
}

/* Two registered mappings, with room in between. */
static char *armed_pair(int uffd)
{
	char *p = map_aligned(AWAY + PAGES * PAGE, PAGE);

	MUST(munmap(p + PAGES * PAGE, AWAY - PAGES * PAGE) == 0);
	armed(uffd, p + AWAY, PAGES);
	return armed(uffd, p, PAGES);
}

static struct abi_msg expect(int uffd, unsigned int event, uint32_t order)
{
	struct abi_msg msg = uffd_expect(uffd, event);

	EQUAL(msg.order, order);
	EQUAL(msg.zero[0] | msg.zero[1] | msg.zero[2], 0);
	return msg;
}

static long remove_one(char *p)
{
	return madvise(p, PAGE, MADV_DONTNEED);
}

static long unmap_one(char *p)
{
	return munmap(p, PAGE);
}

static long move_all(char *p)
{
	return mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + AWAY) ==
	       p + AWAY ? 0 : -1;
}

/* Of four pages, two move; the others are cut off before. */
static long move_and_shrink(char *p)
{
	return mremap(p, PAGES * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + AWAY) ==
	       p + AWAY ? 0 : -1;
}

static long fork_one(char *p)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(p ? remove_one(p) : 0);
	return pid < 0 ? -1 : child_status(pid);
}

/* Of a process that has only its memory in common with us: the C library is none of its. */
static long fork_bare(char *p)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void count_from_one(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd);
	struct toucher t;
	struct call call;

	call_start(&call, remove_one, p);
	expect(uffd, EVENT_REMOVE, 1);
	EQUAL(call_end(&call), 0);
	touch_start(&t, p, false);
	expect(uffd, EVENT_PAGEFAULT, 0);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	touch_end(&t);
	call_start(&call, fork_one, NULL);
	close(expect(uffd, EVENT_FORK, 2).fork.ufd);
	EQUAL(call_end(&call), 0);
	call_start(&call, unmap_one, p + AWAY);
	expect(uffd, EVENT_UNMAP, 3);
	EQUAL(call_end(&call), 0);
}

/* Nothing is said, and nobody waits for anybody. */
static void without_the_feature(void)
{
	int uffd = uffd_open(EVENTS & ~F_EVENT_ORDER);
	char *p = armed_pair(uffd);
	struct call call;

	call_start(&call, remove_one, p);
	expect(uffd, EVENT_REMOVE, 0);
	EQUAL(call_end(&call), 0);
	call_start(&call, fork_one, NULL);
	close(expect(uffd, EVENT_FORK, 0).fork.ufd);
	EQUAL(call_end(&call), 0);
	call_start(&call, move_all, p);
	expect(uffd, EVENT_UNMAP, 0);
	expect(uffd, EVENT_REMAP, 0);
	expect(uffd, EVENT_UNMAP, 0);
	EQUAL(call_end(&call), 0);
}

/* The next event has this number, and with it all is told. */
static void next_is(int uffd, char *page, uint32_t order)
{
	struct abi_msg msg;
	struct call call;

	call_start(&call, remove_one, page);
	msg = expect(uffd, EVENT_REMOVE, order);
	EQUAL(msg.remove.start, (long)page);
	EQUAL(call_end(&call), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

/*
 * The move onto registered memory tells of that first, and waits. All that it did has
 * happened before the other thread's removal, though it is told later.
 */
static void told_late(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd), *q = armed(uffd, map_anon(1), 1);
	struct call move, remove;
	struct abi_msg msg;
	int other;

	call_start(&move, move_all, p);
	MUST(wait_readable(uffd, 5000));
	/* Another context, and so a reader of its own: it is not held up either. */
	other = uffd_open(EVENTS);
	next_is(other, armed(other, map_anon(1), 1), 1);
	msg = expect(uffd, EVENT_UNMAP, 1);
	EQUAL(msg.remove.start, (long)(p + AWAY));
	MUST(wait_readable(uffd, 5000));
	call_start(&remove, remove_one, q);
	nap(50);
	expect(uffd, EVENT_REMAP, 2);
	msg = expect(uffd, EVENT_REMOVE, 4);
	EQUAL(msg.remove.start, (long)q);
	EQUAL(call_end(&remove), 0);
	msg = expect(uffd, EVENT_UNMAP, 3);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(call_end(&move), 0);
}

/* |target| goes, then the |tail|, then comes the move, and then the old place goes. */
static void order_within_one_call(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd);
	struct call call;
	struct abi_msg msg;

	call_start(&call, move_and_shrink, p);
	msg = expect(uffd, EVENT_UNMAP, 1);
	EQUAL(msg.remove.start, (long)(p + AWAY));
	msg = expect(uffd, EVENT_REMAP, 3);
	EQUAL(msg.remap.from, (long)p);
	msg = expect(uffd, EVENT_UNMAP, 2);
	EQUAL(msg.remove.start, (long)(p + 2 * PAGE));
	msg = expect(uffd, EVENT_UNMAP, 4);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(call_end(&call), 0);
}

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static long unmap_all(char *p)
{
	return munmap(p, PAGES * PAGE);
}

static void failed_munmap(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd);

	if (syscall(SYS_mseal, p + 3 * PAGE, PAGE, 0) < 0)
		test_skip("no mseal");
	EQUAL(unmap_all(p) ? -errno : 0, -EPERM);
	EQUAL(unmap_all(p) ? -errno : 0, -EPERM);
	next_is(uffd, p, 1);
}

/* It fails before it has done anything; and when its target has gone already. */
static void failed_mremap(void)
{
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd), *q = armed(uffd, map_anon(1), 1);
	struct call call;

	if (syscall(SYS_mseal, p + AWAY + 3 * PAGE, PAGE, 0) < 0)
		test_skip("no mseal");
	EQUAL(move_all(p) ? -errno : 0, -EPERM);
	next_is(uffd, q, 1);
	/* The source ends before it should: that is seen after the target has gone. */
	p = armed_pair(uffd);
	call_start(&call, unmap_one, p + 3 * PAGE);
	expect(uffd, EVENT_UNMAP, 2);
	EQUAL(call_end(&call), 0);
	call_start(&call, move_all, p);
	expect(uffd, EVENT_UNMAP, 3);
	EQUAL(call_end(&call), -EFAULT);
	next_is(uffd, q, 4);
}

#define OVERCOMMIT "/proc/sys/vm/overcommit_memory"

/* |armed|huge private mapping|: with strict accounting the second can't be copied. */
static void failed_fork(void)
{
	int uffd = uffd_open(EVENTS), i;
	size_t big = (size_t)meminfo("CommitLimit") / 2 * 1024 & ~(PAGE - 1);
	char *p, *q;

	if (!in_guest())
		test_skip("would change the memory policy of this machine");
	p = map_aligned(big + (PAGES + 1) * PAGE, PAGE);
	q = p + (PAGES + 1) * PAGE;
	MUST(munmap(p + PAGES * PAGE, PAGE) == 0);
	armed(uffd, p, PAGES);
	MUST(file_write(OVERCOMMIT, "2") == 0);
	for (i = 0; i < 5; i++)
		EQUAL(fork_one(NULL) ? -errno : 0, -ENOMEM);
	MUST(file_write(OVERCOMMIT, "0") == 0);
	EQUAL(munmap(q, big), 0);
	next_is(uffd, p, 1);
}

static void child_counts_anew(void)
{
	int uffd = uffd_open(EVENTS), child;
	char *p = armed_pair(uffd);
	struct call call;

	next_is(uffd, p, 1);
	next_is(uffd, p, 2);
	call_start(&call, fork_one, p);
	child = expect(uffd, EVENT_FORK, 3).fork.ufd;
	expect(child, EVENT_REMOVE, 1);
	EQUAL(call_end(&call), 0);
	next_is(uffd, p, 4);
}

/* A process that shares the memory, and is killed while its event waits. */
struct sharer {
	long (*f)(char *);
	char *p;
	char stack[64 << 10] __attribute__((aligned(16)));
};

static int run_sharer(void *arg)
{
	struct sharer *sharer = arg;

	return sharer->f(sharer->p);
}

static void kill_sharer(int uffd, struct sharer *sharer)
{
	pid_t pid = clone(run_sharer, sharer->stack + sizeof(sharer->stack), CLONE_VM | SIGCHLD,
			  sharer);

	MUST(pid > 0 && wait_readable(uffd, 5000) && task_sleeps(pid));
	kill(pid, SIGKILL);
	EQUAL(child_status(pid), -SIGKILL);
}

static void killed_ones_are_told(void)
{
	static struct sharer remover = { remove_one }, unmapper = { unmap_one };
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd);
	struct abi_msg msg;

	remover.p = p;
	unmapper.p = p + PAGE;
	kill_sharer(uffd, &remover);
	kill_sharer(uffd, &unmapper);
	/* Who doesn't know it yet must not fill there. */
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), -EAGAIN);
	msg = expect(uffd, EVENT_REMOVE, 1);
	EQUAL(msg.remove.start, (long)p);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	msg = expect(uffd, EVENT_UNMAP, 2);
	EQUAL(msg.remove.start, (long)(p + PAGE));
	next_is(uffd, p, 3);
}

/* The child never was; its context is that of one that has ended. */
static void killed_fork(void)
{
	static struct sharer forker = { fork_bare };
	int uffd = uffd_open(EVENTS | F_HANGUP), child;
	char *p = armed_pair(uffd);

	kill_sharer(uffd, &forker);
	child = expect(uffd, EVENT_FORK, 1).fork.ufd;
	EQUAL(uffd_zeropage(child, p, PAGE, 0), -ESRCH);
	EQUAL(uffd_revents(child) & POLLHUP, POLLHUP);
	next_is(uffd, p, 2);
}

static void close_with_what_is_left(void)
{
	static struct sharer remover = { remove_one }, forker = { fork_bare };
	int uffd = uffd_open(EVENTS);
	char *p = armed_pair(uffd);

	remover.p = p;
	kill_sharer(uffd, &remover);
	kill_sharer(uffd, &forker);
	EQUAL(close(uffd), 0);
	uffd = uffd_open(EVENTS);
	armed(uffd, p, PAGES);
	next_is(uffd, p, 1);
}

static const struct test_case cases[] = {
	{ "without the feature the field is zero", without_the_feature },
	{ "events are counted from one, and faults are not", count_from_one, .better = true },
	{ "what is told late has its place all the same", told_late, .better = true },
	{ "the order of the events of one call", order_within_one_call, .better = true },
	{ "a munmap that failed leaves no gap", failed_munmap, .better = true },
	{ "an mremap that failed leaves no gap", failed_mremap, .better = true },
	{ "a fork that failed leaves no gap", failed_fork, .better = true },
	{ "a child's context counts for itself", child_counts_anew, .better = true },
	{ "what a killed process did is told", killed_ones_are_told, .better = true },
	{ "a fork that was killed is told, and has ended", killed_fork, .better = true },
	{ "a close while the dead have something to tell", close_with_what_is_left,
	  .better = true },
};
TEST_MAIN(cases)
