// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fork is told before the child runs, with a context for the child's memory:
 * none of the child's faults is missed, and none of its pages is filled with
 * what was meant for the parent. A fork that fails, or whose reader or task
 * goes away before the event is read, leaves nothing behind.
 */
#include <sys/resource.h>

#include "test.h"

#define PAGES 4

static char *armed(int uffd, uint64_t mode)
{
	char *p = map_anon(PAGES);

	MUST(uffd_register(uffd, p, PAGES * PAGE, mode) == 0);
	return p;
}

/* A thread that forks: the child runs f(arg). */
struct forker {
	int (*f)(void *);
	void *arg;
	volatile int status;	/* the child's, or -errno of the fork */
	volatile bool over;
	pthread_t thread;
};

static void *do_fork(void *arg)
{
	struct forker *forker = arg;
	pid_t pid = fork();

	if (pid == 0)
		_exit(forker->f(forker->arg));
	forker->status = pid < 0 ? -errno : child_status(pid);
	forker->over = true;
	return NULL;
}

static void fork_start(struct forker *forker, int (*f)(void *), void *arg)
{
	*forker = (struct forker){ .f = f, .arg = arg };
	forker->thread = thread_start(do_fork, forker);
}

static int fork_end(struct forker *forker)
{
	pthread_join(forker->thread, NULL);
	return forker->status;
}

static int returns_5(void *arg)
{
	return 5;
}

static int first_byte(void *arg)
{
	return *(volatile unsigned char *)arg;
}

static void delivered(void)
{
	static char src[PAGE];
	int uffd = uffd_open(F_EVENT_FORK), child;
	char *p = armed(uffd, MODE_MISSING);
	struct forker forker;
	struct abi_msg msg;

	fork_start(&forker, first_byte, p);
	MUST(wait_readable(uffd, 5000));
	nap(20);
	CHECK(!forker.over);
	msg = uffd_expect(uffd, EVENT_FORK);
	child = msg.fork.ufd;
	EQUAL(fcntl(child, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_NONBLOCK);
	EQUAL(fcntl(child, F_GETFD), FD_CLOEXEC);
	EQUAL(uffd_api(child, 0), -EINVAL);
	EQUAL(uffd_expect(child, EVENT_PAGEFAULT).pagefault.address, (long)p);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	src[0] = 9;
	EQUAL(uffd_copy(child, p, src, PAGE, 0), PAGE);
	EQUAL(fork_end(&forker), 9);
	/* The child's page was not the parent's, whose memory is as armed as before. */
	CHECK(!page_there(p));
	src[0] = 8;
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
	EQUAL(p[0], 8);
	EQUAL(uffd_copy(child, p, src, PAGE, 0), -ESRCH);
}

/* All of a context's mappings are one event; another context has its own. */
static int sum_of_three(void *arg)
{
	char **p = arg;

	return p[0][0] + p[1][PAGE] + p[2][0];
}

static void one_event_a_context(void)
{
	static char src[PAGE];
	int one = uffd_open(F_EVENT_FORK), two = uffd_open(F_EVENT_FORK), child[2], i;
	char *p[3] = { armed(one, MODE_MISSING), armed(one, MODE_MISSING),
		       armed(two, MODE_MISSING) };
	struct forker forker;
	struct abi_msg msg;

	fork_start(&forker, sum_of_three, p);
	/* In which order is nobody's business, and the second may come after the first. */
	i = wait_readable(one, 100) ? 0 : 1;
	child[i] = uffd_expect(i ? two : one, EVENT_FORK).fork.ufd;
	i = !i;
	child[i] = uffd_expect(i ? two : one, EVENT_FORK).fork.ufd;
	EQUAL(uffd_next(one, &msg), -EAGAIN);
	EQUAL(uffd_next(two, &msg), -EAGAIN);
	for (i = 0; i < 3; i++) {
		int uffd = child[i == 2];

		src[0] = 1 << i;
		msg = uffd_expect(uffd, EVENT_PAGEFAULT);
		EQUAL(uffd_copy(uffd, (void *)msg.pagefault.address, src, PAGE, 0), PAGE);
	}
	EQUAL(fork_end(&forker), 7);
}

static void without_the_feature(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, MODE_MISSING);
	struct abi_msg msg;

	EQUAL(child_status(child_start(first_byte, p)), 0);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	CHECK(smaps_flag(p, "um"));
}

