// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three interval timers of a process: real, virtual and profiling time. Each
 * keeps its interval and what was left of the running period; the real one, with a
 * short interval, must go on ticking.
 */
#include <sys/time.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define REAL_US 50000
#define FAR_S 1000


static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
	ticks++;
}

static void set_timer(int which, struct timeval value, struct timeval interval)
{
	struct itimerval timer = { .it_value = value, .it_interval = interval };

	MUST(setitimer(which, &timer, NULL));
}

static void setup(void *arg)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct timeval tick = { .tv_usec = REAL_US };

	MUST(sigaction(SIGALRM, &action, NULL));
	set_timer(ITIMER_VIRTUAL, (struct timeval){ .tv_sec = FAR_S },
		  (struct timeval){ .tv_sec = 3, .tv_usec = 4000 });
	set_timer(ITIMER_PROF, (struct timeval){ .tv_sec = 2 * FAR_S }, (struct timeval){});
	set_timer(ITIMER_REAL, tick, tick);
}

static void spoil(void *arg)
{
	set_timer(ITIMER_REAL, (struct timeval){}, (struct timeval){});
}

static void check_timer(int which, long left, struct timeval interval)
{
	struct itimerval now;

	MUST(getitimer(which, &now));
	CHECK(now.it_interval.tv_sec == interval.tv_sec &&
	      now.it_interval.tv_usec == interval.tv_usec, "timer %d has the interval %ld.%06ld",
	      which, now.it_interval.tv_sec, now.it_interval.tv_usec);
	/* This task uses next to no time; the kernel rounds up to the next tick. */
	CHECK(now.it_value.tv_sec <= left && now.it_value.tv_sec >= left - 10,
	      "timer %d has %ld.%06ld to go", which, now.it_value.tv_sec, now.it_value.tv_usec);
}

static void check(void *arg)
{
	struct timeval tick = { .tv_usec = REAL_US };
	struct itimerval now;
	int before = ticks;

	for (int i = 0; i < 500 && ticks < before + 3; i++)
		usleep(10000);
	CHECK(ticks >= before + 3, "the real timer ticked %d times", ticks - before);
	MUST(getitimer(ITIMER_REAL, &now));
	CHECK(!now.it_interval.tv_sec && now.it_interval.tv_usec == tick.tv_usec,
	      "the real interval is %ld.%06ld", now.it_interval.tv_sec, now.it_interval.tv_usec);
	check_timer(ITIMER_VIRTUAL, FAR_S, (struct timeval){ .tv_sec = 3, .tv_usec = 4000 });
	check_timer(ITIMER_PROF, 2 * FAR_S, (struct timeval){});
}

const struct zdtm_test zdtm_test = {
	.about = "interval timers keep interval and rest",
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.restless = true,
};
