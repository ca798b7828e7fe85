// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading mapped files whose bytes may be gone.
 *
 * A signal handler has no argument but what is static: besides the log's, this is the one
 * state that is not passed.
 */
#include "util/mapped.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#include "util/log.h"

/* Where to go on when what is being read is gone; NULL: nothing is being read. */
static sigjmp_buf *volatile gone;

/* On return the same instruction is tried again: it is nobody's fault but ours. */
static void on_sigbus(int sig)
{
	if (gone)
		siglongjmp(*gone, 1);
	signal(sig, SIG_DFL);
}

int mapped_catch(void)
{
	/* Left by a jump that does not look at the mask. */
	const struct sigaction action = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	if (sigaction(SIGBUS, &action, NULL))
		return log_errno(-errno, "cannot catch SIGBUS");
	return 0;
}

int mapped_read(int (*look)(void *arg), void *arg)
{
	sigjmp_buf env;
	int err;

	if (sigsetjmp(env, 0)) {
		gone = NULL;
		return -EIO;
	}
	gone = &env;
	err = look(arg);
	gone = NULL;
	return err;
}
