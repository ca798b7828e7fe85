// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads under a seccomp filter whose main thread has ended. It must not get in the
 * way of the end that the restored leader has to come to: this filter kills for the
 * exit(2) with which it ended. The filter came later, to the other threads only.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define CODE 7
#define ERROR 88
#define N_THREADS 2

struct shared {
	struct zdtm_gate started, filtered;
};

struct state {
	struct shared *shared;
	pid_t child;
};

/* exit(CODE) is death, and getppid() fails. */
static void install(void)
{
	const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FILTER_ERRNO(ERROR)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CODE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter_install_program(program, sizeof(program) / sizeof(*program), 0);
}

static void *works(void *arg)
{
	struct shared *s = arg;

	zdtm_gate_arrive(&s->started);
	install();
	zdtm_gate_arrive(&s->filtered);
	CHECK(filter_getppid_errno() == ERROR + zdtm_spoiling(), "getppid() fails with %d",
	      filter_getppid_errno());
	CHECK(filter_status("Seccomp_filters") == 1, "%d filters",
	      filter_status("Seccomp_filters"));
	return NULL;
}

static void *says_ready(void *arg)
{
	struct shared *s = arg;

	zdtm_gate_await(&s->filtered, N_THREADS);
	zdtm_ready();
	return NULL;
}

static void leads(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_THREADS; i++)
		zdtm_thread(works, s->shared);
	zdtm_thread(says_ready, s->shared);
	zdtm_gate_await(&s->shared->started, N_THREADS);
	zdtm_gate_open(&s->shared->started);
	syscall(SYS_exit, CODE);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->shared = map_anon(PAGE, MAP_SHARED);
	s->child = zdtm_fork(leads, s);
}

static void check(void *arg)
{
	struct state *s = arg;
	int status;

	zdtm_gate_open(&s->shared->filtered);
	MUST(waitpid(s->child, &status, 0));
	CHECK(WIFEXITED(status), "the child ended with status %#x", status);
}

const struct zdtm_test zdtm_test = {
	.about = "filtered threads without their leader",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
