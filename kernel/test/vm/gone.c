// SPDX-License-Identifier: GPL-2.0-only
/*
 * A monitor outlives what it monitors. It learns that the address space is gone:
 * poll says POLLRDHUP, and POLLHUP if that was agreed on, a blocking read ends, and
 * fills say so by their error.
 */
#include <sys/epoll.h>

#include "test.h"

/* A task with a context that can be fetched from outside, until it is told to end. */
struct target {
	int flags;		/* of the context */
	uint64_t features;
	volatile int uffd;
	char *volatile page;
	volatile bool end, exec;
};

static int run_target(void *arg)
{
	struct target *t = arg;
	int uffd = uffd_raw(O_CLOEXEC | t->flags);

	if (uffd < 0 || uffd_api(uffd, t->features))
		return 1;
	t->page = map_anon(1);
	if (uffd_register(uffd, t->page, PAGE, MODE_MISSING))
		return 1;
	__atomic_store_n(&t->uffd, uffd, __ATOMIC_SEQ_CST);
	while (!t->end && !t->exec)
		usleep(500);
	if (t->exec)
		execl("/proc/self/exe", "gone", "--sleep", NULL);
	return 0;
}

static struct target *target_start_with(int flags, uint64_t features, pid_t *pid, int *uffd)
{
	struct target *t = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);
	int pidfd;

	t->flags = flags;
	t->features = features;
	*pid = child_start(run_target, t);
	pidfd = syscall(SYS_pidfd_open, *pid, 0);
	while (t->uffd <= 0)
		usleep(200);
	*uffd = syscall(SYS_pidfd_getfd, pidfd, t->uffd, 0);
	MUST(*uffd >= 0);
	close(pidfd);
	return t;
}

static struct target *target_start(pid_t *pid, int *uffd)
{
	return target_start_with(O_NONBLOCK, 0, pid, uffd);
}

static void errors_of(int uffd, char *page)
{
	static char src[PAGE];
	struct abi_copy copy = { (uint64_t)page, (uint64_t)src, PAGE, 0, 77 };

	EQUAL(ioctl(uffd, IOC_COPY, &copy) ? -errno : 0, -ESRCH);
	EQUAL(uffd_zeropage(uffd, page, PAGE, 0), -ESRCH);
	EQUAL(uffd_continue(uffd, page, PAGE, 0), -ESRCH);
	EQUAL(uffd_poison(uffd, page, PAGE, 0), -ESRCH);
	EQUAL(uffd_writeprotect(uffd, page, PAGE, WP_ON), -ESRCH);
	EQUAL(uffd_register(uffd, page, PAGE, MODE_MISSING), -ENOMEM);
	EQUAL(uffd_unregister(uffd, page, PAGE), -ENOMEM);
	EQUAL(uffd_wake(uffd, page, PAGE), 0);
}

static void errors_after_exit(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start(&pid, &uffd);
	struct abi_msg msg;

	t->end = true;
	EQUAL(child_status(pid), 0);
	errors_of(uffd, t->page);
	EQUAL(uffd_next(uffd, &msg), -EAGAIN);
	EQUAL(uffd_revents(uffd) & (POLLIN | POLLERR), 0);
}

static void errors_after_a_kill(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start(&pid, &uffd);

	kill(pid, SIGKILL);
	EQUAL(child_status(pid), -SIGKILL);
	errors_of(uffd, t->page);
}

static void hangs_up_after_exit(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start(&pid, &uffd);

	EQUAL(uffd_revents(uffd), 0);
	t->end = true;
	EQUAL(child_status(pid), 0);
	CHECK(uffd_revents(uffd) & POLLRDHUP);
}

static void poller_is_woken(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start(&pid, &uffd);
	struct pollfd p = { uffd, POLLIN | POLLRDHUP, 0 };

	if (fork() == 0) {
		nap(200);
		t->end = true;
		_exit(0);
	}
	EQUAL(poll(&p, 1, 4000), 1);
	EQUAL(p.revents & POLLRDHUP, POLLRDHUP);
}

/* Whoever does not know that there is more than messages goes on waiting for one. */
static void who_does_not_ask_sleeps_on(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start(&pid, &uffd);
	struct pollfd p = { uffd, POLLIN, 0 };

	t->end = true;
	EQUAL(child_status(pid), 0);
	EQUAL(poll(&p, 1, 200), 0);
	EQUAL(p.revents, 0);
}

/* Who agreed on it need not ask again: POLLHUP comes with every poll. */
static void agreed_on(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start_with(O_NONBLOCK, F_HANGUP, &pid, &uffd);
	struct pollfd p = { uffd, 0, 0 };

	EQUAL(poll(&p, 1, 0), 0);
	if (fork() == 0) {
		nap(200);
		t->end = true;
		_exit(0);
	}
	EQUAL(poll(&p, 1, 4000), 1);
	EQUAL(p.revents, POLLHUP);
	EQUAL(uffd_revents(uffd), POLLHUP | POLLRDHUP);
	EQUAL(child_status(pid), 0);
}

/* epoll looks at what wakes it before it asks. */
static void agreed_on_with_epoll(void)
{
	int uffd, epoll = epoll_create1(0);
	pid_t pid;
	struct target *t = target_start_with(O_NONBLOCK, F_HANGUP, &pid, &uffd);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, uffd, &event) == 0);
	EQUAL(epoll_wait(epoll, &event, 1, 0), 0);
	if (fork() == 0) {
		nap(200);
		t->end = true;
		_exit(0);
	}
	EQUAL(epoll_wait(epoll, &event, 1, 4000), 1);
	EQUAL(event.events, EPOLLHUP);
	EQUAL(child_status(pid), 0);
}

