// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX timers: their ids, clocks, ways to notify, values, intervals, the time that
 * is left, and the count of missed ticks. Ids need not be contiguous: one is deleted
 * before the dump.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FAR_S 1000
#define TICK_NS 20000000L

enum { TICKING, REALTIME, SILENT, TO_THREAD, DELETED, UNARMED, N_TIMERS };

static const struct {
	int clock;
	int notify;
	int signal;
} timers[N_TIMERS] = {
	[TICKING] = { CLOCK_MONOTONIC, SIGEV_SIGNAL, 0 },
	[REALTIME] = { CLOCK_REALTIME, SIGEV_SIGNAL, 1 },
	[SILENT] = { CLOCK_BOOTTIME, SIGEV_NONE, 0 },
	[TO_THREAD] = { CLOCK_MONOTONIC, SIGEV_THREAD_ID, 2 },
	[DELETED] = { CLOCK_MONOTONIC, SIGEV_NONE, 0 },
	[UNARMED] = { CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 3 },
};

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t tid;
	int ids[N_TIMERS];
	int64_t start;
};

/* By system call: the C library wraps ids of its own around the kernel's. */
static int create(struct state *s, int i)
{
	struct sigevent event = {
		.sigev_notify = timers[i].notify,
		.sigev_signo = SIGRTMIN + timers[i].signal,
		.sigev_value.sival_int = 1000 + i,
	};
	int id;

	if (timers[i].notify == SIGEV_THREAD_ID)
		event._sigev_un._tid = s->tid;
	MUST(syscall(SYS_timer_create, timers[i].clock, &event, &id));
	return id;
}

static void arm(int id, struct timespec value, struct timespec interval)
{
	struct itimerspec spec = { .it_value = value, .it_interval = interval };

	MUST(syscall(SYS_timer_settime, id, 0, &spec, NULL));
}

static struct itimerspec get(int id)
{
	struct itimerspec spec;

	MUST(syscall(SYS_timer_gettime, id, &spec));
	return spec;
}

/* The ticks that one signal stands for; 0 when none comes in time. */
static int take_ticks(int sig, int index, struct timespec limit)
{
	siginfo_t info;
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while ((got = sigtimedwait(&set, &info, &limit)) < 0 && errno == EINTR)
		;
	if (got < 0 && errno == EAGAIN)
		return 0;
	CHECK(got == sig && info.si_code == SI_TIMER && info.si_value.sival_int == 1000 + index,
	      "timer %d sent signal %d, code %d, value %d", index, got, info.si_code,
	      info.si_value.sival_int);
	return 1 + info.si_overrun;
}

/*
 * Those before the restore come first, then new ones, as many as there was time for:
 * none is made up, and several that nobody took are one signal.
 */
static void check_ticking(int64_t start)
{
	const struct timespec none = {}, second = { .tv_sec = 1 };
	int ticks = 0, more;
	int64_t passed;

	while ((more = take_ticks(SIGRTMIN, TICKING, none)))
		ticks += more;
	usleep(3 * TICK_NS / 1000);
	more = take_ticks(SIGRTMIN, TICKING, second);
	passed = zdtm_clock_ms(CLOCK_MONOTONIC) - start;
	CHECK(more, "the timer does not tick");
	CHECK(more >= 2, "no overrun is counted");
	CHECK(ticks + more <= passed * 1000000 / TICK_NS + 1, "%d ticks in %ld ms", ticks + more,
	      passed);
}

static void *worker(void *arg)
{
	struct state *s = arg;
	const struct timespec limit = { .tv_sec = 5 };

	s->tid = gettid();
	zdtm_gate_arrive(&s->gate);
	CHECK(take_ticks(SIGRTMIN + 2, TO_THREAD, limit), "the thread's timer does not tick");
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct timespec tick = { .tv_nsec = TICK_NS }, far = { .tv_sec = FAR_S };
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < 4; i++)
		sigaddset(&set, SIGRTMIN + i);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	for (int i = 0; i < N_TIMERS; i++)
		s->ids[i] = create(s, i);
	MUST(syscall(SYS_timer_delete, s->ids[DELETED]));
	s->start = zdtm_clock_ms(CLOCK_MONOTONIC);
	arm(s->ids[TICKING], tick, tick);
	arm(s->ids[REALTIME], far, (struct timespec){ .tv_sec = 7, .tv_nsec = 8 });
	arm(s->ids[SILENT], (struct timespec){ .tv_sec = 2 * FAR_S }, (struct timespec){});
	arm(s->ids[TO_THREAD], tick, tick);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	arm(s->ids[REALTIME], (struct timespec){ .tv_sec = FAR_S }, (struct timespec){});
}

static void check_far(struct state *s, int i, long left, struct timespec interval)
{
	struct itimerspec now = get(s->ids[i]);

	CHECK(now.it_interval.tv_sec == interval.tv_sec &&
	      now.it_interval.tv_nsec == interval.tv_nsec, "timer %d has the interval %ld.%09ld",
	      i, now.it_interval.tv_sec, now.it_interval.tv_nsec);
	CHECK(now.it_value.tv_sec < left && now.it_value.tv_sec >= left - 60,
	      "timer %d has %ld.%09ld to go", i, now.it_value.tv_sec, now.it_value.tv_nsec);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct itimerspec unarmed = get(s->ids[UNARMED]);
	struct itimerspec spec;

	check_ticking(s->start);
	check_far(s, REALTIME, FAR_S, (struct timespec){ .tv_sec = 7, .tv_nsec = 8 });
	check_far(s, SILENT, 2 * FAR_S, (struct timespec){});
	CHECK(!unarmed.it_value.tv_sec && !unarmed.it_value.tv_nsec, "the unarmed timer runs");
	CHECK(syscall(SYS_timer_gettime, s->ids[DELETED], &spec) < 0 && errno == EINVAL,
	      "the deleted timer is back");
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "POSIX timers keep ids, clocks, notification, rest and interval",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.restless = true,
};
