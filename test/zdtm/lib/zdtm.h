/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a zdtm test is, and what it may use.
 *
 * A test is a program of its own that sets up one object state, waits while the
 * runner checkpoints and restores it, and then looks whether the state is still
 * there. Its file ends in one const object, zdtm_test; main() is the library's.
 *
 *	launcher            the test, in a session of its own
 *	  |-- fork ---------> setup(state)
 *	  |<-- ready -------- waits for SIGTERM      <- dump, restore happen here
 *	  | writes the pid    spoil(state), if asked to prove that it can fail
 *	  ' exits             check(state), prints PASS or FAIL
 *
 * Everything a test learns goes to stdout: the launcher makes it a file.
 */
#ifndef ZDTM_LIB_ZDTM_H
#define ZDTM_LIB_ZDTM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/report.h"

struct zdtm_test {
	const char *about;		/* the state under test, in one line */
	size_t state_size;		/* zeroed memory for the test's struct state */
	/* Why this machine cannot run the test; NULL: it can. */
	const char *(*unsupported)(void);
	void (*setup)(void *state);
	/*
	 * Instead of sleeping in sigwaitinfo(): runs until *stop, which a handler of
	 * SIGTERM sets. For states that only a running task has.
	 */
	void (*spin)(void *state, const volatile sig_atomic_t *stop);
	/* Does to the state what a wrong restore would do; check() must then fail. */
	void (*spoil)(void *state);
	void (*check)(void *state);
	const char *dump_options;	/* what the runner adds to dump */
	const char *restore_options;	/* what the runner adds to restore */
	/* The state cannot be saved: dump must refuse it with an error that says this. */
	const char *refusal;
	/* Runs under a pseudo terminal of the runner, as a shell's job does. */
	bool terminal;
	/* Works while it waits, forks and ends tasks: its verdict says all there is to say. */
	bool busy;
	/* Signals come while it waits: the runner does not compare those that are pending. */
	bool restless;
};

/* Every test defines this one. */
extern const struct zdtm_test zdtm_test;

/*
 * Says that this task is ready and sleeps until SIGTERM, which it blocks. The
 * library calls it for the test itself; children of zdtm_fork() call it once.
 */
void zdtm_wait(void);
/* Says that this task is ready, for one that sleeps or runs in its own way then. */
void zdtm_ready(void);
/* For such a task, when it is done: stays as it is until SIGTERM. */
void zdtm_linger(void);
/* Whether memory comes on first touch after the restore of this run. */
bool zdtm_lazy(void);
/* Whether this run is to prove that the test can fail: for spoiling in a child. */
bool zdtm_spoiling(void);

#endif
