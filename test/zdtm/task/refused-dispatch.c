// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that has its system calls diverted to a handler of its own
 * (PR_SET_SYSCALL_USER_DISPATCH), though it lets all pass just now: a call made in it
 * from outside might be diverted too. It is refused.
 */
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	char selector;			/* SYSCALL_DISPATCH_FILTER_* */
};

static const char *unsupported(void)
{
	static char selector;

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) < 0)
		return "this kernel diverts no system calls";
	MUST(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0));
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &s->selector));
}

static void spoil(void *arg)
{
	MUST(prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0));
}

static volatile char *selector;
static volatile int caught;

/* It returns by a system call, which must pass. */
static void catch(int sig)
{
	*selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	caught++;
}

static void check(void *arg)
{
	struct state *s = arg;

	selector = &s->selector;
	CHECK(signal(SIGSYS, catch) != SIG_ERR, "cannot catch SIGSYS");
	*selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	getppid();
	*selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	CHECK(caught == 1, "%d calls were diverted", caught);
}

const struct zdtm_test zdtm_test = {
	.about = "diverted system calls are refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "PR_SET_SYSCALL_USER_DISPATCH",
};
