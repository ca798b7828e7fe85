/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of file kinds: a task's descriptors through dump and restore.
 *
 * A child sets up its descriptors and is dumped while it stands still; another
 * child, with the same pid, gets them back from the images and looks at them.
 * Memory, registers and the engine take no part.
 */
#ifndef CRIU_LITE_KINDS_FD_HARNESS_H
#define CRIU_LITE_KINDS_FD_HARNESS_H

#include <stdbool.h>

#include "core/options.h"

struct harness_case {
	/* In the task that is dumped; it has no descriptors but those it makes. */
	void (*setup)(void *shared);
	/* In the test, when the dumped task is gone. */
	void (*between)(void *shared);
	/* In the restored task. */
	void (*check)(void *shared);
	struct options opts;
};

/* In setup and check: ends the task with a message unless the condition holds. */
#define REQUIRE(condition)                                                                 \
	do {                                                                               \
		if (!(condition))                                                          \
			harness_fail(__FILE__, __LINE__, #condition);                      \
	} while (0)

__attribute__((noreturn))
void harness_fail(const char *file, int line, const char *condition);

/* In setup: a child that holds what its parent has open now, and is not dumped. */
void harness_leave_outside(void);
/* 4096 bytes that setup, check and the test share. */
void *harness_shared(void);
/* Dumps only. Returns what the dump returned; a failing setup fails the test. */
int harness_dump(const struct harness_case *c);
/* Dumps, then restores. Anything that goes wrong fails the test. */
void harness_round_trip(const struct harness_case *c);
/* Dumps, and expects that restore says no. */
void harness_cannot_restore(const struct harness_case *c);

#endif
