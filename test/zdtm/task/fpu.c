// SPDX-License-Identifier: GPL-2.0-only
/*
 * The x87 unit and MXCSR: control words with rounding and masks that are not the
 * default, values on the register stack, and their tags. The task sleeps in the
 * kernel meanwhile; the second set belongs to a thread.
 */
#include <stdint.h>

#include "lib/task.h"
#include "lib/zdtm.h"

/* Round down, 53-bit precision, all exceptions masked: the default is 0x37f. */
#define X87_CONTROL 0x067f
/* Round towards zero, flush to zero, all masked: the default is 0x1f80. */
#define SSE_CONTROL 0xff80
/* Round up, all masked. */
#define THREAD_SSE_CONTROL 0x5f80

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
};

static uint16_t x87_control(void)
{
	uint16_t word;

	asm volatile("fnstcw %0" : "=m"(word));
	return word;
}

static void set_x87_control(uint16_t word)
{
	asm volatile("fldcw %0" : : "m"(word));
}

/* The status word: bits 11 to 13 are the top of the register stack. */
static uint16_t x87_status(void)
{
	uint16_t word;

	asm volatile("fnstsw %0" : "=m"(word));
	return word;
}

static void push(double value)
{
	asm volatile("fldl %0" : : "m"(value));
}

static double pop(void)
{
	double value;

	asm volatile("fstpl %0" : "=m"(value));
	return value;
}

static void *worker(void *arg)
{
	struct state *s = arg;
	unsigned int found;

	__builtin_ia32_ldmxcsr(THREAD_SSE_CONTROL);
	zdtm_gate_arrive(&s->gate);
	found = __builtin_ia32_stmxcsr();
	CHECK(found == THREAD_SSE_CONTROL, "MXCSR of the thread is %#x", found);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	set_x87_control(X87_CONTROL);
	__builtin_ia32_ldmxcsr(SSE_CONTROL);
	push(1.5);
	push(-2.25);
	push(1e300);
}

static void spoil(void *arg)
{
	set_x87_control(0x37f);
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned int sse = __builtin_ia32_stmxcsr();
	uint16_t control = x87_control(), status = x87_status();
	double top = pop(), middle = pop(), bottom = pop();

	/* What comes next may compute, and wants the defaults for it. */
	asm volatile("fninit");
	__builtin_ia32_ldmxcsr(0x1f80);
	CHECK(control == X87_CONTROL, "the x87 control word is %#x", control);
	CHECK((status >> 11 & 7) == 5, "the x87 status word is %#x", status);
	CHECK((sse & ~0x3fU) == SSE_CONTROL, "MXCSR is %#x", sse);
	CHECK(top == 1e300 && middle == -2.25 && bottom == 1.5, "the x87 stack is %g %g %g", top,
	      middle, bottom);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "x87 stack, x87 and SSE control words are kept",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