static int forks_again(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(first_byte(arg));
	return child_status(pid) + first_byte(arg);
}

static void nested(void)
{
	static char src[PAGE];
	int uffd = uffd_open(F_EVENT_FORK), child, grandchild;
	char *p = armed(uffd, MODE_MISSING);
	struct forker forker;

	fork_start(&forker, forks_again, p);
	child = uffd_expect(uffd, EVENT_FORK).fork.ufd;
	grandchild = uffd_expect(child, EVENT_FORK).fork.ufd;
	uffd_expect(grandchild, EVENT_PAGEFAULT);
	src[0] = 30;
	EQUAL(uffd_copy(grandchild, p, src, PAGE, 0), PAGE);
	uffd_expect(child, EVENT_PAGEFAULT);
	src[0] = 4;
	EQUAL(uffd_copy(child, p, src, PAGE, 0), PAGE);
	EQUAL(fork_end(&forker), 34);
}

/* The child's context has the parent's other features, too. */
static int removes(void *arg)
{
	return madvise(arg, PAGE, MADV_DONTNEED);
}

static void child_tells_its_events(void)
{
	int uffd = uffd_open(F_EVENT_FORK | F_EVENT_REMOVE), child;
	char *p = armed(uffd, MODE_MISSING);
	struct forker forker;
	struct abi_msg msg;

	fork_start(&forker, removes, p);
	child = uffd_expect(uffd, EVENT_FORK).fork.ufd;
	EQUAL(uffd_expect(child, EVENT_REMOVE).remove.start, (long)p);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	EQUAL(fork_end(&forker), 0);
}

static int protected_write(void *arg)
{
	return ++*(volatile unsigned char *)arg;
}

static void write_protection_is_inherited(void)
{
	int uffd = uffd_open(F_EVENT_FORK), child;
	char *p = armed(uffd, MODE_WP);
	struct forker forker;
	struct abi_msg msg;

	p[0] = 40;
	MUST(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON) == 0);
	fork_start(&forker, protected_write, p);
	child = uffd_expect(uffd, EVENT_FORK).fork.ufd;
	msg = uffd_expect(child, EVENT_PAGEFAULT);
	EQUAL(msg.pagefault.flags & FAULT_WP, FAULT_WP);
	EQUAL(uffd_writeprotect(child, p, PAGE, 0), 0);
	EQUAL(fork_end(&forker), 41);
	EQUAL(p[0], 40);
}

static void write_protection_ends_without_the_feature(void)
{
	int uffd = uffd_open(0);
	char *p = armed(uffd, MODE_WP);

	p[0] = 40;
	MUST(uffd_writeprotect(uffd, p, PAGES * PAGE, WP_ON) == 0);
	EQUAL(child_status(child_start(protected_write, p)), 41);
	EQUAL(p[0], 40);
}

/* The forking task is killed while its event waits: the event goes with it. */
static int forks_its_own(void *arg)
{
	int uffd = uffd_open(F_EVENT_FORK);

	armed(uffd, MODE_MISSING);
	((volatile int *)arg)[0] = uffd;
	((volatile int *)arg)[1] = fork();
	return 0;
}

static void killed_before_it_is_read(void)
{
	volatile int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_start(forks_its_own, (void *)shared);
	int pidfd = syscall(SYS_pidfd_open, pid, 0), uffd;
	struct abi_msg msg;

	while (!*shared)
		sched_yield();
	uffd = syscall(SYS_pidfd_getfd, pidfd, *shared, 0);
	MUST(uffd >= 0 && wait_readable(uffd, 5000));
	kill(pid, SIGKILL);
	EQUAL(child_status(pid), -SIGKILL);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	EQUAL(uffd_revents(uffd) & POLLIN, 0);
}

