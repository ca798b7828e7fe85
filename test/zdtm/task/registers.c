// SPDX-License-Identifier: GPL-2.0-only
/*
 * All general registers of a task that never enters the kernel by itself: they
 * hold constants while it spins on a flag in memory, and are compared after it.
 * The one register that the loop needs is checked by its use.
 */
#include <stdint.h>

#include "lib/zdtm.h"

/* What each register must hold: the order in which they are stored. */
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, N_REGISTERS };

#define VALUE(n) (0x1122334455667700 + (uint64_t)(n) * 0x0101010101010101)

struct state {
	uint64_t found[N_REGISTERS];
};

/*
 * Loads, spins, stores. r15 points at the values, then at the flag, then at the
 * values again. The stack pointer is moved below the red zone around the pushes.
 */
static void hold(uint64_t *values, const volatile sig_atomic_t *stop)
{
	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "push %%rbp\n\t"
		     "push %[values]\n\t"
		     "push %[stop]\n\t"
		     "mov %[values], %%r15\n\t"
		     "mov 0(%%r15), %%rax\n\t"
		     "mov 8(%%r15), %%rbx\n\t"
		     "mov 16(%%r15), %%rcx\n\t"
		     "mov 24(%%r15), %%rdx\n\t"
		     "mov 32(%%r15), %%rsi\n\t"
		     "mov 40(%%r15), %%rdi\n\t"
		     "mov 48(%%r15), %%rbp\n\t"
		     "mov 56(%%r15), %%r8\n\t"
		     "mov 64(%%r15), %%r9\n\t"
		     "mov 72(%%r15), %%r10\n\t"
		     "mov 80(%%r15), %%r11\n\t"
		     "mov 88(%%r15), %%r12\n\t"
		     "mov 96(%%r15), %%r13\n\t"
		     "mov 104(%%r15), %%r14\n\t"
		     "pop %%r15\n"
		     "1:\n\t"
		     "pause\n\t"
		     "cmpl $0, (%%r15)\n\t"
		     "je 1b\n\t"
		     "pop %%r15\n\t"
		     "mov %%rax, 0(%%r15)\n\t"
		     "mov %%rbx, 8(%%r15)\n\t"
		     "mov %%rcx, 16(%%r15)\n\t"
		     "mov %%rdx, 24(%%r15)\n\t"
		     "mov %%rsi, 32(%%r15)\n\t"
		     "mov %%rdi, 40(%%r15)\n\t"
		     "mov %%rbp, 48(%%r15)\n\t"
		     "mov %%r8, 56(%%r15)\n\t"
		     "mov %%r9, 64(%%r15)\n\t"
		     "mov %%r10, 72(%%r15)\n\t"
		     "mov %%r11, 80(%%r15)\n\t"
		     "mov %%r12, 88(%%r15)\n\t"
		     "mov %%r13, 96(%%r15)\n\t"
		     "mov %%r14, 104(%%r15)\n\t"
		     "pop %%rbp\n\t"
		     "lea 128(%%rsp), %%rsp\n\t"
		     : [values] "+D"(values), [stop] "+S"(stop)
		     :
		     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		       "r15", "cc", "memory");
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_REGISTERS; i++)
		s->found[i] = VALUE(i);
}

static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	struct state *s = arg;

	hold(s->found, stop);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->found[R11]++;
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_REGISTERS; i++)
		CHECK(s->found[i] == VALUE(i), "register %d is %#lx, not %#lx", i, s->found[i],
		      VALUE(i));
}

const struct zdtm_test zdtm_test = {
	.about = "a busy task keeps its general registers",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
};
