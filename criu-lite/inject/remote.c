// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls in a stopped thread: the order of steps.
 *
 * The dumper may be killed between any two of them, so that each step must
 * leave the thread in a state from which it goes on as if nothing had been:
 *
 *	 registers		signals	  stopped in	if the dumper dies now
 *	 its own		its own	  get_signal	nothing ever happened
 *	1 parked at the pad	its own	  get_signal	the kernel applies its restart rules,
 *							the pad jumps to the frame
 *	2 parked at the pad	blocked	  get_signal	the pad unblocks, applies the rules
 *	3 at the call		blocked	  any stop	the call is made, then as 2
 *	4 parked at the pad	blocked	  get_signal	as 2
 *	5 parked at the pad	its own	  get_signal	as 1
 *	6 its own		its own	  get_signal	nothing ever happened
 *
 * "get_signal" is the place in the kernel where PTRACE_INTERRUPT stops a
 * thread. Restart codes in rax mean something only to what follows there:
 * were the thread's registers put back at the exit of a system call, it might
 * go straight to user space with -ERESTARTSYS in rax.
 *
 * A stop at a system call makes the kernel send the stop's number as a signal
 * when the tracer dies right then. PTRACE_O_TRACESYSGOOD makes that number
 * 0x85, which is no signal, and so nothing is sent. (Without it: SIGTRAP.)
 */
#include "inject/remote.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "inject/pad.h"
#include "inject/stop.h"
#include "inject/tracee.h"
#include "util/log.h"

static const uint64_t all_signals = ~0ULL;

int remote_begin(struct tracee *t, struct pad *pad)
{
	struct user_regs_struct parked = t->regs;
	int r;

	arch_pad_set_thread(pad->image, t, pad->breaking);
	r = pad_update(pad);
	if (r < 0)
		return r;
	arch_regs_park(&parked, pad->addr);
	r = stop_set_regs(t, &parked);
	if (r < 0)
		return r;
	r = stop_set_mask(t, all_signals);
	if (r < 0)
		remote_end(t, pad);
	return r;
}

int remote_call_at(struct tracee *t, struct pad *pad, enum arch_pad_entry entry, long nr,
		   const uint64_t args[6], long *result, pid_t *child)
{
	struct user_regs_struct regs = t->regs;
	int r;

	arch_regs_call(&regs, pad->addr, entry, nr, args);
	r = stop_set_regs(t, &regs);
	/* Once on its way in, once on its way out. */
	for (int i = 0; r >= 0 && i < 2; i++)
		r = stop_run_to(t, STOP_RUN_SYSCALL, STOP_SYSCALL, child);
	if (r >= 0)
		r = stop_get_regs(t, &regs);
	if (r < 0)
		return r;
	*result = arch_regs_result(&regs);
	return 0;
}

int remote_call(struct tracee *t, struct pad *pad, long nr, const uint64_t args[6], long *result)
{
	return remote_call_at(t, pad, ARCH_PAD_RUN, nr, args, result, NULL);
}

int remote_end(struct tracee *t, struct pad *pad)
{
	struct user_regs_struct parked = t->regs;
	int r;

	r = stop_interrupt(t);
	if (r < 0)
		return r;
	arch_regs_park(&parked, pad->addr);
	r = stop_set_regs(t, &parked);
	if (r < 0)
		return r;
	r = stop_set_mask(t, t->sigmask);
	if (r < 0)
		return r;
	return stop_set_regs(t, &t->regs);
}

int remote_syscall(struct tracee *t, struct pad *pad, long nr, const uint64_t args[6],
		   long *result)
{
	int r, back;

	r = remote_begin(t, pad);
	if (r < 0)
		return r;
	r = remote_call(t, pad, nr, args, result);
	back = remote_end(t, pad);
	return r < 0 ? r : back;
}
