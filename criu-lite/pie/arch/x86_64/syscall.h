/* SPDX-License-Identifier: GPL-2.0-only */
/* The system call instruction of x86_64: result or -errno in rax. */
#ifndef CRIU_LITE_PIE_ARCH_SYSCALL_H
#define CRIU_LITE_PIE_ARCH_SYSCALL_H

static inline long pie_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#endif
