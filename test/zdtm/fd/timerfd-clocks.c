// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers behind descriptors on every clock, set to wait for a while or for a point in
 * time. One that waits for a time of day does so however long the checkpoint took; one
 * that waits for a point of another clock does so as that clock goes on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FAR_NS 1000000000000L
#define INTERVAL_NS 3000000007L
/* What a few calls may take, and the reading of a clock by the dump. */
#define TOLERANCE_NS 2000000L
#define N_PAST 3

static const struct {
	const char *name;
	int clock, base, flags;
	bool wall;
} timers[] = {
	{ "monotonic", CLOCK_MONOTONIC, CLOCK_MONOTONIC, 0, false },
	{ "monotonic absolute", CLOCK_MONOTONIC, CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, false },
	{ "boottime", CLOCK_BOOTTIME, CLOCK_BOOTTIME, 0, false },
	{ "boottime absolute", CLOCK_BOOTTIME, CLOCK_BOOTTIME, TFD_TIMER_ABSTIME, false },
	{ "realtime", CLOCK_REALTIME, CLOCK_REALTIME, 0, false },
	{ "realtime absolute", CLOCK_REALTIME, CLOCK_REALTIME, TFD_TIMER_ABSTIME, true },
	{ "cancelled by a new time", CLOCK_REALTIME, CLOCK_REALTIME,
	  TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, true },
	{ "boottime alarm", CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME, 0, false },
	{ "boottime alarm absolute", CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME, TFD_TIMER_ABSTIME,
	  false },
	{ "realtime alarm", CLOCK_REALTIME_ALARM, CLOCK_REALTIME, 0, false },
	{ "realtime alarm absolute", CLOCK_REALTIME_ALARM, CLOCK_REALTIME, TFD_TIMER_ABSTIME,
	  true },
};

#define N_TIMERS (sizeof(timers) / sizeof(*timers))

struct state {
	int fds[N_TIMERS];
	long expiry[N_TIMERS];		/* ns of its clock */
	int past;			/* expired several times, not read */
};

static long ns_of(struct timespec t)
{
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static struct timespec timespec_of(long ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000L, .tv_nsec = ns % 1000000000L };
}

static long now(int clock)
{
	struct timespec t;

	MUST(clock_gettime(clock, &t));
	return ns_of(t);
}

static int make(int clock, int flags, long value, long interval)
{
	const struct itimerspec spec = {
		.it_value = timespec_of(value), .it_interval = timespec_of(interval),
	};
	int fd = MUST(timerfd_create(clock, TFD_NONBLOCK));

	MUST(timerfd_settime(fd, flags, &spec, NULL));
	return fd;
}

static const char *unsupported(void)
{
	int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);

	if (fd < 0)
		return "no right to wake the machine (CAP_WAKE_ALARM)";
	close(fd);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	long start;

	for (size_t i = 0; i < N_TIMERS; i++) {
		s->expiry[i] = now(timers[i].base) + FAR_NS;
		s->fds[i] = make(timers[i].clock, timers[i].flags,
				 timers[i].flags ? s->expiry[i] : FAR_NS, INTERVAL_NS);
	}
	start = now(CLOCK_REALTIME);
	s->past = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME, start - N_PAST * FAR_NS, FAR_NS);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	struct itimerspec spec;

	MUST(timerfd_gettime(s->fds[5], &spec));
	spec.it_value.tv_nsec ^= 1 << 27;
	MUST(timerfd_settime(s->fds[5], 0, &spec, NULL));
}

/* A relative timer may be late by what the restore took; none is early. */
static void check_timer(struct state *s, int i)
{
	struct itimerspec spec;
	long before, after;

	before = now(timers[i].base);
	MUST(timerfd_gettime(s->fds[i], &spec));
	after = now(timers[i].base);
	CHECK(ns_of(spec.it_interval) == INTERVAL_NS, "%s: its interval is %ld ns", timers[i].name,
	      ns_of(spec.it_interval));
	CHECK(after + ns_of(spec.it_value) >= s->expiry[i], "%s: expires %ld ns early",
	      timers[i].name, s->expiry[i] - after - ns_of(spec.it_value));
	if (timers[i].wall)
		CHECK(before + ns_of(spec.it_value) <= s->expiry[i] + TOLERANCE_NS,
		      "%s: expires %ld ns late", timers[i].name,
		      before + ns_of(spec.it_value) - s->expiry[i]);
}

static void check(void *arg)
{
	struct state *s = arg;
	uint64_t ticks;

	for (size_t i = 0; i < N_TIMERS; i++) {
		check_timer(s, i);
		CHECK(read(s->fds[i], &ticks, sizeof(ticks)) < 0 && errno == EAGAIN,
		      "%s: has expired", timers[i].name);
	}
	MUST(read(s->past, &ticks, sizeof(ticks)));
	CHECK(ticks == N_PAST + 1, "%lu expirations are unread, not %d", ticks, N_PAST + 1);
}

const struct zdtm_test zdtm_test = {
	.about = "timerfds of every clock, relative and absolute",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
