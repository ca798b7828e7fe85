// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signal mask of a task, every second signal of all that can be blocked; and
 * what it lets through is delivered.
 */
#include <unistd.h>

#include "lib/zdtm.h"

/* The C library keeps 32 and 33 to itself; the test waits with SIGTERM. */
static bool is_free(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP && sig != SIGTERM && (sig < 32 || sig >= SIGRTMIN);
}

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	handled = sig;
}

static void setup(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		struct sigaction action = { .sa_handler = on_signal };

		if (!is_free(sig))
			continue;
		MUST(sigaction(sig, &action, NULL));
		if (sig % 2)
			sigaddset(&set, sig);
	}
	sigaddset(&set, SIGTERM);
	MUST(sigprocmask(SIG_SETMASK, &set, NULL));
}

static void spoil(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	MUST(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static void check(void *arg)
{
	sigset_t set;

	MUST(sigprocmask(SIG_SETMASK, NULL, &set));
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		int blocked = sigismember(&set, sig) == 1;

		if (!is_free(sig))
			continue;
		CHECK(blocked == sig % 2, "signal %d is %sblocked", sig, blocked ? "" : "not ");
		handled = 0;
		MUST(raise(sig));
		CHECK(handled == (blocked ? 0 : sig), "raising %d: %d was handled", sig, handled);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "the signal mask is kept and works",
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
