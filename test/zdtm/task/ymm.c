// SPDX-License-Identifier: GPL-2.0-only
/*
 * All sixteen xmm and ymm registers of a task that spins in user space: both
 * halves, as the upper ones live in another part of the xsave area.
 */
#include <stdint.h>
#include <string.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define N_REGISTERS 16
#define REGISTER_SIZE 32

struct state {
	_Alignas(REGISTER_SIZE) char found[N_REGISTERS * REGISTER_SIZE];
};

static const char *unsupported(void)
{
	return __builtin_cpu_supports("avx") ? NULL : "the processor has no AVX";
}

#define LOAD(n) "vmovdqa " #n "*32(%[regs]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqa %%ymm" #n ", " #n "*32(%[regs])\n\t"
#define EACH(do) \
	do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) \
	do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)

__attribute__((target("avx")))
static void hold(char *regs, const volatile sig_atomic_t *stop)
{
	asm volatile(EACH(LOAD)
		     "1:\n\t"
		     "pause\n\t"
		     "cmpl $0, (%[stop])\n\t"
		     "je 1b\n\t"
		     EACH(STORE)
		     "vzeroupper\n\t"
		     :
		     : [regs] "r"(regs), [stop] "r"(stop)
		     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
		       "memory");
}

static void setup(void *arg)
{
	struct state *s = arg;

	pattern_fill(s->found, sizeof(s->found), 1);
}

static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	struct state *s = arg;

	/* Whatever the C library does before, the registers are loaded last. */
	hold(s->found, stop);
}

/* As if the upper halves were not in the image. */
static void spoil(void *arg)
{
	struct state *s = arg;

	memset(s->found + 9 * REGISTER_SIZE + 16, 0, 16);
}

static void check(void *arg)
{
	struct state *s = arg;

	pattern_check(s->found, sizeof(s->found), 1);
}

const struct zdtm_test zdtm_test = {
	.about = "a busy task keeps its xmm and ymm registers",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
};
