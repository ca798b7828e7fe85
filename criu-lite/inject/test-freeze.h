/* SPDX-License-Identifier: GPL-2.0-only */
/* Stopping victims and asking them all that a dump would ask. */
#ifndef CRIU_LITE_INJECT_TEST_FREEZE_H
#define CRIU_LITE_INJECT_TEST_FREEZE_H

#include <stddef.h>

struct parasite;
struct tracee;
struct victim;

/* All threads of a victim, stopped. */
struct frozen {
	struct tracee *threads;
	size_t n;
};

/* All fail the test when they fail. */
void freeze(const struct victim *v, struct frozen *f);
void thaw(struct frozen *f);
void ask_everything(const struct victim *v, struct frozen *f, struct parasite *p);
/* Freeze, inject, ask, cure, thaw. */
void round_trip(const struct victim *v);

#endif
