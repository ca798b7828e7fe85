// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers of a restored process and the signals queued to it.
 *
 * A POSIX timer's id is the process's handle for it and must be the old one.
 * Since Linux 6.15 a process can ask for an id; before, ids were counted up
 * for each process, so that a timer is made and deleted until its turn comes.
 *
 * All times are what was left at the dump, and start now. A timer whose signal
 * was queued is to send it at once, and then to go on as it was going:
 *
 *	    fires at once        what was left
 *	------|-----------------now---|--------------|---->
 *	      '------ interval -------'-- interval --'
 *
 * One whose last signal told of missed expirations starts as many intervals
 * earlier yet, and the signal is taken by the thread that it is for.
 */
#include "pie/restorer.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <errno.h>
#include <linux/prctl.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "pie/syscall.h"

/* Newer than the headers of some distributions. */
enum {
	TIMER_RESTORE_IDS = 77,		/* PR_TIMER_CREATE_RESTORE_IDS, Linux 6.15 */
	TIMER_RESTORE_IDS_OFF = 0,
	TIMER_RESTORE_IDS_ON = 1,
};

#define NSEC_PER_SEC 1000000000L

/* More tries than this find no id: some 100 ms. */
#define MAX_TRIES 1000000

/* Of a timer that expires again before its signal is taken. */
#define OVERRUN_TRIES 100
#define OVERRUN_STEP_NS 20000

/* struct sigevent as the kernel reads it (sigevent(7)): 64 bytes. */
struct timer_event {
	uint64_t value;
	int32_t signo, notify, tid;
	int32_t pad[11];
};

void restorer_signals(struct restorer_args *args)
{
	const char *info = args->siginfos;

	for (uint64_t i = 0; i < args->n_siginfos; i++, info += 128)
		restorer_must(args, RESTORER_STEP_SIGNALS,
			      pie_call(rt_sigqueueinfo, args->threads[0].tid,
				       *(const int32_t *)info, info), *(const int32_t *)info);
}

static void set_itimers(struct restorer_args *args)
{
	for (int which = 0; which < 3; which++)
		restorer_must(args, RESTORER_STEP_TIMER,
			      pie_call(setitimer, which, args->itimers[which], 0), which);
}

static long try_timer(const struct restorer_timer *t, int32_t *id)
{
	struct timer_event event = {
		.value = t->value,
		.signo = t->signo,
		.notify = t->notify,
		.tid = t->tid,
	};

	return pie_call(timer_create, t->clock, &event, id);
}

/* Ids ascend in the list, as the kernel counts. */
static void count_up_to(struct restorer_args *args, const struct restorer_timer *t)
{
	for (int i = 0; i < MAX_TRIES; i++) {
		int32_t id;

		restorer_must(args, RESTORER_STEP_TIMER, try_timer(t, &id), t->id);
		if (id == t->id)
			return;
		pie_call(timer_delete, id);
	}
	restorer_fail(args, RESTORER_STEP_TIMER, -EBUSY, t->id);
}

static void make_timer(struct restorer_args *args, const struct restorer_timer *t)
{
	int32_t id = t->id;

	if (!args->timer_restore_ids) {
		count_up_to(args, t);
		return;
	}
	restorer_must(args, RESTORER_STEP_TIMER, try_timer(t, &id), t->id);
	if (id != t->id)
		restorer_fail(args, RESTORER_STEP_TIMER, -EBUSY, t->id);
}

static void restore_ids(struct restorer_args *args, int mode)
{
	if (args->timer_restore_ids)
		restorer_must(args, RESTORER_STEP_PRCTL,
			      pie_call(prctl, TIMER_RESTORE_IDS, mode, 0, 0, 0),
			      TIMER_RESTORE_IDS);
}

/*
 * Sets *@value to the last expiry, a point in time of the timer's clock. Clocks
 * of CPU time begin with the task: what was before their begin is their begin.
 */
static void last_expiry(struct restorer_args *args, const struct restorer_timer *t,
			struct __kernel_timespec *value)
{
	restorer_must(args, RESTORER_STEP_TIMER, pie_call(clock_gettime, t->clock, value), t->id);
	value->tv_sec += t->it_value[0] - t->it_interval[0];
	value->tv_nsec += t->it_value[1] - t->it_interval[1];
	if (value->tv_nsec < 0) {
		value->tv_nsec += NSEC_PER_SEC;
		value->tv_sec--;
	} else if (value->tv_nsec >= NSEC_PER_SEC) {
		value->tv_nsec -= NSEC_PER_SEC;
		value->tv_sec++;
	}
	if (value->tv_sec < 0 || (!value->tv_sec && !value->tv_nsec))
		*value = (struct __kernel_timespec){ .tv_nsec = 1 };
}

