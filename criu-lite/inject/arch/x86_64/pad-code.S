/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The code of the pad: what a thread of the task runs for us.
 *
 * The tracer sets all registers of a thread at once, to one of the entries
 * below. As long as the tracer lives it stops the thread again right behind
 * the system call. If the tracer dies, the thread simply runs on from there,
 * and what stands there brings it back to its frame. So at every instruction:
 *
 *  - no stack: rsp stays the thread's own, for a signal may come at any time
 *    and the kernel puts the handler's frame there;
 *  - no flags: nothing here changes them, so that they need no saving. The
 *    one condition is jrcxz, which looks at a register;
 *  - no FPU, no memory written: the pad is mapped read+exec for the task.
 *
 * The data stands in front of the code and holds the thread's registers.
 */
#include <asm/unistd.h>

#include "inject/arch/x86_64/pad-layout.h"

#define SIG_SETMASK 2
#define MASK_SIZE 8
#define MINUS_EINTR -4

#define DATA(field) pad_template + field(%rip)

	.macro entry name
	.globl \name
	.hidden \name
\name:
	.endm

	/* rt_sigprocmask(SIG_SETMASK, mask, old mask: rdx, 8) */
	.macro set_mask field
	mov	$__NR_rt_sigprocmask, %eax
	mov	$SIG_SETMASK, %edi
	lea	DATA(\field), %rsi
	mov	$MASK_SIZE, %r10d
	syscall
	.endm

	.section .rodata
	.balign 16
	entry pad_template
	.skip PAD_DATA_SIZE

/*
 * A thread that is about to leave its frame, or is about to be put back, is
 * parked here with its own registers but rip: at pad_break when it was in a
 * system call that the kernel restarts, else at pad_hop. The kernel then
 * treats it by its own rules: without a handler to run it subtracts the two
 * bytes of a syscall instruction from rip, which makes it pad_hop; with one,
 * the call fails with EINTR behind the instruction, which is pad_break.
 */
	entry pad_hop
	jmp	pad_recover			/* two bytes */
	entry pad_break
	mov	$1, %ebx
	jmp	unblock

/* Any system call of a thread of the task. */
	entry pad_run
	syscall
/*
 * The tracer has died: back to the frame. Signals that wait are delivered by
 * a ppoll that unblocks them for an instant, because it tells whether a
 * handler ran, and a handler makes an interrupted call fail instead of being
 * restarted. The probe mask leaves blocked what would not.
 *
 * The first call serves the parasite: see arch_pad_set_done() in arch.h.
 *
 * A signal that comes between this probe and the last jump is taken as if it
 * had come just before the interrupted call was entered.
 */
pad_recover:
	mov	DATA(PAD_DONE_ADDR), %rdx
	set_mask PAD_ALL_MASK			/* all are blocked: the old mask is not zero */
	mov	$__NR_ppoll, %eax
	mov	$0, %edi
	mov	$0, %esi
	lea	DATA(PAD_NO_TIME), %rdx
	lea	DATA(PAD_PROBE_MASK), %r10
	mov	$MASK_SIZE, %r8d
	syscall
	mov	%rax, %rbx			/* 0, or -EINTR */
unblock:
	mov	$0, %edx
	set_mask PAD_MASK
	mov	%rbx, %rcx
	mov	DATA(PAD_R15), %r15
	mov	DATA(PAD_R14), %r14
	mov	DATA(PAD_R13), %r13
	mov	DATA(PAD_R12), %r12
	mov	DATA(PAD_RBP), %rbp
	mov	DATA(PAD_RBX), %rbx
	mov	DATA(PAD_R11), %r11
	mov	DATA(PAD_R10), %r10
	mov	DATA(PAD_R9), %r9
	mov	DATA(PAD_R8), %r8
	mov	DATA(PAD_RDX), %rdx
	mov	DATA(PAD_RSI), %rsi
	mov	DATA(PAD_RDI), %rdi
	jrcxz	1f
	mov	DATA(PAD_RCX), %rcx
	mov	$MINUS_EINTR, %rax
	jmp	*DATA(PAD_BREAK_IP)
1:	mov	DATA(PAD_RCX), %rcx
	mov	DATA(PAD_RESUME_AX), %rax
	jmp	*DATA(PAD_RESUME_IP)

/* clone(): the thread goes back to its frame, its child leaves. */
	entry pad_clone
	syscall
	mov	%rax, %rcx
	jrcxz	pad_leave
	jmp	pad_recover

/* The parasite's mmap() of its area. It has no frame: alone, it unmaps it and ends. */
	entry pad_map
	syscall
	mov	%rax, %rdi
	mov	DATA(PAD_MAP_LEN), %rsi
	jmp	1f
/* Unmaps the area, if there is one, and ends the thread. */
	entry pad_leave
	mov	DATA(PAD_LEAVE_ADDR), %rdi
	mov	DATA(PAD_LEAVE_LEN), %rsi
1:	mov	$__NR_munmap, %eax
	syscall
	mov	$__NR_exit, %eax
	mov	$0, %edi
	syscall
	entry pad_template_end
	.section .note.GNU-stack, "", @progbits
