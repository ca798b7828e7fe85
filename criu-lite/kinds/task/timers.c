// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers of a process: the three of setitimer(2) and those of timer_create(2).
 *
 * Saved is the time that is left, which runs on when the task does: timers
 * stand still with it. POSIX timers come back with their kernel ids, since the
 * C library knows them by these.
 *
 * An interval with no time left is a timer whose signal has just been sent; it
 * starts over with a whole interval. A POSIX timer whose signal is queued sends
 * it again (kinds/task/timer-signal.c).
 *
 * Nowhere is it to be read whether a timer was set to a point in time: one that
 * was, on CLOCK_REALTIME, waits for what was left too, and so for a later time of
 * day. (Timers behind descriptors do better: kinds/fd/timerfd.c.)
 *
 * The count of missed expirations that timer_getoverrun() tells belongs to the last
 * signal that was taken. It can't be set, but made again: the timer is started as
 * many intervals ago, and its signal taken (pie/restorer_timer.c). That needs a
 * clock that was running then: not one of CPU time, which begins with the task.
 * What a signal that is queued yet would tell of before the dump is lost: a
 * warning.
 *
 * Refused are timers on "my thread's clock", unless there is only one thread, on
 * clocks of processes outside of the tree or of devices; and those that signal a
 * thread which has ended.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "kinds/task/timer-signal.h"
#include "sys/proc_timers.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/macro.h"

#define USEC_PER_SEC 1000000u
#define NSEC_PER_SEC 1000000000u
/* Below, no signal is taken fast enough for a count that is exact; ns. */
#define OVERRUN_INTERVAL_MIN 100000

/* Clocks that are the same whoever asks. */
static const int clock_table[] = {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM,
	CLOCK_BOOTTIME_ALARM, CLOCK_TAI,
};

/*
 * Clocks of CPU time have negative ids, and so have those of devices:
 *
 *	~pid, 0 for one's own | of a thread: 1 bit | which: 2 bits, 3 of a device
 */
#define CPU_CLOCK_WHICH 3
#define CPU_CLOCK_THREAD 4
#define CPU_CLOCK_PID(clock) (~((clock) >> 3))

static bool has_thread(const struct task *t, int tid)
{
	for (size_t i = 0; i < t->n_threads; i++)
		if (t->threads[i].tid == tid)
			return true;
	return false;
}

/* "One's own" is that of the thread which made the timer: known if there is but one. */
static bool cpu_clock_covered(const struct task_list *tree, const struct task *t, int clock)
{
	int pid = CPU_CLOCK_PID(clock);

	if ((clock & CPU_CLOCK_WHICH) == CPU_CLOCK_WHICH)
		return false;
	if (clock & CPU_CLOCK_THREAD)
		return pid ? has_thread(t, pid) : t->n_threads == 1;
	return !pid || pid == t->pid || task_find(tree, pid);
}

/* Of these any time may lie in the past. */
static bool clock_is_everybodys(int clock)
{
	for (size_t i = 0; i < ARRAY_SIZE(clock_table); i++)
		if (clock_table[i] == clock)
			return true;
	return false;
}

static bool clock_covered(const struct task_list *tree, const struct task *t, int clock)
{
	if (clock < 0)
		return cpu_clock_covered(tree, t, clock);
	if (clock == CLOCK_PROCESS_CPUTIME_ID)
		return true;
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return t->n_threads == 1;
	return clock_is_everybodys(clock);
}

static ItimerEntry *dump_itimer(struct dump *d, const struct parasite_itimer *from)
{
	ItimerEntry *to = arena_message(d->arena, ItimerEntry, itimer_entry__init);

	to->isec = from->interval_sec;
	to->iusec = from->interval_usec;
	to->vsec = from->value_sec;
	to->vusec = from->value_usec;
	return to;
}

static int check_covered(const struct dump *d, const struct task *t,
			 const struct proc_timer *timer)
{
	if (!clock_covered(&d->tasks, t, timer->clock))
		return log_errno(-ENOTSUP, "pid %d: timer %d: its clock %d is not covered", t->pid,
				 timer->id, timer->clock);
	if (timer->notify & SIGEV_THREAD_ID && !has_thread(t, timer->target))
		return log_errno(-ENOTSUP, "pid %d: timer %d signals thread %d, which has ended: "
				 "not covered", t->pid, timer->id, timer->target);
	return 0;
}

