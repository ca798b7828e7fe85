/* SPDX-License-Identifier: GPL-2.0-only */
/* What the restorer does with threads in instructions of x86_64. */
#ifndef CRIU_LITE_PIE_ARCH_RESTORER_THREAD_H
#define CRIU_LITE_PIE_ARCH_RESTORER_THREAD_H

#include <asm/prctl.h>
#include <asm/unistd.h>
#include <linux/sched.h>

#include "inject/abi/restorer.h"
#include "pie/syscall.h"

/* A thread on the stack that @args names, which runs @main and never returns. -errno or its tid. */
static inline long arch_clone_thread(struct clone_args *args,
				     void (*main)(struct restorer_thread *),
				     struct restorer_thread *th)
{
	register void (*r12)(struct restorer_thread *) __asm__("r12") = main;
	register struct restorer_thread *r13 __asm__("r13") = th;
	long ret = __NR_clone3;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "ud2\n"
			 "1:"
			 : "+a"(ret)
			 : "D"(args), "S"(sizeof(*args)), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The thread pointer, and its sibling. Their selectors are 0, as in any 64-bit program. */
static inline long arch_set_bases(const struct restorer_thread *th)
{
	long ret = pie_call(arch_prctl, ARCH_SET_FS, th->fs_base);

	return ret < 0 ? ret : pie_call(arch_prctl, ARCH_SET_GS, th->gs_base);
}

/* Nothing may stand between this and the call: the stack is the frame already. */
__attribute__((noreturn))
static inline void arch_sigreturn(uint64_t sigframe)
{
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "syscall\n\t"
			 "ud2"
			 :
			 : "r"(sigframe), "a"(__NR_rt_sigreturn)
			 : "memory");
	__builtin_unreachable();
}

#endif
