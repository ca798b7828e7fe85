// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queued signals of POSIX timers.
 *
 * The kernel keeps one signal for each timer. While that is queued the timer
 * sends no other: it counts what it missed, and goes on when the signal is
 * taken. A signal queued from outside is only a copy, beside which the timer
 * would send its own: one more after each restore. So it is left to the timer,
 * which is started such that it fires at once (pie/restorer_timer.c).
 *
 * Images may hold copies. The first of a timer's counts as its own.
 */
#include "kinds/task/timer-signal.h"

#include <signal.h>

static const siginfo_t *info_at(const SignalQueueEntry *queue, size_t i)
{
	return (const void *)queue->signals[i]->siginfo.data;
}

/* The thread that the timer signals; 0: any of the process. */
static int target(const PosixTimerEntry *timer, const struct task *t)
{
	if (timer->it_sigev_notify != SIGEV_THREAD_ID)
		return 0;
	return timer->has_notify_thread_id ? timer->notify_thread_id : t->pid;
}

static bool sent_by(const siginfo_t *info, const PosixTimerEntry *timer)
{
	return info->si_code == SI_TIMER && info->si_timerid == (int)timer->it_id &&
	       info->si_signo == (int)timer->si_signo &&
	       (uintptr_t)info->si_ptr == timer->sival_ptr &&
	       timer->it_sigev_notify != SIGEV_NONE;
}

static const PosixTimerEntry *find_timer(const struct task *t, const siginfo_t *info, int tid)
{
	const TaskTimersEntry *timers = task_core(t)->tc->timers;

	for (size_t i = 0; timers && i < timers->n_posix; i++)
		if (sent_by(info, timers->posix[i]) && target(timers->posix[i], t) == tid)
			return timers->posix[i];
	return NULL;
}

const PosixTimerEntry *timer_signal_sender(const struct task *t, const SignalQueueEntry *queue,
					   size_t i, int tid)
{
	const PosixTimerEntry *timer = find_timer(t, info_at(queue, i), tid);

	for (size_t j = 0; timer && j < i; j++)
		if (sent_by(info_at(queue, j), timer))
			return NULL;
	return timer;
}

static bool holds(const SignalQueueEntry *queue, const PosixTimerEntry *timer)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++)
		if (sent_by(info_at(queue, i), timer))
			return true;
	return false;
}

bool timer_signal_queued(const struct task *t, const PosixTimerEntry *timer)
{
	int tid = target(timer, t);

	if (!tid)
		return holds(task_core(t)->tc->signals_s, timer);
	for (size_t i = 0; i < t->n_threads; i++)
		if (t->threads[i].tid == tid)
			return holds(t->threads[i].core->thread_core->signals_p, timer);
	return false;
}
