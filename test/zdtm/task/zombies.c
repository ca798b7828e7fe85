// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zombies of every kind: ended by exit() with codes at the edges, by signals that kill,
 * among them those of the C library, with threads, as another user and under another
 * name, and with other signals for their parent than SIGCHLD. Status, user and name come
 * back, and no signal comes that had not come.
 *
 * Two children live: one tells its end by SIGUSR1, one by nothing.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define USER 1234

static const struct kind {
	int code, sig;			/* how it ends */
	int exit_signal;
	bool threads, user;
} table[] = {
	{ 0, 0, SIGCHLD, false, false },
	{ 255, 0, SIGCHLD, false, false },
	{ 3, 0, SIGCHLD, true, false },
	{ 4, 0, SIGCHLD, false, true },
	{ 0, SIGKILL, SIGCHLD, true, false },
	{ 0, SIGTERM, SIGCHLD, false, true },
	{ 0, SIGSEGV, SIGCHLD, false, false },
	{ 0, SIGALRM, SIGCHLD, false, false },
	{ 0, 32, SIGCHLD, false, false },
	{ 0, 33, SIGCHLD, false, false },
	{ 0, 64, SIGCHLD, false, false },
	{ 6, 0, SIGUSR1, false, false },
	{ 7, 0, 0, false, false },
};

#define N_ZOMBIES (sizeof(table) / sizeof(table[0]))

struct state {
	pid_t zombies[N_ZOMBIES];
	pid_t tells, silent;
};

static void *sleeps(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

/* As fork() does, with another signal for the parent. */
static pid_t fork_with(int exit_signal)
{
	return MUST(syscall(SYS_clone, exit_signal, 0, 0, 0, 0));
}

static void end(const struct kind *kind)
{
	const struct rlimit no_core = {};
	uint64_t none = 0;

	if (kind->threads)
		zdtm_thread(sleeps, NULL);
	if (kind->user) {
		MUST(prctl(PR_SET_NAME, "late user"));
		MUST(setresuid(USER, USER, USER));
	}
	if (!kind->sig)
		_exit(kind->code);
	MUST(setrlimit(RLIMIT_CORE, &no_core));
	MUST(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none)));
	MUST(syscall(SYS_kill, getpid(), kind->sig));
	sleeps(NULL);
}

static void take_all(void)
{
	const struct timespec now = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
}

static pid_t fork_sleeper(int exit_signal)
{
	pid_t pid = fork_with(exit_signal);

	/* Who waits for the test to be ready waits for the end of a pipe. */
	if (!pid) {
		MUST(syscall(SYS_close_range, 3, UINT32_MAX, 0));
		sleeps(NULL);
	}
	return pid;
}

static void setup(void *arg)
{
	struct state *s = arg;
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	for (size_t i = 0; i < N_ZOMBIES; i++) {
		s->zombies[i] = fork_with(table[i].exit_signal);
		if (!s->zombies[i])
			end(&table[i]);
	}
	for (size_t i = 0; i < N_ZOMBIES; i++)
		MUST(waitid(P_PID, s->zombies[i], &info, WEXITED | WNOWAIT | __WALL));
	take_all();
	s->tells = fork_sleeper(SIGUSR1);
	s->silent = fork_sleeper(0);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->tells, SIGKILL));
	usleep(100 * 1000);
}

static int pending(void)
{
	sigset_t set;

	MUST(sigpending(&set));
	return sigismember(&set, SIGCHLD) | sigismember(&set, SIGUSR1) << 1;
}

static void check_name(pid_t pid)
{
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = MUST(open(path, O_RDONLY));
	MUST(read(fd, name, sizeof(name) - 1));
	close(fd);
	CHECK(!strcmp(name, "late user\n"), "zombie %d is called %s", pid, name);
}

static void check_zombie(pid_t pid, const struct kind *kind)
{
	siginfo_t info = {};
	int status;

	MUST(waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL));
	CHECK(info.si_pid == pid, "child %d has not ended", pid);
	CHECK(info.si_uid == (kind->user ? USER : getuid()), "child %d was user %d", pid,
	      info.si_uid);
	if (kind->user)
		check_name(pid);
	MUST(waitpid(pid, &status, WNOHANG | __WALL));
	CHECK(status == (kind->code << 8 | kind->sig), "the status of %d is %#x", pid, status);
}

static void check_end(pid_t pid, int signals)
{
	siginfo_t info;

	take_all();
	MUST(kill(pid, SIGKILL));
	MUST(waitid(P_PID, pid, &info, WEXITED | WNOWAIT | __WALL));
	CHECK(pending() == signals, "the end of %d brings signals %d, not %d", pid, pending(),
	      signals);
	MUST(waitpid(pid, NULL, __WALL));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(!pending(), "signals %d came out of nowhere", pending());
	for (size_t i = 0; i < N_ZOMBIES; i++)
		check_zombie(s->zombies[i], &table[i]);
	check_end(s->tells, 2);
	check_end(s->silent, 0);
}

const struct zdtm_test zdtm_test = {
	.about = "zombies keep status, user, name; the signal of their end is as it was",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
