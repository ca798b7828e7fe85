/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the restorer. What fails never returns: there is nothing to go
 * back to once the old memory is gone.
 */
#ifndef CRIU_LITE_PIE_RESTORER_H
#define CRIU_LITE_PIE_RESTORER_H

#include "inject/abi/restorer.h"

/* Says what failed, unless another task or thread did so before, and ends the task. */
__attribute__((noreturn))
void restorer_fail(struct restorer_args *args, enum restorer_step step, long err, uint64_t arg);

/* Passes @result on, a system call's, unless that is an error. */
static inline long restorer_must(struct restorer_args *args, enum restorer_step step, long result,
				 uint64_t arg)
{
	if (result < 0 && result > -4096)
		restorer_fail(args, step, result, arg);
	return result;
}

/* Replaces the address space, all but the area. */
void restorer_memory(struct restorer_args *args);

/* Makes all threads but the leader; each runs @main. */
void restorer_start_threads(struct restorer_args *args, void (*main)(struct restorer_thread *));
/* What belongs to the calling thread, as long as it has all privileges. */
void restorer_thread_state(struct restorer_thread *th);
/* Leaves through the signal frame. */
__attribute__((noreturn))
void restorer_sigreturn(const struct restorer_thread *th);

/* Makes the POSIX timers. By the leader, when all threads exist and none has gone on. */
void restorer_make_timers(struct restorer_args *args);
/* Starts those that send signals to this thread and have missed some; before any is queued. */
void restorer_overruns(struct restorer_thread *th);
/* Signals queued to the process, all other timers. By the leader. */
void restorer_signals(struct restorer_args *args);
void restorer_timers(struct restorer_args *args);

/* Of the calling thread: the last of its state, for it gives up what all else needs. */
void restorer_creds(struct restorer_thread *th);
/*
 * The rest of them, which restorer_creds() leaves out in a task under seccomp:
 * filters can't be installed without.
 */
void restorer_creds_end(struct restorer_thread *th);
/* The filters of the calling thread; does nothing in a task without any. */
void restorer_seccomp(struct restorer_thread *th);
/* Of the process: when no thread changes its credentials any more but the leader. */
void restorer_dumpable_by_change(struct restorer_args *args);
void restorer_dumpable(struct restorer_args *args);

#endif
