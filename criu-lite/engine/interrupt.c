// SPDX-License-Identifier: GPL-2.0-only
/* Signals that ask for an end. */
#include "engine/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>

#include "util/log.h"
#include "util/macro.h"

static const int end_signals[] = { SIGHUP, SIGINT, SIGTERM };

static void end_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		sigaddset(set, end_signals[i]);
}

int interrupt_block(void)
{
	sigset_t set;

	end_set(&set);
	/* Errors of a call, EFBIG and EPIPE, which are to be told and not to be died of. */
	sigaddset(&set, SIGXFSZ);
	sigaddset(&set, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return log_errno(-errno, "cannot block signals");
	return 0;
}

void interrupt_allow(void)
{
	sigset_t set;

	end_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int interrupt_fd(void)
{
	sigset_t set;
	int fd;

	end_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? log_errno(-errno, "cannot watch for signals") : fd;
}

int interrupt_check(const char *what)
{
	sigset_t set;

	if (sigpending(&set) < 0)
		return log_errno(-errno, "cannot read pending signals");
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		if (sigismember(&set, end_signals[i]))
			return log_errno(-EINTR, "%s: given up on signal %d (%s)", what,
					 end_signals[i], strsignal(end_signals[i]));
	return 0;
}