static PosixTimerEntry *dump_posix(struct dump *d, const struct task *t,
				   const struct proc_timer *timer,
				   const struct parasite_timer *left)
{
	PosixTimerEntry *entry = arena_message(d->arena, PosixTimerEntry,
					       posix_timer_entry__init);

	entry->it_id = timer->id;
	entry->clock_id = timer->clock;
	entry->si_signo = timer->signo;
	entry->it_sigev_notify = timer->notify;
	entry->sival_ptr = timer->value;
	entry->overrun = left->overrun;
	entry->isec = left->interval_sec;
	entry->insec = left->interval_nsec;
	entry->vsec = left->value_sec;
	entry->vnsec = left->value_nsec;
	if (timer->notify & SIGEV_THREAD_ID) {
		entry->has_notify_thread_id = true;
		entry->notify_thread_id = timer->target;
	}
	if (left->overrun && !clock_is_everybodys(timer->clock))
		log_warn("pid %d: timer %d: its overrun count %d will be 0 after a restore",
			 t->pid, timer->id, left->overrun);
	if ((entry->isec || entry->insec) && timer_signal_queued(t, entry))
		log_warn("pid %d: timer %d: its signal is queued: the expirations it has missed "
			 "since are not counted after a restore", t->pid, timer->id);
	return entry;
}

static int dump_all_posix(struct dump *d, const struct task *t, TaskTimersEntry *timers)
{
	size_t n = t->dump->n_timers;
	struct parasite_timer *left = arena_new_array(d->arena, struct parasite_timer, n);
	int32_t *ids = arena_new_array(d->arena, int32_t, n);
	int r;

	for (size_t i = 0; i < n; i++) {
		r = check_covered(d, t, &t->dump->timers[i]);
		if (r < 0)
			return r;
		ids[i] = t->dump->timers[i].id;
	}
	r = n ? parasite_timers(t->dump->parasite, ids, n, left) : 0;
	if (r < 0)
		return r;
	timers->posix = arena_new_array(d->arena, PosixTimerEntry *, n);
	timers->n_posix = n;
	for (size_t i = 0; i < n; i++)
		timers->posix[i] = dump_posix(d, t, &t->dump->timers[i], &left[i]);
	return 0;
}

static int timers_dump_task(struct dump *d, struct task *t)
{
	TaskTimersEntry *timers;
	const struct parasite_itimer *itimers;

	if (!task_is_live(t))
		return 0;
	itimers = t->dump->misc->itimers;
	timers = arena_message(d->arena, TaskTimersEntry, task_timers_entry__init);
	timers->real = dump_itimer(d, &itimers[0]);
	timers->virt = dump_itimer(d, &itimers[1]);
	timers->prof = dump_itimer(d, &itimers[2]);
	task_core(t)->tc->timers = timers;
	return dump_all_posix(d, t, timers);
}

static int check_itimer(int pid, const char *name, const ItimerEntry *timer)
{
	if (timer->isec <= INT64_MAX && timer->iusec < USEC_PER_SEC &&
	    timer->vsec <= INT64_MAX && timer->vusec < USEC_PER_SEC)
		return 0;
	return log_errno(-EINVAL, "core-%d: %s: no valid time: %lu s %lu us, %lu s %lu us", pid,
			 name, (unsigned long)timer->isec, (unsigned long)timer->iusec,
			 (unsigned long)timer->vsec, (unsigned long)timer->vusec);
}

static int check_notify(const struct task *t, const PosixTimerEntry *timer)
{
	if (timer->it_sigev_notify > SIGEV_THREAD && timer->it_sigev_notify != SIGEV_THREAD_ID)
		return log_errno(-EINVAL, "core-%d: timer %u: unknown notification %u", t->pid,
				 timer->it_id, timer->it_sigev_notify);
	if (timer->it_sigev_notify != SIGEV_NONE && (timer->si_signo < 1 || timer->si_signo > 64))
		return log_errno(-EINVAL, "core-%d: timer %u: signal %u", t->pid, timer->it_id,
				 timer->si_signo);
	if (timer->it_sigev_notify == SIGEV_THREAD_ID && timer->has_notify_thread_id &&
	    !has_thread(t, timer->notify_thread_id))
		return log_errno(-EINVAL, "core-%d: timer %u: there is no thread %d", t->pid,
				 timer->it_id, timer->notify_thread_id);
	return 0;
}

static int check_posix(const struct restore *r, const struct task *t,
		       const PosixTimerEntry *timer)
{
	if (timer->it_id > INT_MAX)
		return log_errno(-EINVAL, "core-%d: timer %u: no valid id", t->pid, timer->it_id);
	if (timer->overrun > INT_MAX)
		return log_errno(-EINVAL, "core-%d: timer %u: overrun count %u", t->pid,
				 timer->it_id, timer->overrun);
	if (!clock_covered(&r->tasks, t, (int32_t)timer->clock_id))
		return log_errno(-ENOTSUP, "core-%d: timer %u: its clock %d is not covered", t->pid,
				 timer->it_id, (int32_t)timer->clock_id);
	if (timer->isec > INT64_MAX || timer->insec >= NSEC_PER_SEC ||
	    timer->vsec > INT64_MAX || timer->vnsec >= NSEC_PER_SEC)
		return log_errno(-EINVAL, "core-%d: timer %u: no valid time: %lu s %lu ns, %lu s "
				 "%lu ns", t->pid, timer->it_id, (unsigned long)timer->isec,
				 (unsigned long)timer->insec, (unsigned long)timer->vsec,
				 (unsigned long)timer->vnsec);
	return check_notify(t, timer);
}

