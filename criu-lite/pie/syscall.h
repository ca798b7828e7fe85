/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls of freestanding code: no libc, no errno, a result or -errno.
 *
 *	pie_call(munmap, addr, len)
 *
 * takes the name from <asm/unistd.h> and up to six arguments, pointers or
 * integers.
 */
#ifndef CRIU_LITE_PIE_SYSCALL_H
#define CRIU_LITE_PIE_SYSCALL_H

#include <asm/unistd.h>

#if defined(__x86_64__)
#include "pie/arch/x86_64/syscall.h"
#else
#error "pie/arch/ has nothing for this architecture"
#endif

#define pie_call(name, ...) PIE_CALL_PICK_(__VA_ARGS__ __VA_OPT__(,) \
	PIE_CALL6_, PIE_CALL5_, PIE_CALL4_, PIE_CALL3_, PIE_CALL2_, PIE_CALL1_, PIE_CALL0_) \
	(__NR_##name __VA_OPT__(,) __VA_ARGS__)

#define PIE_CALL_PICK_(a, b, c, d, e, f, pick, ...) pick
#define PIE_CALL0_(nr) pie_syscall(nr, 0, 0, 0, 0, 0, 0)
#define PIE_CALL1_(nr, a) pie_syscall(nr, (long)(a), 0, 0, 0, 0, 0)
#define PIE_CALL2_(nr, a, b) pie_syscall(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define PIE_CALL3_(nr, a, b, c) pie_syscall(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define PIE_CALL4_(nr, a, b, c, d) \
	pie_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define PIE_CALL5_(nr, a, b, c, d, e) \
	pie_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define PIE_CALL6_(nr, a, b, c, d, e, f) \
	pie_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
