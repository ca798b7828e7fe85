// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers behind descriptors: clock, interval, what is left, and expirations that
 * were not yet read. One ticks, one is far away, one has expired, one is disarmed,
 * one waits for a time of day.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define FAR_S 1000
#define TICK_NS 20000000L

struct state {
	int ticking, far, expired, disarmed, absolute;
	struct timespec moment;
};

static int make(int clock, int flags, struct timespec value, struct timespec interval)
{
	struct itimerspec spec = { .it_value = value, .it_interval = interval };
	int fd = MUST(timerfd_create(clock, TFD_NONBLOCK));

	MUST(timerfd_settime(fd, flags, &spec, NULL));
	return fd;
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct timespec none = {}, tick = { .tv_nsec = TICK_NS }, far = { .tv_sec = FAR_S };
	struct pollfd ready = { .events = POLLIN };

	s->ticking = make(CLOCK_MONOTONIC, 0, tick, tick);
	s->far = make(CLOCK_BOOTTIME, 0, far, (struct timespec){ .tv_sec = 5, .tv_nsec = 6 });
	s->expired = make(CLOCK_MONOTONIC, 0, (struct timespec){ .tv_nsec = 1 }, none);
	s->disarmed = MUST(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC));
	MUST(clock_gettime(CLOCK_REALTIME, &s->moment));
	s->moment.tv_sec += FAR_S;
	s->absolute = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME, s->moment, none);
	ready.fd = s->expired;
	CHECK(poll(&ready, 1, 5000) == 1, "the timer does not expire");
}

static void spoil(void *arg)
{
	struct state *s = arg;
	uint64_t ticks;

	MUST(read(s->expired, &ticks, sizeof(ticks)));
}

static uint64_t read_ticks(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t ticks = 0;

	if (poll(&ready, 1, 2000) == 1)
		MUST(read(fd, &ticks, sizeof(ticks)));
	return ticks;
}

static void check_far(int fd, const char *what, struct timespec interval)
{
	struct itimerspec now;

	MUST(timerfd_gettime(fd, &now));
	CHECK(now.it_interval.tv_sec == interval.tv_sec &&
		      now.it_interval.tv_nsec == interval.tv_nsec,
	      "the %s timer has the interval %ld.%09ld", what, now.it_interval.tv_sec,
	      now.it_interval.tv_nsec);
	CHECK(now.it_value.tv_sec < FAR_S && now.it_value.tv_sec >= FAR_S - 60,
	      "the %s timer has %ld.%09ld to go", what, now.it_value.tv_sec,
	      now.it_value.tv_nsec);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct itimerspec now;
	uint64_t ticks;

	ticks = read_ticks(s->expired);
	CHECK(ticks == 1, "the expired timer has %lu ticks", ticks);
	CHECK(read_ticks(s->ticking) >= 1 && read_ticks(s->ticking) >= 1,
	      "the ticking timer stands still");
	check_far(s->far, "far", (struct timespec){ .tv_sec = 5, .tv_nsec = 6 });
	check_far(s->absolute, "absolute", (struct timespec){});
	MUST(timerfd_gettime(s->disarmed, &now));
	CHECK(!now.it_value.tv_sec && !now.it_value.tv_nsec, "the disarmed timer runs");
	CHECK(fcntl(s->far, F_GETFL) & O_NONBLOCK, "the far timer blocks");
	CHECK(!(fcntl(s->disarmed, F_GETFL) & O_NONBLOCK), "the disarmed timer does not block");
	CHECK(fcntl(s->disarmed, F_GETFD) == FD_CLOEXEC, "the disarmed timer survives an exec");
}

const struct zdtm_test zdtm_test = {
	.about = "timerfds keep clock, interval, rest and ticks",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
