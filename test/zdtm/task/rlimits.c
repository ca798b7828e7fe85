// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resource limits, of two tasks of one tree: soft ones below hard ones, hard ones
 * lowered, which nobody without CAP_SYS_RESOURCE can raise again.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

/* All that are low enough to differ from the rest of the system, high enough to live with. */
static const struct {
	int which;
	rlim_t soft, hard;
} limits[] = {
	{ RLIMIT_CORE, 4096, 8192 },
	{ RLIMIT_CPU, 1000, 2000 },
	{ RLIMIT_DATA, 1UL << 33, 1UL << 34 },
	{ RLIMIT_FSIZE, 1UL << 30, 1UL << 31 },
	{ RLIMIT_NOFILE, 300, 400 },
	{ RLIMIT_SIGPENDING, 333, 444 },
	{ RLIMIT_STACK, 1UL << 22, 1UL << 26 },
};

#define N_LIMITS (sizeof(limits) / sizeof(*limits))

struct state {
	pid_t child;
	struct rlimit before[RLIM_NLIMITS];
};

static void set(rlim_t less)
{
	for (size_t i = 0; i < N_LIMITS; i++) {
		struct rlimit limit = { limits[i].soft - less, limits[i].hard - less };

		MUST(setrlimit(limits[i].which, &limit));
	}
}

static void compare(rlim_t less)
{
	struct rlimit now;

	for (size_t i = 0; i < N_LIMITS; i++) {
		MUST(getrlimit(limits[i].which, &now));
		CHECK(now.rlim_cur == limits[i].soft - less &&
			      now.rlim_max == limits[i].hard - less,
		      "limit %d is %lu, %lu", limits[i].which, now.rlim_cur, now.rlim_max);
	}
}

static void child(void *arg)
{
	set(1);
	zdtm_wait();
	compare(1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	set(0);
	for (int which = 0; which < RLIM_NLIMITS; which++)
		MUST(getrlimit(which, &s->before[which]));
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	MUST(setrlimit(RLIMIT_CPU, &(struct rlimit){ 999, 2000 }));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct rlimit now;

	compare(0);
	for (int which = 0; which < RLIM_NLIMITS; which++) {
		MUST(getrlimit(which, &now));
		CHECK(now.rlim_cur == s->before[which].rlim_cur &&
		      now.rlim_max == s->before[which].rlim_max, "limit %d is %lu, %lu", which,
		      now.rlim_cur, now.rlim_max);
	}
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "resource limits are kept, soft and hard",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