/* The reader and the killer at the same moment, many times. */
static void killed_while_it_is_read(void)
{
	int round, delivered_rounds = 0;

	for (round = 0; round < 60; round++) {
		volatile int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pid_t pid = child_start(forks_its_own, (void *)shared);
		int pidfd = syscall(SYS_pidfd_open, pid, 0), uffd, err;
		struct abi_msg msg;
		pid_t killer;

		while (!*shared)
			sched_yield();
		uffd = syscall(SYS_pidfd_getfd, pidfd, *shared, 0);
		MUST(uffd >= 0 && wait_readable(uffd, 5000));
		killer = fork();
		if (killer == 0) {
			usleep(round * 7);
			kill(pid, SIGKILL);
			_exit(0);
		}
		usleep(round % 10 * 40);
		err = uffd_next(uffd, &msg);
		CHECK(err == 0 || err == -EAGAIN);
		if (err == 0) {
			/* A context of whatever is left of the child: it must not hang or crash. */
			delivered_rounds++;
			CHECK(uffd_revents(msg.fork.ufd) >= 0);
			close(msg.fork.ufd);
		}
		child_status(killer);
		child_status(pid);
		close(uffd);
		close(pidfd);
		munmap((void *)shared, PAGE);
	}
	CHECK(delivered_rounds > 0);
}

/* The child's descriptor is closed before it has run: its memory is plain. */
static void childs_context_is_closed(void)
{
	int uffd = uffd_open(F_EVENT_FORK);
	char *p = armed(uffd, MODE_MISSING);
	struct forker forker;
	int i;

	for (i = 0; i < 20; i++) {
		fork_start(&forker, first_byte, p);
		close(uffd_expect(uffd, EVENT_FORK).fork.ufd);
		EQUAL(fork_end(&forker), 0);
	}
}

static void child_ends_first(void)
{
	static char src[PAGE];
	int uffd = uffd_open(F_EVENT_FORK), child;
	char *p = armed(uffd, MODE_MISSING);
	struct forker forker;
	struct abi_msg msg;

	fork_start(&forker, returns_5, NULL);
	child = uffd_expect(uffd, EVENT_FORK).fork.ufd;
	EQUAL(fork_end(&forker), 5);
	EQUAL(uffd_copy(child, p, src, PAGE, 0), -ESRCH);
	EQUAL(uffd_register(child, p, PAGE, MODE_MISSING), -ENOMEM);
	EQUAL(uffd_next(child, &msg), -EAGAIN);
	EQUAL(uffd_copy(uffd, p, src, PAGE, 0), PAGE);
}

/* vfork and threads share the memory: there is nothing to tell. */
static void no_event_without_a_copy(void)
{
	int uffd = uffd_open(F_EVENT_FORK);
	struct abi_msg msg;
	pid_t pid;

	armed(uffd, MODE_MISSING);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	EQUAL(child_status(pid), 3);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
}

/*
 * |armed|huge private mapping|: with strict accounting the second mapping can't
 * be copied, after the first one was. Only in the guest: the setting is the
 * machine's.
 */
#define OVERCOMMIT "/proc/sys/vm/overcommit_memory"

