// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ten threads, each with its own tid, name, thread-local variables, signal mask,
 * and stack content. The main thread sleeps while they
 * wait at a gate, in the kernel; half of them spin in user space instead.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 10
#define STACK_BYTES (16 * KIB)

struct state;

struct worker {
	struct state *state;
	int index;
	pid_t tid;
	pthread_t thread;
};

struct state {
	struct zdtm_gate gate;
	struct worker workers[N_THREADS];
};

static __thread int number = -1;
static __thread char bulk[PAGE];

static void set_name(int index)
{
	char name[16];

	snprintf(name, sizeof(name), "worker %d", index);
	MUST_ZERO(pthread_setname_np(pthread_self(), name));
}

static void check_name(int index)
{
	char name[16], wanted[16];

	snprintf(wanted, sizeof(wanted), "worker %d", index);
	MUST_ZERO(pthread_getname_np(pthread_self(), name, sizeof(name)));
	CHECK(!strcmp(name, wanted), "thread %d is called \"%s\"", index, name);
}

/* SIGTERM stays blocked, as the library has it; two more tell the threads apart. */
static void set_mask(int index)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + index);
	sigaddset(&set, index % 2 ? SIGUSR1 : SIGUSR2);
	MUST_ZERO(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

static void check_mask(int index)
{
	sigset_t set;

	MUST_ZERO(pthread_sigmask(SIG_SETMASK, NULL, &set));
	for (int i = 0; i < N_THREADS; i++)
		CHECK(sigismember(&set, SIGRTMIN + i) == (i == index),
		      "thread %d has signal %d wrong in its mask", index, SIGRTMIN + i);
	CHECK(sigismember(&set, SIGUSR1) == index % 2, "thread %d has USR1 wrong", index);
	CHECK(sigismember(&set, SIGUSR2) == !(index % 2), "thread %d has USR2 wrong", index);
	CHECK(sigismember(&set, SIGTERM), "thread %d has SIGTERM unblocked", index);
}

static void *worker(void *arg)
{
	struct worker *w = arg;
	struct zdtm_gate *gate = &w->state->gate;
	uint64_t stack[STACK_BYTES / sizeof(uint64_t)];
	pthread_t self = pthread_self();

	number = w->index;
	w->tid = gettid();
	pattern_fill(bulk, sizeof(bulk), 100 + w->index);
	pattern_fill(stack, sizeof(stack), 200 + w->index);
	set_name(w->index);
	set_mask(w->index);
	if (w->index % 2) {
		zdtm_gate_arrive(gate);
	} else {
		atomic_fetch_add(&gate->arrived, 1);
		while (!atomic_load_explicit(&gate->open, memory_order_relaxed))
			__builtin_ia32_pause();
	}
	CHECK(number == w->index, "thread %d believes to be %d", w->index, number);
	CHECK(gettid() == w->tid, "tid is %d, was %d", gettid(), w->tid);
	CHECK(pthread_self() == self, "the thread pointer moved");
	pattern_check(bulk, sizeof(bulk), 100 + w->index);
	pattern_check(stack, sizeof(stack), 200 + w->index);
	check_name(w->index);
	check_mask(w->index);
	return w;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_THREADS; i++) {
		s->workers[i] = (struct worker){ .state = s, .index = i };
		s->workers[i].thread = zdtm_thread(worker, &s->workers[i]);
	}
	while (atomic_load(&s->gate.arrived) < N_THREADS)
		usleep(1000);
}

/* As if threads came back with each other's thread pointers. */
static void spoil(void *arg)
{
	struct state *s = arg;

	s->workers[3].index = 5;
}

static void check(void *arg)
{
	struct state *s = arg;
	void *result;

	for (int i = 0; i < N_THREADS; i++)
		MUST(tgkill(getpid(), s->workers[i].tid, 0));
	zdtm_gate_open(&s->gate);
	for (int i = 0; i < N_THREADS; i++) {
		MUST_ZERO(pthread_join(s->workers[i].thread, &result));
		CHECK(result == &s->workers[i], "thread %d returned %p", i, result);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "ten threads keep tids, names, TLS, masks and stacks",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
