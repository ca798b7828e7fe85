// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is told about a file by signal, and with which (F_SETOWN, F_SETSIG): a process,
 * a group; and that the signal really comes after the restore (O_ASYNC).
 */
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int process[2], group[2];
};

static void own(int fd, int type, pid_t pid, int sig)
{
	struct f_owner_ex owner = { .type = type, .pid = pid };

	MUST(fcntl(fd, F_SETOWN_EX, &owner));
	MUST(fcntl(fd, F_SETSIG, sig));
}

static void setup(void *arg)
{
	struct state *s = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(pipe(s->process));
	MUST(pipe(s->group));
	own(s->process[0], F_OWNER_PID, getpid(), SIGRTMIN + 2);
	MUST(fcntl(s->process[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	own(s->group[0], F_OWNER_PGRP, getpgrp(), SIGURG);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	own(s->process[0], F_OWNER_PID, 0, SIGRTMIN + 2);
}

static void check_owner(int fd, int type, pid_t pid, int sig)
{
	struct f_owner_ex owner;

	MUST(fcntl(fd, F_GETOWN_EX, &owner));
	CHECK((int)owner.type == type && owner.pid == pid, "the owner is %d, type %d", owner.pid,
	      owner.type);
	CHECK(fcntl(fd, F_GETSIG) == sig, "the signal is %d", fcntl(fd, F_GETSIG));
}

static void check(void *arg)
{
	struct state *s = arg;
	const struct timespec limit = { .tv_sec = 2 };
	siginfo_t info;
	sigset_t set;

	check_owner(s->process[0], F_OWNER_PID, getpid(), SIGRTMIN + 2);
	check_owner(s->group[0], F_OWNER_PGRP, getpgrp(), SIGURG);
	CHECK(fcntl(s->process[0], F_GETFL) & O_ASYNC, "O_ASYNC is gone");
	MUST(write(s->process[1], "x", 1));
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	CHECK(sigtimedwait(&set, &info, &limit) == SIGRTMIN + 2, "no signal comes");
	CHECK(info.si_fd == s->process[0], "the signal is of file %d", info.si_fd);
}

const struct zdtm_test zdtm_test = {
	.about = "owners of files and their signals are kept",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
