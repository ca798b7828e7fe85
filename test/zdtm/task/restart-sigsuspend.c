// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that sleeps in sigsuspend(), with another signal mask than its own. The
 * call restarts with the temporary mask; when it returns, the task's own mask is
 * back, and the signal that was let in has been handled once.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
};

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	handled = handled * 100 + sig;
}

static void child(void *arg)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t own, open, after;

	MUST(sigaction(SIGUSR1, &action, NULL));
	MUST(sigaction(SIGUSR2, &action, NULL));
	sigemptyset(&own);
	sigaddset(&own, SIGUSR1);
	sigaddset(&own, SIGUSR2);
	sigaddset(&own, SIGTERM);
	MUST(sigprocmask(SIG_SETMASK, &own, NULL));
	open = own;
	sigdelset(&open, SIGUSR1);
	zdtm_ready();
	CHECK(sigsuspend(&open) < 0 && errno == EINTR, "sigsuspend: %s", strerror(errno));
	CHECK(handled == SIGUSR1, "handled %d", handled);
	MUST(sigprocmask(SIG_SETMASK, NULL, &after));
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		CHECK(sigismember(&after, sig) == sigismember(&own, sig), "signal %d in the mask",
		      sig);
	MUST(sigprocmask(SIG_UNBLOCK, &own, NULL));
	CHECK(handled == SIGUSR1 * 100 + SIGUSR2, "handled %d", handled);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	zdtm_until_in_syscall(s->child, SYS_rt_sigsuspend);
}

/* As if the signal that was to wait had been taken already. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR2));
	usleep(100000);
	MUST(kill(s->child, SIGUSR1));
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "sigsuspend goes on with its mask, then gives the task's own back",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