static void fails_halfway(void)
{
	int uffd = uffd_open(F_EVENT_FORK), i;
	struct forker forker;
	size_t big = (size_t)meminfo("CommitLimit") / 2 * 1024 & ~(PAGE - 1);
	char *p, *q;
	struct abi_msg msg;

	if (!in_guest())
		test_skip("would change the memory policy of this machine");
	p = map_aligned(big + (PAGES + 1) * PAGE, PAGE);
	munmap(p, big + (PAGES + 1) * PAGE);
	mmap(p, PAGES * PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	q = mmap(p + (PAGES + 1) * PAGE, big, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	MUST(q != MAP_FAILED && uffd_register(uffd, p, PAGES * PAGE, MODE_MISSING) == 0);
	MUST(file_write(OVERCOMMIT, "2") == 0);
	for (i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		EQUAL(pid < 0 ? -errno : 0, -ENOMEM);
	}
	MUST(file_write(OVERCOMMIT, "0") == 0);
	/* Nothing to read, nothing pending, and the next fork is told. */
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	EQUAL(uffd_zeropage(uffd, p, PAGE, 0), PAGE);
	EQUAL(munmap(q, big), 0);
	fork_start(&forker, returns_5, NULL);
	EQUAL(close(uffd_expect(uffd, EVENT_FORK).fork.ufd), 0);
	EQUAL(fork_end(&forker), 5);
}

/* Three families at once, each monitored, while everything is touched. */
static int touch_all(void *arg)
{
	volatile char *p = arg;
	int i, sum = 0;

	for (i = 0; i < PAGES; i++)
		sum += p[i * PAGE];
	return sum;
}

static volatile bool monitors_over;

#define MAX_CONTEXTS 128
#define MAX_WAITING 512

struct monitor {
	struct pollfd fds[MAX_CONTEXTS];
	int contexts;
	struct waiting {
		int uffd;
		uint64_t address;
	} waiting[MAX_WAITING];
	int faults;
};

static void read_all(struct monitor *m, int uffd)
{
	struct abi_msg msg;

	while (uffd_next(uffd, &msg) == 0) {
		if (msg.event == EVENT_FORK) {
			MUST(m->contexts < MAX_CONTEXTS);
			m->fds[m->contexts++] = (struct pollfd){ msg.fork.ufd, POLLIN, 0 };
		} else {
			MUST(m->faults < MAX_WAITING);
			m->waiting[m->faults++] = (struct waiting){ uffd, msg.pagefault.address };
		}
	}
}

/* Answers all contexts. What can't be filled while a fork is pending is tried again. */
static void *monitor(void *arg)
{
	static char src[PAGE] = { 1 };
	static struct monitor m;
	int i, kept;

	m.fds[m.contexts++] = (struct pollfd){ (long)arg, POLLIN, 0 };
	while (!monitors_over) {
		poll(m.fds, m.contexts, m.faults ? 1 : 50);
		for (i = 0; i < m.contexts; i++)
			read_all(&m, m.fds[i].fd);
		for (i = kept = 0; i < m.faults; i++) {
			struct waiting w = m.waiting[i];
			long err = uffd_copy(w.uffd, (void *)w.address, src, PAGE, 0);

			if (err == -EAGAIN)
				m.waiting[kept++] = w;
			else if (err == -EEXIST)
				uffd_wake(w.uffd, (void *)w.address, PAGE);
		}
		m.faults = kept;
	}
	return NULL;
}

static void storm(void)
{
	int uffd = uffd_open(F_EVENT_FORK), i, k;
	char *p = armed(uffd, MODE_MISSING);
	pthread_t thread = thread_start(monitor, (void *)(long)uffd);
	struct forker forkers[3];

	for (i = 0; i < 25; i++) {
		for (k = 0; k < 3; k++)
			fork_start(&forkers[k], touch_all, p);
		for (k = 0; k < 3; k++)
			EQUAL(fork_end(&forkers[k]), PAGES);
	}
	monitors_over = true;
	pthread_join(thread, NULL);
}

static const struct test_case cases[] = {
	{ "the reader gets the child's context before the child runs", delivered },
	{ "one event for each context", one_event_a_context },
	{ "without the feature the child's memory is plain", without_the_feature },
	{ "a child that forks", nested },
	{ "the child tells its own events", child_tells_its_events },
	{ "write protection is inherited", write_protection_is_inherited },
	{ "write protection ends in the child without the feature",
	  write_protection_ends_without_the_feature },
	{ "killed before the event is read", killed_before_it_is_read },
	{ "killed while the event is read", killed_while_it_is_read },
	{ "the child's context is closed at once", childs_context_is_closed },
	{ "the child ends before its context", child_ends_first },
	{ "no event when memory is shared", no_event_without_a_copy },
	{ "a fork that fails halfway leaves nothing pending", fails_halfway },
	{ "many forks and faults at once", storm },
};
TEST_MAIN(cases)