static void start_timer(struct restorer_args *args, const struct restorer_timer *t)
{
	struct __kernel_itimerspec spec = {
		.it_interval = { t->it_interval[0], t->it_interval[1] },
		.it_value = { t->it_value[0], t->it_value[1] },
	};

	if (t->fired)
		last_expiry(args, t, &spec.it_value);
	restorer_must(args, RESTORER_STEP_TIMER,
		      pie_call(timer_settime, t->id, t->fired ? TIMER_ABSTIME : 0, &spec, 0),
		      t->id);
}

void restorer_make_timers(struct restorer_args *args)
{
	if (!args->n_timers)
		return;
	restore_ids(args, TIMER_RESTORE_IDS_ON);
	for (uint64_t i = 0; i < args->n_timers; i++)
		make_timer(args, &args->timers[i]);
	restore_ids(args, TIMER_RESTORE_IDS_OFF);
}

static int64_t nanoseconds(const uint64_t time[2])
{
	return time[0] * NSEC_PER_SEC + time[1];
}

/*
 * Starts the timer such that it expires at once, and again with what is left
 * and @extra ns: by then it will have missed t->overrun expirations.
 */
static void start_in_the_past(struct restorer_args *args, const struct restorer_timer *t,
			      int64_t extra)
{
	const int64_t back = nanoseconds(t->it_interval) * ((int64_t)t->overrun + 1);
	struct __kernel_itimerspec spec = {
		.it_interval = { t->it_interval[0], t->it_interval[1] },
	};
	struct __kernel_timespec now;
	int64_t start;

	restorer_must(args, RESTORER_STEP_TIMER, pie_call(clock_gettime, t->clock, &now), t->id);
	start = now.tv_sec * NSEC_PER_SEC + now.tv_nsec + nanoseconds(t->it_value) + extra - back;
	spec.it_value.tv_sec = start / NSEC_PER_SEC;
	spec.it_value.tv_nsec = start % NSEC_PER_SEC;
	restorer_must(args, RESTORER_STEP_TIMER,
		      pie_call(timer_settime, t->id, TIMER_ABSTIME, &spec, 0), t->id);
}

/* Another's signal of the same number goes back to where it waited. */
static void put_back(const struct restorer_thread *th, const struct restorer_timer *t,
		     const siginfo_t *info)
{
	const int32_t pid = th->args->threads[0].tid;
	long r = t->notify == SIGEV_THREAD_ID ?
		pie_call(rt_tgsigqueueinfo, pid, th->tid, t->signo, info) :
		pie_call(rt_sigqueueinfo, pid, t->signo, info);

	restorer_must(th->args, RESTORER_STEP_SIGNALS, r, t->signo);
}

/*
 * Takes signals until one is that of the timer; returns what it tells, or
 * -errno. Nothing else is queued yet but what came from outside.
 */
static long take_signal(const struct restorer_thread *th, const struct restorer_timer *t)
{
	const struct __kernel_timespec limit = { .tv_sec = 1 };
	const uint64_t set = 1ULL << (t->signo - 1);
	siginfo_t info;

	for (int i = 0; i < OVERRUN_TRIES; i++) {
		long r = pie_call(rt_sigtimedwait, &set, &info, &limit, sizeof(set));

		if (r < 0)
			return r;
		if (info.si_code == SI_TIMER && info.si_tid == t->id)
			return info.si_overrun;
		put_back(th, t, &info);
	}
	return -EBUSY;
}

/* If less is left than this takes, one expiration more is counted: a little more is left. */
static void repeat_overrun(struct restorer_thread *th, struct restorer_timer *t)
{
	for (int i = 0; i < OVERRUN_TRIES; i++) {
		long count;

		start_in_the_past(th->args, t, i * OVERRUN_STEP_NS);
		count = restorer_must(th->args, RESTORER_STEP_TIMER, take_signal(th, t), t->id);
		if (count == t->overrun) {
			t->started = 1;
			return;
		}
	}
	restorer_fail(th->args, RESTORER_STEP_TIMER, -EBUSY, t->id);
}

void restorer_overruns(struct restorer_thread *th)
{
	struct restorer_args *args = th->args;

	for (uint64_t i = 0; i < args->n_timers; i++) {
		struct restorer_timer *t = &args->timers[i];
		int32_t receiver = t->notify == SIGEV_THREAD_ID ? t->tid : args->threads[0].tid;

		if (t->overrun && receiver == th->tid)
			repeat_overrun(th, t);
	}
}

void restorer_timers(struct restorer_args *args)
{
	set_itimers(args);
	for (uint64_t i = 0; i < args->n_timers; i++)
		if (!args->timers[i].started)
			start_timer(args, &args->timers[i]);
}
