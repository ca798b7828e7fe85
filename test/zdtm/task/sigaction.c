// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispositions of all signals: default, ignored, handlers with different flags
 * and masks. One of the handlers is run after the restore, which also needs the
 * restorer address that the C library gave to the kernel.
 */
#include <unistd.h>

#include "lib/zdtm.h"

#define N_SIGNALS 64

struct state {
	struct sigaction actions[N_SIGNALS + 1];
};

static volatile sig_atomic_t handled;

static void plain(int sig)
{
	handled = sig;
}

static void with_info(int sig, siginfo_t *info, void *context)
{
	handled = info->si_code == SI_TKILL || info->si_code == SI_USER ? sig : -1;
}

/* The library's own: SIGTERM, and the two that the C library keeps for itself. */
static bool is_free(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP && sig != SIGTERM && (sig < 32 || sig >= SIGRTMIN);
}

static struct sigaction choose(int sig)
{
	static const int flags[] = { 0, SA_RESTART, SA_NODEFER | SA_RESETHAND, SA_NOCLDSTOP,
				     SA_ONSTACK | SA_NOCLDWAIT };
	struct sigaction action = { .sa_flags = flags[sig % 5] };

	sigemptyset(&action.sa_mask);
	for (int other = 1; other <= N_SIGNALS; other++)
		if (is_free(other) && other % 7 == sig % 7)
			sigaddset(&action.sa_mask, other);
	if (sig % 4 == 0)
		action.sa_handler = SIG_DFL;
	else if (sig % 4 == 1)
		action.sa_handler = SIG_IGN;
	else if (sig % 4 == 2)
		action.sa_handler = plain;
	else {
		action.sa_sigaction = with_info;
		action.sa_flags |= SA_SIGINFO;
	}
	return action;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		struct sigaction action = choose(sig);

		if (!is_free(sig))
			continue;
		MUST(sigaction(sig, &action, NULL));
		MUST(sigaction(sig, NULL, &s->actions[sig]));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;
	struct sigaction action = s->actions[SIGRTMIN + 3];

	sigaddset(&action.sa_mask, SIGUSR1);
	MUST(sigaction(SIGRTMIN + 3, &action, NULL));
}

/* Bit by bit: the C library copies the kernel's part of a mask only. */
static bool same_mask(const sigset_t *a, const sigset_t *b)
{
	for (int sig = 1; sig <= N_SIGNALS; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

static void check(void *arg)
{
	struct state *s = arg;
	struct sigaction now;

	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		const struct sigaction *was = &s->actions[sig];

		if (!is_free(sig))
			continue;
		MUST(sigaction(sig, NULL, &now));
		CHECK(now.sa_handler == was->sa_handler, "the handler of %d is %p, was %p", sig,
		      now.sa_handler, was->sa_handler);
		CHECK(now.sa_flags == was->sa_flags, "the flags of %d are %#x, were %#x", sig,
		      now.sa_flags, was->sa_flags);
		CHECK(same_mask(&now.sa_mask, &was->sa_mask), "the mask of %d is not what it was",
		      sig);
		if (now.sa_handler != plain && now.sa_sigaction != with_info)
			continue;
		handled = 0;
		MUST(raise(sig));
		CHECK(handled == sig, "signal %d was not handled: %d", sig, handled);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "signal dispositions are kept and handlers run",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
