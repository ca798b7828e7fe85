// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data of the pad, and registers that lead to it.
 *
 * A thread that is stopped in a system call shows the call's number in
 * orig_rax and what the kernel is going to make of it in rax. When a tracer
 * changes orig_rax to -1 the kernel forgets the call; what it would have done
 * is then up to us:
 *
 *	rax				no handler runs		a handler ran
 *	-ERESTARTNOINTR (513)		again			again
 *	-ERESTARTSYS (512)		again			EINTR without SA_RESTART
 *	-ERESTARTNOHAND (514)		again			EINTR
 *	-ERESTART_RESTARTBLOCK (516)	restart_syscall(2)	EINTR
 *
 * "Again" is two bytes back, on the syscall instruction, with the number in rax.
 */
#include "inject/arch.h"

#include <asm/unistd.h>
#include <errno.h>
#include <string.h>

#include "inject/arch/x86_64/pad-layout.h"
#include "inject/tracee.h"
#include "util/macro.h"

/* pad-code.S */
extern const unsigned char pad_template[], pad_hop[], pad_break[], pad_run[], pad_clone[],
	pad_map[], pad_leave[], pad_template_end[];

struct pad_data {
	uint64_t magic, sequence;
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rcx, rdx, rsi, rdi;
	uint64_t resume_ip, resume_ax;	/* how the frame goes on */
	uint64_t break_ip;		/* where it goes on with EINTR */
	uint64_t mask;			/* the thread's own */
	uint64_t probe_mask;		/* signals that don't make the call fail are blocked */
	uint64_t all_mask;
	uint64_t no_time[2];		/* a struct timespec of zero */
	uint64_t map_len;
	uint64_t leave_addr, leave_len;
	uint64_t done_addr;
};

_Static_assert(offsetof(struct pad_data, sequence) == PAD_SEQUENCE, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, r15) == PAD_R15, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, rdi) == PAD_RDI, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, resume_ip) == PAD_RESUME_IP, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, break_ip) == PAD_BREAK_IP, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, all_mask) == PAD_ALL_MASK, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, leave_len) == PAD_LEAVE_LEN, "pad-layout.h");
_Static_assert(offsetof(struct pad_data, done_addr) == PAD_DONE_ADDR, "pad-layout.h");
_Static_assert(sizeof(struct pad_data) == PAD_DATA_SIZE, "pad-layout.h");

enum {
	SYSCALL_LEN = 2,		/* bytes of the instruction */
	USER_CS_64 = 0x33,
	FLAGS_CLEAN = 0x202,		/* interrupts on, all else off */
};

static const uint64_t pad_magic = 0x64617020657469c0;

/*
 * Calls that fail with a plain EINTR when a thread is only stopped and resumed
 * (signal(7), last section). They have had no effect then. A timeout starts
 * over, as the kernel does not tell how much of it was left.
 */
static const uint16_t plain_eintr_table[] = {
	__NR_accept, __NR_accept4,
	__NR_epoll_pwait, __NR_epoll_pwait2, __NR_epoll_wait,
	__NR_io_getevents, __NR_io_uring_enter,
	__NR_read, __NR_readv,
	__NR_recvfrom, __NR_recvmmsg, __NR_recvmsg,
	__NR_rt_sigtimedwait,
	__NR_semop, __NR_semtimedop,
	__NR_sendmmsg, __NR_sendmsg, __NR_sendto,
	__NR_write, __NR_writev,
};

static uint64_t offset_of(const unsigned char *label)
{
	return label - pad_template;
}

size_t arch_pad_size(void)
{
	return offset_of(pad_template_end);
}

uint64_t arch_pad_entry(enum arch_pad_entry entry)
{
	const unsigned char *const labels[ARCH_PAD_ENTRY_COUNT] = {
		[ARCH_PAD_RUN] = pad_run,
		[ARCH_PAD_CLONE] = pad_clone,
		[ARCH_PAD_MAP] = pad_map,
		[ARCH_PAD_LEAVE] = pad_leave,
	};

	return offset_of(labels[entry]);
}

void arch_pad_init(void *image, uint64_t sequence)
{
	struct pad_data *d = image;

	memcpy(image, pad_template, arch_pad_size());
	d->magic = pad_magic;
	d->sequence = sequence;
	d->all_mask = ~0ULL;
}

bool arch_pad_detect(const void *image, uint64_t *sequence)
{
	const struct pad_data *d = image;

	*sequence = d->sequence;
	return d->magic == pad_magic;
}

void arch_pad_set_map_len(void *image, uint64_t len)
{
	struct pad_data *d = image;

	d->map_len = len;
}

