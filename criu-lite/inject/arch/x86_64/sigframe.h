/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine state of an x86_64 thread: from ptrace into an image, and from
 * there into a signal frame, from which rt_sigreturn(2) loads it in one go.
 */
#ifndef CRIU_LITE_INJECT_ARCH_X86_64_SIGFRAME_H
#define CRIU_LITE_INJECT_ARCH_X86_64_SIGFRAME_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

#include "images/core.pb-c.h"

struct arena;
struct xstate_layout;			/* inject/arch/x86_64/xstate.h */

/* What sigframe_build() needs, whatever the alignment. */
#define SIGFRAME_ROOM 4096

/* What the thread finds first when it goes on: it decides how a system call ends. */
enum sigframe_signal {
	SIGFRAME_SIGNAL_NONE,		/* none, or one without a handler */
	SIGFRAME_SIGNAL_HANDLED,	/* one whose handler runs */
	SIGFRAME_SIGNAL_RESTARTING,	/* the same, with SA_RESTART */
};

/*
 * Fills core->thread_info: the registers at which the thread has to go on
 * (system calls restart as spec/images.md, section 4.6 says), its extended
 * state @xstate of @xstate_len bytes, and no TLS slots in the GDT.
 * clear_tid_addr is the caller's. Returns 0 or -ENOTSUP, logged with @tid.
 */
int sigframe_dump(struct arena *arena, const struct xstate_layout *layout, int tid,
		  const struct user_regs_struct *regs, enum sigframe_signal next,
		  const void *xstate, size_t xstate_len, CoreEntry *core);

/*
 * Whether this host can continue the thread. Returns 0, -EINVAL (damaged) or
 * -ENOTSUP (of another kind of program or processor); logged with @tid.
 */
int sigframe_check(const struct xstate_layout *layout, int tid, const CoreEntry *core);

/*
 * Builds the frame at @room (SIGFRAME_ROOM zeroed bytes, at their final
 * address). @mask: the signals that are blocked afterwards. @sas: the
 * alternate signal stack, which the frame brings along. Returns the address that rsp
 * must have for rt_sigreturn. sigframe_check() agreed before.
 */
uint64_t sigframe_build(const struct xstate_layout *layout, const CoreEntry *core, uint64_t mask,
			const stack_t *sas, void *room);

#endif
