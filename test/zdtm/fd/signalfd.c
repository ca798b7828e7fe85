// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signalfd: its mask and flags. Signals that were pending at the dump are read
 * from it after the restore, with their value; others are not.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int fd;
};

static void setup(void *arg)
{
	struct state *s = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 5);
	s->fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	sigaddset(&set, SIGUSR2);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(sigqueue(getpid(), SIGRTMIN + 5, (union sigval){ .sival_int = 55 }));
	MUST(raise(SIGUSR2));
}

static void spoil(void *arg)
{
	struct state *s = arg;
	sigset_t set;

	sigfillset(&set);
	MUST(signalfd(s->fd, &set, 0));
}

static int read_signal(int fd, struct signalfd_siginfo *info)
{
	ssize_t n = read(fd, info, sizeof(*info));

	if (n < 0 && errno == EAGAIN)
		return 0;
	CHECK(n == sizeof(*info), "read returns %zd", n);
	return info->ssi_signo;
}

static void check(void *arg)
{
	struct state *s = arg;
	struct signalfd_siginfo info;
	int sig;

	CHECK(fcntl(s->fd, F_GETFL) & O_NONBLOCK, "the descriptor blocks");
	CHECK(fcntl(s->fd, F_GETFD) == FD_CLOEXEC, "the descriptor survives an exec");
	sig = read_signal(s->fd, &info);
	CHECK(sig == SIGRTMIN + 5 && info.ssi_int == 55 && info.ssi_pid == (uint32_t)getpid(),
	      "signal %d, value %d, from %u", sig, info.ssi_int, info.ssi_pid);
	sig = read_signal(s->fd, &info);
	CHECK(!sig, "signal %d is read as well", sig);
	MUST(raise(SIGUSR1));
	sig = read_signal(s->fd, &info);
	CHECK(sig == SIGUSR1, "signal %d is read, not USR1", sig);
}

const struct zdtm_test zdtm_test = {
	.about = "a signalfd keeps its mask",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
