/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls in a stopped thread.
 *
 * The thread leaves its frame for the pad (inject/pad.h), makes the calls and
 * is put back. It is away between remote_begin() and remote_end(); in between
 * nothing else may be done to it. If the dumper dies while it is away, the pad
 * brings it back by itself. Signals are blocked meanwhile and wait.
 *
 * One thread of an address space is away at a time: the pad has one save area.
 *
 * Calls that would lose what the thread was doing are not allowed: sleeping
 * ones with a timeout (the restart block of an interrupted sleep), rt_sigreturn,
 * exit, and all that change signal masks.
 */
#ifndef CRIU_LITE_INJECT_REMOTE_H
#define CRIU_LITE_INJECT_REMOTE_H

#include <stdint.h>
#include <sys/types.h>

#include "inject/arch.h"

struct pad;
struct tracee;

/* All return 0 or -errno, logged. -ESRCH: the thread was killed meanwhile (not logged). */

int remote_begin(struct tracee *t, struct pad *pad);
/* *@result is what the kernel returned: a value, or -errno. */
int remote_call(struct tracee *t, struct pad *pad, long nr, const uint64_t args[6], long *result);
/*
 * From another entry of the pad (inject/arch.h). *@child, when not NULL: the
 * thread that the call made, as we see it; PTRACE_O_TRACECLONE must be set.
 */
int remote_call_at(struct tracee *t, struct pad *pad, enum arch_pad_entry entry, long nr,
		   const uint64_t args[6], long *result, pid_t *child);
/* The thread stands again where it stood, with t->regs and t->sigmask. */
int remote_end(struct tracee *t, struct pad *pad);

/* Begin, one call, end. */
int remote_syscall(struct tracee *t, struct pad *pad, long nr, const uint64_t args[6],
		   long *result);

#endif
