// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sleep for a relative time, which the kernel continues through a restart block
 * that no image holds: after a restore the call may return EINTR, and then the rest
 * it reports must be right. Never may it end early.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define SLEEP_MS 3000

struct state {
	pid_t child;
};

static void child(void *arg)
{
	struct timespec want = { .tv_sec = SLEEP_MS / 1000 }, rest = want;
	int64_t start = zdtm_clock_ms(CLOCK_REALTIME), slept;

	if (zdtm_spoiling())
		want.tv_sec = rest.tv_sec = 1;
	zdtm_ready();
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &want, &rest) == EINTR) {
		zdtm_log("interrupted with %ld.%09ld s to go", rest.tv_sec, rest.tv_nsec);
		CHECK(rest.tv_sec < SLEEP_MS / 1000, "the rest of the sleep is %ld s", rest.tv_sec);
		want = rest;
	}
	slept = zdtm_clock_ms(CLOCK_REALTIME) - start;
	/* The two clocks may drift apart a little. */
	CHECK(slept >= SLEEP_MS - 20, "slept %ld ms, not %d", slept, SLEEP_MS);
	zdtm_linger();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	zdtm_until_in_syscall(s->child, SYS_clock_nanosleep);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a relative sleep ends in time, or says how much is left",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
