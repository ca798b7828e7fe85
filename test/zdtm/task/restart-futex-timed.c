// SPDX-License-Identifier: GPL-2.0-only
/*
 * A futex wait with a time limit, relative or absolute, goes through a
 * restart block that no image holds: it may return EINTR after a restore. It must not
 * report that the time is up while it is not.
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define LIMIT_MS 3000

struct state {
	pid_t relative, absolute;
};

static void check_time(int64_t start)
{
	int64_t waited = zdtm_clock_ms(CLOCK_REALTIME) - start;
	int64_t wanted = zdtm_spoiling() ? LIMIT_MS + 1000 : LIMIT_MS;

	CHECK(waited >= wanted - 20, "the time was up after %ld ms", waited);
}

static void relative(void *arg)
{
	const struct timespec limit = { .tv_sec = LIMIT_MS / 1000 };
	int64_t start = zdtm_clock_ms(CLOCK_REALTIME);
	int word = 0;

	zdtm_ready();
	if (!syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &limit, NULL, 0))
		zdtm_fail("woken by nobody");
	CHECK(errno == ETIMEDOUT || errno == EINTR, "futex: %s", strerror(errno));
	if (errno == ETIMEDOUT)
		check_time(start);
	zdtm_linger();
}

static void absolute(void *arg)
{
	int64_t start = zdtm_clock_ms(CLOCK_REALTIME);
	struct timespec limit;
	int word = 0;

	MUST(clock_gettime(CLOCK_REALTIME, &limit));
	limit.tv_sec += LIMIT_MS / 1000;
	zdtm_ready();
	/* Every limit makes a restart block, an absolute one as well. */
	while (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0,
		       &limit, NULL, FUTEX_BITSET_MATCH_ANY) < 0 && errno == EINTR)
		zdtm_log("interrupted, and waits again");
	CHECK(errno == ETIMEDOUT, "futex: %s", strerror(errno));
	check_time(start);
	zdtm_linger();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->relative = zdtm_fork(relative, NULL);
	s->absolute = zdtm_fork(absolute, NULL);
	zdtm_until_in_syscall(s->relative, SYS_futex);
	zdtm_until_in_syscall(s->absolute, SYS_futex);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->relative);
	zdtm_finish(s->absolute);
}

const struct zdtm_test zdtm_test = {
	.about = "a futex wait with a limit does not end before its time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
