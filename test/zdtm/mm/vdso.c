// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vdso and its data pages: clocks read through it before and after agree with
 * those of the system calls, and never go back. A data page in the wrong place would
 * show as a clock that stands still, or as a fault.
 */
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

#define N_CLOCKS (sizeof(clocks) / sizeof(*clocks))

struct state {
	int64_t before[N_CLOCKS];
	unsigned long address;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->address = getauxval(AT_SYSINFO_EHDR);
	for (size_t i = 0; i < N_CLOCKS; i++)
		s->before[i] = zdtm_clock_ms(clocks[i]);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->before[1] += 3600 * 1000;
}

static int64_t by_system_call(clockid_t clock)
{
	struct timespec now;

	MUST(syscall(SYS_clock_gettime, clock, &now));
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void check(void *arg)
{
	struct state *s = arg;
	unsigned int cpu;

	CHECK(getauxval(AT_SYSINFO_EHDR) == s->address, "the vdso is at %#lx, was at %#lx",
	      getauxval(AT_SYSINFO_EHDR), s->address);
	MUST(getcpu(&cpu, NULL));
	for (size_t i = 0; i < N_CLOCKS; i++) {
		int64_t first = by_system_call(clocks[i]), vdso = zdtm_clock_ms(clocks[i]);
		int64_t last = by_system_call(clocks[i]);

		CHECK(first <= vdso && vdso <= last, "clock %d: %ld by system call, %ld by vdso",
		      clocks[i], first, vdso);
		CHECK(vdso >= s->before[i], "clock %d went back from %ld to %ld", clocks[i],
		      s->before[i], vdso);
		/* Nothing of this runs for an hour: a jump of that size is wrong as well. */
		CHECK(vdso < s->before[i] + 3600 * 1000, "clock %d jumped from %ld to %ld",
		      clocks[i], s->before[i], vdso);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "the vdso tells the right time after the restore",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
