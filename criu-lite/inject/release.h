/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a restore: all threads of the tree leave the restorer at once,
 * and nothing of it stays in their memory.
 */
#ifndef CRIU_LITE_INJECT_RELEASE_H
#define CRIU_LITE_INJECT_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct restore_sync;

struct release_task {
	int pid;
	int *tids;			/* the leader first */
	size_t n_tids;
	bool leader_ended;		/* it ends first; the others go on */
	uint64_t leader_mask;		/* with this signal mask, if it ends */
	uint64_t area_start, area_end;	/* the restorer's, to be unmapped */
	bool seccomp;			/* a thread of it will be under seccomp(2) */
	const struct release_task *parent;	/* in the same list, before it; NULL: the root */
	/* 0, or what stops it before its first instruction: SIGSTOP, SIGTSTP, ... */
	int stop_signal;
	bool stop_reported;		/* its parent has waited for the stop */
	bool has_sigchld;		/* a SIGCHLD is queued to it */
};

/*
 * Lets the @n tasks, parents before their children, go on in their restored
 * state. All their threads have arrived at RESTORE_STAGE_CREDS of @sync and
 * wait; opens that stage. Returns 0 when every task is on its own, or -errno
 * (logged) with the tree still in our hands: the caller kills it. Should we die
 * meanwhile, the kernel does.
 */
int release_tree(const struct release_task *tasks, size_t n, struct restore_sync *sync);

#endif
