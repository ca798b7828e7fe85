/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ptrace stops: running a traced thread to its next one, and what can be set
 * in one. The inner side of tracee.h and remote.h.
 */
#ifndef CRIU_LITE_INJECT_STOP_H
#define CRIU_LITE_INJECT_STOP_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct tracee;

enum stop_kind {
	STOP_INTERRUPT,			/* PTRACE_INTERRUPT, or its task is stopped (^Z) */
	STOP_SYSCALL,			/* on its way into a system call, or out of it */
	STOP_CLONE,			/* PTRACE_EVENT_CLONE */
	STOP_SIGNAL,			/* about to get a signal */
};

enum stop_run {
	STOP_RUN_CONT,			/* PTRACE_CONT */
	STOP_RUN_SYSCALL,		/* PTRACE_SYSCALL */
};

/*
 * All return 0 or -errno. -ESRCH, which is not logged: the thread ended or is
 * ending (TRACEE_GONE).
 */

/*
 * Waits for a stop of kind @want; what else comes is passed by: a signal is
 * delivered, another stop is left. The child of a STOP_CLONE that is left goes
 * into *@child, when not NULL. 10 s, then -ETIMEDOUT.
 */
int stop_wait(struct tracee *t, enum stop_run how, enum stop_kind want, pid_t *child);
/* Lets the stopped thread run, and waits as above. */
int stop_run_to(struct tracee *t, enum stop_run how, enum stop_kind want, pid_t *child);
/* From any stop, or running, to a STOP_INTERRUPT. */
int stop_interrupt(struct tracee *t);
/* In a STOP_SIGNAL: delivers @sig in its place, and on to the STOP_INTERRUPT behind it. */
int stop_deliver(struct tracee *t, int sig);
/* Lets it run, without waiting. */
int stop_resume(struct tracee *t, enum stop_run how);
/* Looks whether a running thread has stopped or ended: lets it run on. */
int stop_pass_by(struct tracee *t);

/*
 * A thread that is ending: waits for the end, half a second at most, so that
 * its parent hears of it.
 */
void stop_collect(struct tracee *t);

int stop_get_regs(struct tracee *t, struct user_regs_struct *regs);
int stop_set_regs(struct tracee *t, const struct user_regs_struct *regs);
int stop_get_mask(struct tracee *t, uint64_t *mask);
int stop_set_mask(struct tracee *t, uint64_t mask);
int stop_set_options(struct tracee *t, unsigned long options);

#endif
