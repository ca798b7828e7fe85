/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A restored thread behind its restorer: traced, with its own registers and mask, before
 * its first instruction. What release.c and release-stop.c share.
 */
#ifndef CRIU_LITE_INJECT_LEAVER_H
#define CRIU_LITE_INJECT_LEAVER_H

#include <stdbool.h>
#include <stdint.h>

#include "inject/tracee.h"

struct release_task;

struct leaver {
	const struct release_task *task;
	struct tracee tracee;
	uint64_t insn;			/* a system call instruction of the restorer */
	bool free;			/* detached */
};

/*
 * Makes the thread do a system call, with all signals blocked, by an instruction of the
 * restorer, which must be mapped until the call. Its state is as before afterwards.
 * *@result is what the kernel said. 0 or -errno, logged but for -ESRCH: it ended.
 */
int leaver_call(struct leaver *l, long nr, const uint64_t args[4], long *result);

/*
 * Stops the task of @threads, its @n threads that have not ended, as its stop_signal
 * does. Its parent is told, as for any stop. 0 or -errno, logged but for -ESRCH.
 */
int leavers_stop(struct leaver *threads, size_t n);
/*
 * In the parent @l of @child, which was stopped a moment ago: takes the report of the
 * stop if it had been taken. 0 or -errno, logged but for -ESRCH.
 */
int leaver_take_report(struct leaver *l, const struct release_task *child);
/* Takes the SIGCHLD that stopped children have sent to @l. 0 or -errno, as above. */
int leaver_take_sigchld(struct leaver *l);

#endif
