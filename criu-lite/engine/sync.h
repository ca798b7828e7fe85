/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control block of a restore: stages that the whole tree passes together.
 *
 * It lies in memory that the coordinator and all tasks share, so that a task
 * that dies, however it dies, can't take the others' view of it along. The
 * layout and the meaning of the fields are in inject/abi/restorer.h: the
 * restorer passes the later stages with the same block.
 */
#ifndef CRIU_LITE_ENGINE_SYNC_H
#define CRIU_LITE_ENGINE_SYNC_H

#include <stdint.h>

#include "inject/abi/restorer.h"

struct restore;

/* Makes r->sync and r->sync_fd. Returns 0 or -errno. */
int sync_new(struct restore *r);

/* For a task: says that it reached the end of @stage. */
void sync_arrive(struct restore_sync *sync, enum restore_stage stage);
/* For a task: waits until @stage may be left. Returns 0, or -ECANCELED: another one failed. */
int sync_wait(struct restore_sync *sync, enum restore_stage stage);
/* For a task: tells that it failed, having logged why. */
void sync_fail(struct restore_sync *sync, int pid, int err);

/* For the coordinator: lets everyone leave @stage, and those before it. */
void sync_open(struct restore_sync *sync, enum restore_stage stage);
/* For the coordinator: 0, or -ECANCELED when a task failed (logged). */
int sync_check(const struct restore_sync *sync, enum restore_stage stage);
/*
 * For the coordinator: waits until @n arrived at the end of @stage.
 * @check is asked every now and then whether it still makes sense to wait.
 * Returns 0, -ECANCELED (a task failed; logged) or what @check returned.
 */
int sync_collect(struct restore_sync *sync, enum restore_stage stage, uint32_t n,
		 int (*check)(void *arg), void *arg);

#endif
