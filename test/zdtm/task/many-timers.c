// SPDX-License-Identifier: GPL-2.0-only
/* A thousand POSIX timers, each with an interval of its own, among ids that are free again. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define N_TIMERS 1000
#define N_MADE (N_TIMERS * 3 / 2)
#define FAR_S 5000

struct state {
	int ids[N_MADE];
};

static bool deleted(int i)
{
	return i % 3 == 1;
}

/* Every fifth is not armed. */
static struct itimerspec spec_of(int i)
{
	if (i % 5 == 0)
		return (struct itimerspec){};
	return (struct itimerspec){
		.it_value = { .tv_sec = FAR_S + i },
		.it_interval = { .tv_sec = i, .tv_nsec = i },
	};
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MADE; i++) {
		struct sigevent event = {
			.sigev_notify = SIGEV_SIGNAL,
			.sigev_signo = SIGRTMIN,
			.sigev_value.sival_int = i,
		};
		struct itimerspec spec = spec_of(i);

		MUST(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &s->ids[i]));
		MUST(syscall(SYS_timer_settime, s->ids[i], 0, &spec, NULL));
	}
	for (int i = 0; i < N_MADE; i++)
		if (deleted(i))
			MUST(syscall(SYS_timer_delete, s->ids[i]));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(syscall(SYS_timer_delete, s->ids[N_MADE - 1]));
}

static void check_timer(int id, int i)
{
	const struct itimerspec was = spec_of(i);
	struct itimerspec now;

	MUST(syscall(SYS_timer_gettime, id, &now));
	CHECK(now.it_interval.tv_sec == was.it_interval.tv_sec &&
	      now.it_interval.tv_nsec == was.it_interval.tv_nsec,
	      "timer %d has the interval %ld.%09ld", i, now.it_interval.tv_sec,
	      now.it_interval.tv_nsec);
	CHECK(now.it_value.tv_sec <= was.it_value.tv_sec &&
	      now.it_value.tv_sec >= was.it_value.tv_sec - 60 &&
	      !(now.it_value.tv_sec | now.it_value.tv_nsec) == !was.it_value.tv_sec,
	      "timer %d has %ld.%09ld to go", i, now.it_value.tv_sec, now.it_value.tv_nsec);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct itimerspec spec;

	for (int i = 0; i < N_MADE; i++) {
		if (!deleted(i))
			check_timer(s->ids[i], i);
		else
			CHECK(syscall(SYS_timer_gettime, s->ids[i], &spec) < 0 && errno == EINVAL,
			      "the deleted timer %d is back", i);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "a thousand POSIX timers keep their ids",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
