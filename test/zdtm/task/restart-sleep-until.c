// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sleep until a point in time. The call restarts with the same arguments, so a
 * restore does not show: no EINTR, and the right moment of waking.
 */
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define SLEEP_S 3

struct state {
	pid_t child;
};

static void child(void *arg)
{
	struct timespec until;
	int64_t now;
	int error;

	zdtm_let_usr1_interrupt();
	MUST(clock_gettime(CLOCK_REALTIME, &until));
	until.tv_sec += SLEEP_S;
	zdtm_ready();
	error = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
	CHECK(!error, "the sleep was cut short: %s", strerror(error));
	now = zdtm_clock_ms(CLOCK_REALTIME);
	CHECK(now >= until.tv_sec * 1000 + until.tv_nsec / 1000000, "woken too early");
	zdtm_linger();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	zdtm_until_in_syscall(s->child, SYS_clock_nanosleep);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR1));
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a sleep until a time of day is not interrupted",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
