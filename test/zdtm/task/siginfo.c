// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queued signals from all who send any, each with what the kernel says of it: kill() and
 * sigqueue() by another process, tgkill(), a descriptor that became readable, the end
 * of a child that is a zombie still, the stop signals of a terminal; and a thousand
 * real-time signals of every number, among them those that the C library keeps to itself.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FIRST_RT 32
#define LAST_RT 64
#define N_RT (LAST_RT - FIRST_RT + 1)
#define N_QUEUED 1000
#define CODE 5

struct state {
	pid_t sender, ended;
	int pipe[2];
};

static void block_all(void)
{
	uint64_t all = UINT64_MAX;

	MUST(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all)));
}

static siginfo_t take(int sig)
{
	const struct timespec none = {};
	uint64_t set = 1ULL << (sig - 1);
	siginfo_t info;
	int got;

	memset(&info, 0, sizeof(info));
	do
		got = syscall(SYS_rt_sigtimedwait, &set, &info, &none, sizeof(set));
	while (got < 0 && errno == EINTR);
	CHECK(got == sig && info.si_signo == sig, "signal %d is not pending", sig);
	return info;
}

static uint64_t pending(void)
{
	uint64_t set;

	MUST(syscall(SYS_rt_sigpending, &set, sizeof(set)));
	return set;
}

static void sends(void *arg)
{
	pid_t pid = getppid();

	MUST(kill(pid, SIGUSR1));
	MUST(sigqueue(pid, SIGUSR2, (union sigval){ .sival_ptr = (void *)0x123456789abcUL }));
	MUST(syscall(SYS_tgkill, pid, pid, SIGURG));
	zdtm_wait();
}

static void ends(void *arg)
{
	zdtm_ready();
	_exit(CODE);
}

static void queue_one(int sig, int value)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	MUST(syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info));
}

static void setup(void *arg)
{
	struct state *s = arg;
	siginfo_t info;

	block_all();
	s->sender = zdtm_fork(sends, NULL);
	s->ended = zdtm_fork(ends, NULL);
	MUST(waitid(P_PID, s->ended, &info, WEXITED | WNOWAIT));
	MUST(kill(getpid(), SIGTSTP));
	MUST(kill(getpid(), SIGTTIN));
	MUST(kill(getpid(), SIGTTOU));
	MUST(pipe(s->pipe));
	MUST(fcntl(s->pipe[0], F_SETSIG, SIGIO));
	MUST(fcntl(s->pipe[0], F_SETOWN, getpid()));
	MUST(fcntl(s->pipe[0], F_SETFL, O_ASYNC));
	MUST(write(s->pipe[1], "!", 1));
	for (int i = 0; i < N_QUEUED; i++)
		queue_one(FIRST_RT + i % N_RT, i);
}

/* As if two of one number came in the other order. */
static void spoil(void *arg)
{
	siginfo_t info = take(FIRST_RT);

	queue_one(FIRST_RT, info.si_value.sival_int);
}

static void check_from(int sig, int code, pid_t pid)
{
	siginfo_t info = take(sig);

	CHECK(info.si_code == code && info.si_pid == pid && info.si_uid == getuid(),
	      "signal %d: code %d, pid %d, uid %d", sig, info.si_code, info.si_pid, info.si_uid);
	if (code == SI_QUEUE)
		CHECK(info.si_value.sival_ptr == (void *)0x123456789abcUL, "signal %d: value %p",
		      sig, info.si_value.sival_ptr);
}

static void check_child(const struct state *s)
{
	siginfo_t info = take(SIGCHLD);
	int status;

	CHECK(info.si_code == CLD_EXITED && info.si_pid == s->ended && info.si_status == CODE,
	      "SIGCHLD: code %d, pid %d, status %d", info.si_code, info.si_pid, info.si_status);
	MUST(waitpid(s->ended, &status, WNOHANG));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "the status is %#x", status);
}

static void check_descriptor(const struct state *s)
{
	siginfo_t info = take(SIGIO);

	CHECK(info.si_code == POLL_IN && info.si_fd == s->pipe[0] && info.si_band,
	      "SIGIO: code %d, descriptor %d, band %#lx", info.si_code, info.si_fd, info.si_band);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_from(SIGUSR1, SI_USER, s->sender);
	check_from(SIGUSR2, SI_QUEUE, s->sender);
	check_from(SIGURG, SI_TKILL, s->sender);
	check_from(SIGTSTP, SI_USER, getpid());
	check_from(SIGTTIN, SI_USER, getpid());
	check_from(SIGTTOU, SI_USER, getpid());
	check_child(s);
	check_descriptor(s);
	for (int i = 0; i < N_QUEUED; i++) {
		siginfo_t info = take(FIRST_RT + i % N_RT);

		CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == i,
		      "number %d of signal %d: code %d, value %d", i, info.si_signo, info.si_code,
		      info.si_value.sival_int);
	}
	CHECK(!pending(), "signals %#lx are pending", (unsigned long)pending());
	zdtm_finish(s->sender);
}

const struct zdtm_test zdtm_test = {
	.about = "queued signals of all kinds of senders, and a thousand real-time ones",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
