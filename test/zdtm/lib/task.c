// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children, threads and gates. A child reports that it is ready over a pipe that
 * is closed again before anything is checkpointed: no descriptor of the library
 * is part of the state under test.
 */
#include "lib/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/zdtm.h"

/* What a task says when it is ready: that it sleeps from now on, or that it goes on. */
enum { READY_TO_WAIT = 'w', READY_TO_RUN = 'r' };

/* The write end on which this task says that it is ready; -1 when it has said so. */
static int ready_fd = -1;

pid_t zdtm_fork(void (*fn)(void *), void *arg)
{
	int ends[2];
	char byte, end;
	ssize_t n;
	pid_t pid;

	MUST(pipe2(ends, O_CLOEXEC));
	pid = MUST(fork());
	if (!pid) {
		if (ready_fd >= 0)
			close(ready_fd);
		close(ends[0]);
		ready_fd = ends[1];
		fn(arg);
		_exit(0);
	}
	close(ends[1]);
	n = MUST(read(ends[0], &byte, 1));
	CHECK(n == 1, "child %d ended before it was ready", pid);
	/* End of file: from now on the pipe is not in the child's table either. */
	CHECK(!MUST(read(ends[0], &end, 1)), "child %d is ready twice", pid);
	close(ends[0]);
	/* In there the signal mask is another one: what /proc shows must not change later. */
	if (byte == READY_TO_WAIT)
		zdtm_until_in_syscall(pid, SYS_rt_sigtimedwait);
	return pid;
}

static void say_ready(char how)
{
	CHECK(ready_fd >= 0, "already ready");
	CHECK(write(ready_fd, &how, 1) == 1, "nobody waits for this task to be ready");
	close(ready_fd);
	ready_fd = -1;
}

void zdtm_ready(void)
{
	say_ready(READY_TO_RUN);
}

void zdtm_wait(void)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	say_ready(READY_TO_WAIT);
	/* sigwaitinfo() is one of the calls that a stop interrupts for good: signal(7). */
	while (sigwaitinfo(&term, NULL) < 0)
		CHECK(errno == EINTR, "sigwaitinfo: %s", strerror(errno));
}

void zdtm_linger(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	sigset_t pending;

	/* Not sigwaitinfo(), in which /proc shows another signal mask. */
	do {
		nanosleep(&pause, NULL);
		MUST(sigpending(&pending));
	} while (!sigismember(&pending, SIGTERM));
}

void zdtm_join(pid_t pid)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	CHECK(got == pid, "waitpid %d: %s", pid, strerror(errno));
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "child %d ended with status %#x", pid,
	      status);
}

void zdtm_finish(pid_t pid)
{
	MUST(kill(pid, SIGTERM));
	zdtm_join(pid);
}

static void futex_wait(atomic_int *word, int value)
{
	/* A wrong value and a signal both mean: look again. */
	if (syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0) < 0)
		CHECK(errno == EAGAIN || errno == EINTR, "futex: %s", strerror(errno));
}

static void futex_wake(atomic_int *word)
{
	MUST(syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
}

void zdtm_gate_open(struct zdtm_gate *gate)
{
	atomic_store(&gate->open, 1);
	futex_wake(&gate->open);
}

void zdtm_gate_pass(struct zdtm_gate *gate)
{
	while (!atomic_load(&gate->open))
		futex_wait(&gate->open, 0);
}

void zdtm_gate_arrive(struct zdtm_gate *gate)
{
	atomic_fetch_add(&gate->arrived, 1);
	futex_wake(&gate->arrived);
	zdtm_gate_pass(gate);
}

void zdtm_gate_await(struct zdtm_gate *gate, int n)
{
	int arrived;

	while ((arrived = atomic_load(&gate->arrived)) < n)
		futex_wait(&gate->arrived, arrived);
}

pthread_t zdtm_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	MUST_ZERO(pthread_create(&thread, NULL, fn, arg));
	return thread;
}

/* The number in /proc/TID/syscall; -1 while the task runs. */
static long current_syscall(pid_t tid)
{
	char path[64], text[32] = "";
	char *end;
	long nr;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	fd = MUST(open(path, O_RDONLY));
	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	nr = strtol(text, &end, 10);
	return end == text ? -1 : nr;
}

void zdtm_until_in_syscall(pid_t tid, long nr)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (current_syscall(tid) != nr)
		nanosleep(&pause, NULL);
}

static void on_usr1(int sig)
{
}

void zdtm_let_usr1_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_usr1 };

	MUST(sigaction(SIGUSR1, &action, NULL));
}

int64_t zdtm_clock_ms(clockid_t clock)
{
	struct timespec now;

	MUST(clock_gettime(clock, &now));
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}