static int compare_ids(const void *a, const void *b)
{
	const PosixTimerEntry *x = *(PosixTimerEntry *const *)a, *y = *(PosixTimerEntry *const *)b;

	return x->it_id < y->it_id ? -1 : x->it_id > y->it_id;
}

/* Sorts them: without PR_TIMER_CREATE_RESTORE_IDS a kernel only counts upwards. */
static int check_all_posix(const struct restore *r, const struct task *t,
			   const TaskTimersEntry *timers)
{
	int ret;

	if (timers->n_posix)
		qsort(timers->posix, timers->n_posix, sizeof(*timers->posix), compare_ids);
	for (size_t i = 0; i < timers->n_posix; i++) {
		ret = check_posix(r, t, timers->posix[i]);
		if (ret < 0)
			return ret;
		if (i && timers->posix[i]->it_id == timers->posix[i - 1]->it_id)
			return log_errno(-EINVAL, "core-%d: timer %u is there twice", t->pid,
					 timers->posix[i]->it_id);
	}
	return 0;
}

static int timers_check(struct restore *r, struct task *t)
{
	const TaskTimersEntry *timers = task_core(t)->tc->timers;
	int ret;

	if (!timers)
		return log_errno(-EINVAL, "core-%d: no timers", t->pid);
	ret = check_itimer(t->pid, "ITIMER_REAL", timers->real);
	if (ret >= 0)
		ret = check_itimer(t->pid, "ITIMER_VIRTUAL", timers->virt);
	if (ret >= 0)
		ret = check_itimer(t->pid, "ITIMER_PROF", timers->prof);
	return ret < 0 ? ret : check_all_posix(r, t, timers);
}

/* {interval, interval, value, value}: without time left, a whole interval. */
static void start_over(uint64_t interval[2], uint64_t value[2])
{
	if (value[0] || value[1])
		return;
	value[0] = interval[0];
	value[1] = interval[1];
}

static void plan_itimer(const ItimerEntry *from, uint64_t to[4])
{
	to[0] = from->isec;
	to[1] = from->iusec;
	to[2] = from->vsec;
	to[3] = from->vusec;
	start_over(&to[0], &to[2]);
}

/*
 * Whether the timer can be started so long ago that it has missed as many
 * expirations. The clock that it is asked of is the task's: we are in it.
 */
static bool may_overrun(const struct task *t, const PosixTimerEntry *from)
{
	const __int128 interval = (__int128)from->isec * NSEC_PER_SEC + from->insec;
	const __int128 left = (__int128)from->vsec * NSEC_PER_SEC + from->vnsec;
	struct timespec now;
	__int128 start;

	if (!from->overrun || !interval || from->it_sigev_notify == SIGEV_NONE ||
	    !clock_is_everybodys(from->clock_id) || timer_signal_queued(t, from))
		return false;
	if (left <= interval && interval >= OVERRUN_INTERVAL_MIN &&
	    clock_gettime(from->clock_id, &now) == 0) {
		start = (__int128)now.tv_sec * NSEC_PER_SEC + now.tv_nsec + left -
			interval * ((__int128)from->overrun + 1);
		if (start > 0)
			return true;
	}
	log_warn("pid %d: timer %u: its overrun count %u cannot be made again", t->pid,
		 from->it_id, from->overrun);
	return false;
}

static void plan_posix(const struct task *t, const PosixTimerEntry *from,
		       struct restorer_timer *to)
{
	to->id = from->it_id;
	to->clock = from->clock_id;
	to->notify = from->it_sigev_notify;
	to->signo = from->si_signo;
	to->value = from->sival_ptr;
	to->tid = from->has_notify_thread_id ? from->notify_thread_id : t->pid;
	to->it_interval[0] = from->isec;
	to->it_interval[1] = from->insec;
	to->it_value[0] = from->vsec;
	to->it_value[1] = from->vnsec;
	start_over(to->it_interval, to->it_value);
	to->fired = timer_signal_queued(t, from);
	to->overrun = may_overrun(t, from) ? from->overrun : 0;
}

static int timers_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	const TaskTimersEntry *timers = task_core(t)->tc->timers;

	plan_itimer(timers->real, args->itimers[0]);
	plan_itimer(timers->virt, args->itimers[1]);
	plan_itimer(timers->prof, args->itimers[2]);
	if (!timers->n_posix)
		return 0;
	args->timers = restorer_alloc(args, timers->n_posix * sizeof(*args->timers));
	if (!args->timers)
		return -ENOMEM;
	args->n_timers = timers->n_posix;
	for (size_t i = 0; i < timers->n_posix; i++)
		plan_posix(t, timers->posix[i], &args->timers[i]);
	return 0;
}

const struct task_kind task_timers_kind = {
	.name = "timers",
	.test = "task/posix-timers",
	.dump_task = timers_dump_task,
	.check = timers_check,
	.plan = timers_plan,
};
