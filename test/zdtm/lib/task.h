/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks of a test: children that are known to be ready, threads, gates on which
 * they wait for one another. Nothing here needs more of the restore than memory
 * and the signal mask, so that a test fails for its own state only.
 */
#ifndef ZDTM_LIB_TASK_H
#define ZDTM_LIB_TASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * Forks; the child runs @fn(@arg) and exits 0. Returns the child's pid when the
 * child has said that it is ready (zdtm_wait(), zdtm_ready()); a child that ends
 * before that fails the test.
 */
pid_t zdtm_fork(void (*fn)(void *), void *arg);
/* SIGTERM to a child that is in zdtm_wait(); it must then exit 0. */
void zdtm_finish(pid_t pid);
/* The child must exit 0 by itself. */
void zdtm_join(pid_t pid);

/* A door that is opened once. In shared memory it works between processes. */
struct zdtm_gate {
	atomic_int open;
	atomic_int arrived;
};

void zdtm_gate_open(struct zdtm_gate *gate);
/* Sleeps until the gate is open. */
void zdtm_gate_pass(struct zdtm_gate *gate);
/* Arrives, then sleeps until the gate is open. */
void zdtm_gate_arrive(struct zdtm_gate *gate);
/* Sleeps until @n tasks have arrived. */
void zdtm_gate_await(struct zdtm_gate *gate, int n);

/* Starts a joinable thread with the stack the C library gives it. */
pthread_t zdtm_thread(void *(*fn)(void *), void *arg);
/* Waits until task @tid sleeps in system call @nr. */
void zdtm_until_in_syscall(pid_t tid, long nr);
/*
 * Makes SIGUSR1 interrupt a system call for good, with EINTR: for spoiling calls
 * that a stop must not interrupt.
 */
void zdtm_let_usr1_interrupt(void);
/* Milliseconds of a clock. CLOCK_REALTIME goes on over a restore on any machine. */
int64_t zdtm_clock_ms(clockid_t clock);

#endif
