// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers and signal frames.
 *
 * A system call that the stop interrupted has not returned: its result is one
 * of the kernel's own codes, which say how it would go on. The image holds the
 * registers with that decision made, as the kernel would make it with the
 * signal that comes next. One that just starts over goes back to
 * its instruction with its number in ax. One that would go on
 * with what was left of its time, which only the kernel of before knows,
 * returns EINTR, as if a signal handler had run; unless starting over does no
 * harm: the time is a point in time, or none, or the kernel has already
 * written the rest of it where the call will read it.
 *
 * The frame is the kernel's struct rt_sigframe from uc on; siginfo, which
 * rt_sigreturn does not read, is left out:
 *
 *	room  | xsave area, 64-aligned | magic |  ...  | uc: registers, mask, sas |
 *						       ^ rsp
 */
#include "inject/arch/x86_64/sigframe.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/time.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "inject/arch.h"
#include "inject/arch/x86_64/xstate.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/macro.h"

/* The segments of 64-bit user code. */
#define USER_CS 0x33
#define USER_DS 0x2b

#define SYSCALL_INSN_LEN 2

/* The kernel's struct ucontext with its struct sigcontext (asm/sigcontext.h). */
struct frame {
	uint64_t flags, link;
	uint64_t sas_sp;
	int32_t sas_flags, sas_pad;
	uint64_t sas_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
	uint64_t mask;
};

_Static_assert(sizeof(struct frame) == 40 + 256 + 8, "struct ucontext of x86_64");
_Static_assert(sizeof(struct frame) + XSTATE_ROOM + 64 + 16 <= SIGFRAME_ROOM, "room");

/* asm/ucontext.h */
#define FRAME_FP_XSTATE 1
#define FRAME_SIGCONTEXT_SS 2
#define FRAME_STRICT_RESTORE_SS 4

/*
 * Calls of the kind that goes on with the rest of its time, whose arguments
 * say that starting over is the same.
 */
static bool starts_over(const struct user_regs_struct *regs)
{
	switch (regs->orig_rax) {
	case SYS_poll:
		return (int)regs->rdx < 0;
	case SYS_nanosleep:
		return regs->rdi == regs->rsi;
	case SYS_clock_nanosleep:
		return regs->rsi & TIMER_ABSTIME || regs->rdx == regs->r10;
	case SYS_futex:
		/* FUTEX_WAIT has a length of time, this one a point in time. */
		return (regs->rsi & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
	}
	return false;
}

/* Whether the interrupted call with that result is made once more. */
static bool restarts(const struct user_regs_struct *regs, enum sigframe_signal next)
{
	switch (-(long)regs->rax) {
	case ERESTARTNOINTR:
		return true;
	case ERESTARTSYS:
		return next != SIGFRAME_SIGNAL_HANDLED;
	case ERESTARTNOHAND:
		return next == SIGFRAME_SIGNAL_NONE;
	}
	return next == SIGFRAME_SIGNAL_NONE && starts_over(regs);
}

static bool is_interrupted(const struct user_regs_struct *regs)
{
	if ((long)regs->orig_rax < 0)
		return false;
	switch (-(long)regs->rax) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		return true;
	}
	return false;
}

static void finish_syscall(struct user_regs_struct *regs, enum sigframe_signal next)
{
	if (!is_interrupted(regs))
		return;
	if (restarts(regs, next)) {
		regs->rax = regs->orig_rax;
		regs->rip -= SYSCALL_INSN_LEN;
	} else {
		regs->rax = -EINTR;
	}
}

static UserX86RegsEntry *regs_message(struct arena *arena, const struct user_regs_struct *r)
{
	UserX86RegsEntry *e = arena_message(arena, UserX86RegsEntry, user_x86_regs_entry__init);

	e->r15 = r->r15;
	e->r14 = r->r14;
	e->r13 = r->r13;
	e->r12 = r->r12;
	e->bp = r->rbp;
	e->bx = r->rbx;
	e->r11 = r->r11;
	e->r10 = r->r10;
	e->r9 = r->r9;
	e->r8 = r->r8;
	e->ax = r->rax;
	e->cx = r->rcx;
	e->dx = r->rdx;
	e->si = r->rsi;
	e->di = r->rdi;
	e->orig_ax = r->orig_rax;
	e->ip = r->rip;
	e->cs = r->cs;
	e->flags = r->eflags;
	e->sp = r->rsp;
	e->ss = r->ss;
	e->fs_base = r->fs_base;
	e->gs_base = r->gs_base;
	e->ds = r->ds;
	e->es = r->es;
	e->fs = r->fs;
	e->gs = r->gs;
	e->has_mode = true;
	e->mode = USER_X86_REGS_MODE__NATIVE;
	return e;
}

