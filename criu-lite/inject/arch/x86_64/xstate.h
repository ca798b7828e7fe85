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

/* The highest component that images have. */
#define XSTATE_COMPONENTS 10

/* Where this processor keeps what. */
struct xstate_layout {
	uint64_t features;		/* XCR0, a bit for each component; 0: no XSAVE */
	uint32_t offset[XSTATE_COMPONENTS];	/* 0: not here, or in another form */
};

/* Asks the processor, which takes a virtual machine some 100 us: once is enough. */
void xstate_layout_probe(struct xstate_layout *layout);

/*
 * The message of an area of @len bytes that ptrace gave (NT_X86_XSTATE). @tid
 * names the thread in errors. Returns 0, -EINVAL (a short area) or -ENOTSUP: a
 * component is in use that images can't hold, named in the log.
 */
int xstate_read(struct arena *arena, const struct xstate_layout *layout, int tid,
		const void *area, size_t len, UserX86FpregsEntry **out);

/*
 * Whether this processor can be given the state. Returns 0, -EINVAL (damaged)
 * or -ENOTSUP: a component is in use that is not here; logged.
 */
int xstate_check(const struct xstate_layout *layout, int tid, const UserX86FpregsEntry *fp);

/*
 * Fills the area at @area (64-aligned, XSTATE_ROOM bytes, zeroed) as a signal
 * frame has it, with the kernel's marks. xstate_check() agreed before. Returns
 * how many bytes it takes; 512: FXSAVE only, the processor has no XSAVE.
 */
size_t xstate_write(const struct xstate_layout *layout, const UserX86FpregsEntry *fp,
		    void *area);

#endif
