/* SPDX-License-Identifier: GPL-2.0-only */
/* What signals.c and timers.c share: which queued signals are those of timers. */
#ifndef CRIU_LITE_KINDS_TASK_TIMER_SIGNAL_H
#define CRIU_LITE_KINDS_TASK_TIMER_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/task.h"

/*
 * The timer of @t that sent signal @i of @queue and will send it again; NULL:
 * it is not a timer's. @tid: whose queue it is; 0: that of the process.
 */
const PosixTimerEntry *timer_signal_sender(const struct task *t, const SignalQueueEntry *queue,
					   size_t i, int tid);
/* Whether the signal of @timer is queued. */
bool timer_signal_queued(const struct task *t, const PosixTimerEntry *timer);

#endif