void arch_pad_set_area(void *image, uint64_t addr, uint64_t len)
{
	struct pad_data *d = image;

	d->leave_addr = addr;
	d->leave_len = len;
}

void arch_pad_get_area(const void *image, uint64_t *addr, uint64_t *len)
{
	const struct pad_data *d = image;

	*addr = d->leave_addr;
	*len = d->leave_len;
}

void arch_pad_set_done(void *image, uint64_t addr)
{
	struct pad_data *d = image;

	d->done_addr = addr;
}

size_t arch_pad_done_offset(void)
{
	return PAD_DONE_ADDR;
}

static bool in_syscall(const struct user_regs_struct *regs)
{
	return (long long)regs->orig_rax >= 0;
}

/* Whether the kernel would restart the call that the thread is in. */
static bool is_restarting(const struct user_regs_struct *regs)
{
	switch (-(long long)regs->rax) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		return in_syscall(regs);
	}
	return false;
}

/* Signals that, when their handler runs, make the interrupted call fail. */
static uint64_t breaking_signals(const struct user_regs_struct *regs, uint64_t breaking)
{
	if (!is_restarting(regs))
		return 0;
	switch (-(long long)regs->rax) {
	case ERESTARTNOINTR:
		return 0;
	case ERESTARTSYS:
		return breaking;
	}
	return ~0ULL;
}

void arch_pad_set_thread(void *image, const struct tracee *t, uint64_t breaking)
{
	const struct user_regs_struct *r = &t->regs;
	struct pad_data *d = image;

	d->r15 = r->r15;
	d->r14 = r->r14;
	d->r13 = r->r13;
	d->r12 = r->r12;
	d->rbp = r->rbp;
	d->rbx = r->rbx;
	d->r11 = r->r11;
	d->r10 = r->r10;
	d->r9 = r->r9;
	d->r8 = r->r8;
	d->rcx = r->rcx;
	d->rdx = r->rdx;
	d->rsi = r->rsi;
	d->rdi = r->rdi;
	d->break_ip = d->resume_ip = r->rip;
	d->resume_ax = r->rax;
	if (is_restarting(r)) {
		d->resume_ip = r->rip - SYSCALL_LEN;
		d->resume_ax = r->rax == -(uint64_t)ERESTART_RESTARTBLOCK ?
			__NR_restart_syscall : r->orig_rax;
	}
	d->mask = t->sigmask;
	d->probe_mask = t->sigmask | ~breaking_signals(r, breaking);
}

void arch_regs_park(struct user_regs_struct *regs, uint64_t pad)
{
	if (is_restarting(regs)) {
		regs->rip = pad + offset_of(pad_break);
		return;
	}
	regs->rip = pad + offset_of(pad_hop);
	regs->orig_rax = -1;
}

void arch_regs_call(struct user_regs_struct *regs, uint64_t pad, enum arch_pad_entry entry,
		    long nr, const uint64_t args[6])
{
	regs->rip = pad + arch_pad_entry(entry);
	regs->rax = nr;
	regs->orig_rax = -1;
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}

long arch_regs_result(const struct user_regs_struct *regs)
{
	return regs->rax;
}

void arch_regs_start(struct user_regs_struct *regs, uint64_t ip, uint64_t sp, uint64_t arg1,
		     uint64_t arg2)
{
	regs->rip = ip;
	regs->rsp = sp;
	regs->rbp = 0;
	regs->rdi = arg1;
	regs->rsi = arg2;
	regs->rax = 0;
	regs->orig_rax = -1;
	regs->eflags = FLAGS_CLEAN;
}

bool arch_regs_native(const struct user_regs_struct *regs)
{
	return regs->cs == USER_CS_64;
}

bool arch_regs_restart_plain_eintr(struct user_regs_struct *regs)
{
	if (!in_syscall(regs) || regs->rax != -(uint64_t)EINTR)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(plain_eintr_table); i++)
		if (regs->orig_rax == plain_eintr_table[i]) {
			regs->rax = -(uint64_t)ERESTARTNOHAND;
			return true;
		}
	return false;
}

bool arch_regs_goes_on(const struct user_regs_struct *regs)
{
	return in_syscall(regs) && regs->rax == -(uint64_t)ERESTART_RESTARTBLOCK;
}

void arch_regs_start_over(struct user_regs_struct *regs)
{
	regs->rax = -(uint64_t)ERESTARTNOHAND;
}

uint64_t *arch_regs_ip(struct user_regs_struct *regs)
{
	return (uint64_t *)&regs->rip;
}
