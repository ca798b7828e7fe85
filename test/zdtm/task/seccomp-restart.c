// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sleep under a filter that kills for restart_syscall(2), with which the kernel goes
 * on with it after a stop. A dump must neither kill the sleeper nor wake it early.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SLEEP_MS 2000

struct state {
	pid_t child;
};

static void child(void *arg)
{
	const struct filter_rule rule = { SYS_restart_syscall, SECCOMP_RET_KILL_PROCESS };
	struct timespec want = { .tv_sec = SLEEP_MS / 1000 }, rest = {};
	int64_t start = zdtm_clock_ms(CLOCK_REALTIME), slept;

	if (zdtm_spoiling())
		want.tv_sec = 1;
	filter_install(&rule, 1, SECCOMP_RET_ALLOW, 0);
	zdtm_ready();
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &want, &rest) == EINTR)
		want = rest;
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
	.about = "a sleep that may not be restarted as the kernel does it",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
