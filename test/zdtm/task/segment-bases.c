// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bases of fs and gs: fs holds the C library's thread pointer, gs is free for
 * the program, which uses it here as its second thread-local area, one a thread.
 */
#include <asm/prctl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	uint64_t fs_base;
	uint64_t main_area[2], thread_area[2];
};

static uint64_t base(int which)
{
	uint64_t value;

	MUST(syscall(SYS_arch_prctl, which, &value));
	return value;
}

static void set_gs(uint64_t *area)
{
	MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, area));
}

/* Reads the second word of the area that gs points to. */
static uint64_t read_gs(void)
{
	uint64_t value;

	asm volatile("movq %%gs:8, %0" : "=r"(value));
	return value;
}

static void *worker(void *arg)
{
	struct state *s = arg;
	uint64_t fs = base(ARCH_GET_FS);

	set_gs(s->thread_area);
	zdtm_gate_arrive(&s->gate);
	CHECK(base(ARCH_GET_FS) == fs, "fs base of the thread is %#lx", base(ARCH_GET_FS));
	CHECK(base(ARCH_GET_GS) == (uintptr_t)s->thread_area, "gs base of the thread is %#lx",
	      base(ARCH_GET_GS));
	CHECK(read_gs() == 22, "the thread's word is %lu", read_gs());
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->main_area[1] = 11;
	s->thread_area[1] = 22;
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->fs_base = base(ARCH_GET_FS);
	set_gs(s->main_area);
}

static void spoil(void *arg)
{
	set_gs(NULL);
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(base(ARCH_GET_FS) == s->fs_base, "fs base is %#lx, was %#lx", base(ARCH_GET_FS),
	      s->fs_base);
	CHECK(base(ARCH_GET_GS) == (uintptr_t)s->main_area, "gs base is %#lx", base(ARCH_GET_GS));
	CHECK(read_gs() == 11, "the main thread's word is %lu", read_gs());
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "fs and gs bases are kept, in each thread",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
