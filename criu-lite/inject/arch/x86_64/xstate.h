/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FPU and SIMD state of an x86_64 thread: between the image's message
 * (spec/images.md, section 4.6) and the XSAVE area in standard format, which
 * is what ptrace gives and what a signal frame holds.
 */
#ifndef CRIU_LITE_INJECT_ARCH_X86_64_XSTATE_H
#define CRIU_LITE_INJECT_ARCH_X86_64_XSTATE_H

#include <stddef.h>
#include <stdint.h>

#include "images/x86.pb-c.h"

struct arena;

/* The FXSAVE part and the XSAVE header, which every area begins with. */
#define XSTATE_LEGACY_SIZE 512
#define XSTATE_MIN_SIZE 576
/* All components of the image together take less, and so does the end mark. */
#define XSTATE_ROOM 2816

/*
 * The message of an area of @len bytes that ptrace gave (NT_X86_XSTATE). @tid
 * names the thread in errors. Returns 0, -EINVAL (a short area) or -ENOTSUP: a
 * component is in use that images can't hold, named in the log.
 */
int xstate_read(struct arena *arena, int tid, const void *area, size_t len,
		UserX86FpregsEntry **out);

/*
 * Whether this processor can be given the state. Returns 0, -EINVAL (damaged)
 * or -ENOTSUP: a component is in use that is not here; logged.
 */
int xstate_check(int tid, const UserX86FpregsEntry *fp);

/*
 * Fills the area at @area (64-aligned, XSTATE_ROOM bytes, zeroed) as a signal
 * frame has it, with the kernel's marks. xstate_check() agreed before. Returns
 * how many bytes it takes; 512: FXSAVE only, the processor has no XSAVE.
 */
size_t xstate_write(const UserX86FpregsEntry *fp, void *area);

#endif
