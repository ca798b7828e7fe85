// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guardian.
 *
 * It does nothing but wait, needs no memory, and holds no lock: there is
 * little that could end it before the server. If it is killed all the same the
 * server goes on alone and says so. The two share descriptors, not memory:
 * the guardian learns what there is to guard from the table itself.
 */
#include "lazy-pages/guard.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lazy-pages/tree.h"
#include "sys/syscall.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* How long the guardian kills before it says that somebody still lives. */
#define KILL_ROUNDS_QUIET 200

/* What a process does itself, or stops by; the rest comes from others. */
static const int not_blocked[] = {
	SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT, SIGTSTP, SIGTTIN,
};

void guard_signals_to_end(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

void guard_signals_to_take(sigset_t *set)
{
	guard_signals_to_end(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGCHLD);
}

/* Whether the server ended, and then how: a code of waitid() and its status. */
static bool server_ended(pid_t server, siginfo_t *info)
{
	info->si_pid = 0;
	return !waitid(P_PID, server, info, WEXITED | WNOHANG) && info->si_pid == server;
}

static void wait_for_server(pid_t server, siginfo_t *info)
{
	sigset_t set;

	guard_signals_to_take(&set);
	while (!server_ended(server, info)) {
		siginfo_t got;
		int sig = sigwaitinfo(&set, &got);

		if (sig > 0 && sig != SIGCHLD)
			kill(server, sig);
	}
}

static void log_end(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		log_error("lazy-pages: the server failed (status %d)", info->si_status);
	else
		log_error("lazy-pages: the server was killed by signal %d", info->si_status);
}

/*
 * Kills everyone who could touch memory that will not come, and returns when
 * none is left. As long as one is, its userfaultfd stays open and it waits.
 */
static int kill_restored(void)
{
	struct tree_fds fds;
	int err = tree_find_fds(&fds, -1);

	if (err)
		return err;
	if (fds.n_uffds || fds.n_pidfds)
		log_error("lazy-pages: memory was still to come: killing the restored tasks");
	for (unsigned int round = 0;; round++) {
		int living = tree_kill(&fds);

		if (!living)
			break;
		if (living < 0) {
			err = living;
			break;
		}
		if (round == KILL_ROUNDS_QUIET)
			log_error("lazy-pages: %d address spaces still live: holding their "
				  "memory until they end", living);
		if (round >= KILL_ROUNDS_QUIET)
			sleep(1);
	}
	tree_fds_fini(&fds);
	return err;
}

static pid_t start_server(int (*work)(void *arg, int guardian), void *arg)
{
	struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
	_cleanup_close_ int self = sys_pidfd_open(getpid(), 0);
	pid_t pid;

	if (self < 0)
		return log_errno(self, "lazy-pages: cannot open a pidfd");
	pid = sys_clone3(&args);
	if (pid == 0) {
		/* _exit: nothing is closed, flushed or freed on the way out. */
		_exit(work(arg, self) ? 1 : 0);
	}
	/* The number is shared: the server needs it, and closes it. */
	take_fd(&self);
	return pid < 0 ? log_errno(pid, "lazy-pages: cannot start the server") : pid;
}

int guard_block_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(not_blocked); i++)
		sigdelset(&set, not_blocked[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return log_errno(-errno, "lazy-pages: cannot block signals");
	return 0;
}

int guard_run(int (*work)(void *arg, int guardian), void *arg)
{
	siginfo_t info;
	pid_t server;

	server = start_server(work, arg);
	if (server < 0)
		return server;
	wait_for_server(server, &info);
	if (info.si_code == CLD_EXITED && !info.si_status)
		return 0;
	log_end(&info);
	while (kill_restored()) {
		/* Nothing is let go as long as it can't be seen to. */
		log_error("lazy-pages: cannot kill the restored tasks: they wait; trying again");
		sleep(1);
	}
	return 1;
}
