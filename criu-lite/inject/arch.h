/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a processor architecture brings to inject/: inject/arch/NAME/.
 *
 * The pad is code with data in front of it, made from a template of the
 * architecture. Entries are offsets into it.
 */
#ifndef CRIU_LITE_INJECT_ARCH_H
#define CRIU_LITE_INJECT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct tracee;

#define ARCH_PAD_MAX 640		/* bytes, no template is larger */

/* linux/errno.h of the kernel: these never get out of it but to a tracer. */
enum restart_code {
	ERESTARTSYS = 512,
	ERESTARTNOINTR = 513,
	ERESTARTNOHAND = 514,
	ERESTART_RESTARTBLOCK = 516,
};

enum arch_pad_entry {
	ARCH_PAD_RUN,			/* a system call of a thread that has a frame */
	ARCH_PAD_CLONE,			/* clone(): the child leaves by itself */
	ARCH_PAD_MAP,			/* mmap() of a parasite */
	ARCH_PAD_LEAVE,			/* unmaps the parasite's area and ends the thread */
	ARCH_PAD_ENTRY_COUNT,
};

/* Bytes of the template. */
size_t arch_pad_size(void);
/* Fills @image (arch_pad_size() bytes) with a pad for no thread. */
void arch_pad_init(void *image, uint64_t sequence);
/* Whether @image begins a pad; then its sequence number. */
bool arch_pad_detect(const void *image, uint64_t *sequence);
/*
 * Puts the registers and mask of @t in, to be restored by the pad when the
 * tracer dies. @breaking: signals whose handler runs without SA_RESTART, so
 * far as known.
 */
void arch_pad_set_thread(void *image, const struct tracee *t, uint64_t breaking);
void arch_pad_set_map_len(void *image, uint64_t len);
/* What ARCH_PAD_LEAVE unmaps. */
void arch_pad_set_area(void *image, uint64_t addr, uint64_t len);
void arch_pad_get_area(const void *image, uint64_t *addr, uint64_t *len);
/*
 * Where a thread that comes back from a call of ours, because the tracer died, says so by
 * writing 8 bytes that are not zero; 0: nowhere. It lies at arch_pad_done_offset(), for the
 * parasite to read.
 */
void arch_pad_set_done(void *image, uint64_t addr);
size_t arch_pad_done_offset(void);
uint64_t arch_pad_entry(enum arch_pad_entry entry);

/* All below change *@regs only, starting from the thread's own. */

/* The thread's own registers but for the instruction pointer: parked at the pad at @pad. */
void arch_regs_park(struct user_regs_struct *regs, uint64_t pad);
/* At @entry of the pad at @pad, about to make a system call. */
void arch_regs_call(struct user_regs_struct *regs, uint64_t pad, enum arch_pad_entry entry,
		    long nr, const uint64_t args[6]);
long arch_regs_result(const struct user_regs_struct *regs);
/* About to run the code at @ip with the stack that ends at @sp; no frame is kept. */
void arch_regs_start(struct user_regs_struct *regs, uint64_t ip, uint64_t sp, uint64_t arg1,
		     uint64_t arg2);
/* Runs code of the native word size. */
bool arch_regs_native(const struct user_regs_struct *regs);
/*
 * The system call that the thread was in failed with EINTR only because we
 * stopped it: says to the kernel that it is to be restarted when no handler
 * runs. True: *@regs has changed.
 */
bool arch_regs_restart_plain_eintr(struct user_regs_struct *regs);
/* The kernel will go on with the system call that the thread was in by restart_syscall(2). */
bool arch_regs_goes_on(const struct user_regs_struct *regs);
/* It will make that call from the start instead, when no handler runs. */
void arch_regs_start_over(struct user_regs_struct *regs);
uint64_t *arch_regs_ip(struct user_regs_struct *regs);

#endif
