// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that sleeps in select(), with a limit: the call restarts with what is
 * left of it. No EINTR, and not more time than there was.
 */
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define LIMIT_S 600

struct state {
	int ends[2];
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	struct timeval limit = { .tv_sec = LIMIT_S };
	fd_set set;
	int n;

	zdtm_let_usr1_interrupt();
	FD_ZERO(&set);
	FD_SET(s->ends[0], &set);
	zdtm_ready();
	n = MUST(select(s->ends[0] + 1, &set, NULL, NULL, &limit));
	CHECK(n == 1 && FD_ISSET(s->ends[0], &set), "select returned %d", n);
	CHECK(limit.tv_sec < LIMIT_S && limit.tv_sec >= LIMIT_S - 60, "%ld s are left",
	      limit.tv_sec);
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->ends));
	s->child = zdtm_fork(child, s);
	/* The C library may make it of pselect6. */
	zdtm_until_in_syscall(s->child, SYS_pselect6);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(write(s->ends[1], "y", 1));
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "select goes on with the rest of its limit",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