static void hangs_up_after_exec(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start(&pid, &uffd);
	struct pollfd p = { uffd, POLLIN | POLLRDHUP, 0 };

	t->exec = true;
	EQUAL(poll(&p, 1, 4000), 1);
	EQUAL(p.revents & POLLRDHUP, POLLRDHUP);
	/* The task itself goes on. */
	EQUAL(waitpid(pid, NULL, WNOHANG), 0);
	errors_of(uffd, t->page);
	kill(pid, SIGKILL);
}

static void *blocking_reader(void *arg)
{
	static struct abi_msg msg;
	ssize_t n = read((long)arg, &msg, sizeof(msg));

	return (void *)(n < 0 ? (long)-errno : (long)n);
}

static void blocking_read_ends(void)
{
	int uffd;
	pid_t pid;
	struct target *t = target_start_with(0, 0, &pid, &uffd);
	pthread_t thread = thread_start(blocking_reader, (void *)(long)uffd);
	void *got;

	nap(200);
	t->end = true;
	pthread_join(thread, &got);
	EQUAL((long)got, 0);
	/* Later ones don't even begin to wait. */
	EQUAL((long)blocking_reader((void *)(long)uffd), 0);
}

static int exits_at_once(void *arg)
{
	return 0;
}

static void *forker(void *arg)
{
	return (void *)(long)child_status(child_start(exits_at_once, NULL));
}

static void forked_child(uint64_t features, short asked, short told)
{
	int uffd = uffd_open(F_EVENT_FORK | features);
	char *p = map_anon(1);
	struct pollfd child = { -1, asked, 0 };
	pthread_t thread;

	MUST(uffd_register(uffd, p, PAGE, MODE_MISSING) == 0);
	thread = thread_start(forker, NULL);
	child.fd = uffd_expect(uffd, EVENT_FORK).fork.ufd;
	pthread_join(thread, NULL);
	EQUAL(poll(&child, 1, 2000), 1);
	EQUAL(child.revents, told);
	/* The parent is alive. */
	EQUAL(uffd_revents(uffd), 0);
	/* Or the next fork would wait for a reader of this one, too. */
	close(uffd);
}

static void forked_childs_context_hangs_up(void)
{
	forked_child(0, POLLIN | POLLRDHUP, POLLRDHUP);
	forked_child(F_HANGUP, POLLIN, POLLHUP);
}

/* Whose handshake was never made has no messages to wait for, and nobody to lose. */
static void before_the_handshake(void)
{
	volatile int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	struct abi_msg msg;
	int uffd;

	if (pid == 0) {
		*shared = uffd_raw(O_NONBLOCK);
		pause();
	}
	while (!*shared)
		usleep(200);
	uffd = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), *shared, 0);
	MUST(uffd >= 0);
	kill(pid, SIGKILL);
	child_status(pid);
	EQUAL(uffd_next(uffd, &msg), -EINVAL);
	EQUAL(uffd_revents(uffd) & POLLERR, POLLERR);
	/* A handshake that is late changes nothing for the worse. */
	uffd_api(uffd, 0);
	EQUAL(uffd_next(uffd, &msg) < 0, true);
}

/* Fills and exits at the same moment: an error or a page, never a crash. */
static void exit_races_with_fills(void)
{
	static char src[PAGE];
	int round;

	for (round = 0; round < 40; round++) {
		int uffd, i, gone = 0;
		pid_t pid;
		struct target *t = target_start(&pid, &uffd);

		kill(pid, SIGKILL);
		for (i = 0; i < 100000 && !gone; i++) {
			long err = uffd_copy(uffd, t->page, src, PAGE, 0);

			/* ENOENT: the mappings are going one after the other. */
			CHECK(err == (long)PAGE || err == -EEXIST || err == -ESRCH ||
			      err == -ENOENT);
			gone = err == -ESRCH;
		}
		CHECK(gone);
		child_status(pid);
		close(uffd);
	}
}

static const struct test_case cases[] = {
	{ "the errors after an exit", errors_after_exit },
	{ "the errors after a kill", errors_after_a_kill },
	{ "before the handshake", before_the_handshake },
	{ "exits race with fills", exit_races_with_fills },
	{ "who does not ask sleeps on", who_does_not_ask_sleeps_on },
	{ "POLLRDHUP after an exit", hangs_up_after_exit, .better = true, .seconds = 12 },
	{ "who polls is woken by the exit", poller_is_woken, .better = true, .seconds = 12 },
	{ "POLLHUP for who agreed on it", agreed_on, .better = true, .seconds = 12 },
	{ "POLLHUP through epoll", agreed_on_with_epoll, .better = true, .seconds = 12 },
	{ "POLLRDHUP after an exec", hangs_up_after_exec, .better = true, .seconds = 12 },
	{ "a blocking read ends", blocking_read_ends, .better = true, .seconds = 12 },
	{ "the context of a forked child hangs up", forked_childs_context_hangs_up,
	  .better = true, .seconds = 12 },
};

int main(int argc, char **argv)
{
	/* What the task of one of the cases becomes by exec. */
	if (argc > 1 && strcmp(argv[1], "--sleep") == 0)
		return pause();
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
