// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread in seccomp's strict mode: whatever a dump makes it do would kill it, so
 * that it is refused. The thread still reads and writes, and ends by itself.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	int to[2], from[2];
	pid_t tid;
	struct zdtm_gate gate;
};

static void *strict(void *arg)
{
	struct state *s = arg;
	char byte;

	s->tid = gettid();
	zdtm_gate_arrive(&s->gate);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	if (read(s->to[0], &byte, 1) != 1 || write(s->from[1], &byte, 1) != 1)
		syscall(SYS_exit, 1);
	/* What libc does at the end of a thread is not among the four calls. */
	for (;;)
		syscall(SYS_exit, 0);
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->to));
	MUST(pipe(s->from));
	zdtm_thread(strict, s);
	zdtm_gate_await(&s->gate, 1);
	zdtm_gate_open(&s->gate);
	zdtm_until_in_syscall(s->tid, SYS_read);
}

/* The thread ends early: it has had its byte. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(write(s->to[1], "x", 1));
}

static void check(void *arg)
{
	struct state *s = arg;
	char byte = 'b', back = 0;

	MUST(write(s->to[1], &byte, 1));
	CHECK(MUST(read(s->from[0], &back, 1)) == 1 && back == byte, "nothing comes back");
}

const struct zdtm_test zdtm_test = {
	.about = "seccomp's strict mode is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "is in seccomp's strict mode: the system calls of a dump would kill it",
};