/* 64-bit programs have no use for these slots: they are given as empty. */
static void add_tls(struct arena *arena, ThreadInfoX86 *info)
{
	info->n_tls = 3;
	info->tls = arena_new_array(arena, UserDescT *, info->n_tls);
	for (size_t i = 0; i < info->n_tls; i++) {
		UserDescT *desc = arena_message(arena, UserDescT, user_desc_t__init);

		desc->entry_number = 12 + i;
		desc->read_exec_only = true;
		desc->seg_not_present = true;
		info->tls[i] = desc;
	}
}

static int check_segments(const char *what, int tid, uint64_t cs, uint64_t ss, uint64_t others)
{
	if (cs != USER_CS || ss != USER_DS)
		return log_errno(-ENOTSUP, "%s%d: runs 32-bit code, or in segments of its own: "
				 "not covered", what, tid);
	if (others)
		return log_errno(-ENOTSUP, "%s%d: has loaded a data segment register: not covered",
				 what, tid);
	return 0;
}

int sigframe_dump(struct arena *arena, const struct xstate_layout *layout, int tid,
		  const struct user_regs_struct *regs, enum sigframe_signal next,
		  const void *xstate, size_t xstate_len, CoreEntry *core)
{
	ThreadInfoX86 *info = arena_message(arena, ThreadInfoX86, thread_info_x86__init);
	struct user_regs_struct r = *regs;
	int ret;

	ret = check_segments("thread ", tid, r.cs, r.ss, r.ds | r.es | r.fs | r.gs);
	if (ret < 0)
		return ret;
	finish_syscall(&r, next);
	info->gpregs = regs_message(arena, &r);
	add_tls(arena, info);
	core->mtype = CORE_ENTRY__MARCH__X86_64;
	core->thread_info = info;
	return xstate_read(arena, layout, tid, xstate, xstate_len, &info->fpregs);
}

int sigframe_check(const struct xstate_layout *layout, int tid, const CoreEntry *core)
{
	const ThreadInfoX86 *info = core->thread_info;
	const UserX86RegsEntry *r = info->gpregs;
	int ret;

	if (r->has_mode && r->mode != USER_X86_REGS_MODE__NATIVE)
		return log_errno(-ENOTSUP, "core-%d: a 32-bit thread: not covered", tid);
	ret = check_segments("core-", tid, r->cs, r->ss, r->ds | r->es | r->fs | r->gs);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < info->n_tls; i++)
		if (!info->tls[i]->seg_not_present)
			return log_errno(-ENOTSUP, "core-%d: GDT entry %u is in use: not covered",
					 tid, info->tls[i]->entry_number);
	return xstate_check(layout, tid, info->fpregs);
}

static void fill_registers(struct frame *f, const UserX86RegsEntry *r)
{
	f->r8 = r->r8;
	f->r9 = r->r9;
	f->r10 = r->r10;
	f->r11 = r->r11;
	f->r12 = r->r12;
	f->r13 = r->r13;
	f->r14 = r->r14;
	f->r15 = r->r15;
	f->di = r->di;
	f->si = r->si;
	f->bp = r->bp;
	f->bx = r->bx;
	f->dx = r->dx;
	f->ax = r->ax;
	f->cx = r->cx;
	f->sp = r->sp;
	f->ip = r->ip;
	f->eflags = r->flags;
	f->cs = r->cs;
	f->ss = r->ss;
}

uint64_t sigframe_build(const struct xstate_layout *layout, const CoreEntry *core, uint64_t mask,
			const stack_t *sas, void *room)
{
	uintptr_t area = ALIGN_UP((uintptr_t)room, 64);
	size_t len = xstate_write(layout, core->thread_info->fpregs, (void *)area);
	/* The kernel looks at the eight bytes before it too: a return address. */
	struct frame *f = (void *)ALIGN_UP(area + len + 8, 16);

	f->flags = FRAME_SIGCONTEXT_SS | FRAME_STRICT_RESTORE_SS;
	if (len > XSTATE_LEGACY_SIZE)
		f->flags |= FRAME_FP_XSTATE;
	f->sas_sp = (uintptr_t)sas->ss_sp;
	f->sas_flags = sas->ss_flags;
	f->sas_size = sas->ss_size;
	fill_registers(f, core->thread_info->gpregs);
	f->fpstate = area;
	f->mask = mask;
	return (uintptr_t)f;
}
