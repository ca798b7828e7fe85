/* SPDX-License-Identifier: GPL-2.0-only */
/* A restored task, from its first instruction to the restorer. */
#ifndef CRIU_LITE_ENGINE_RESTORE_TASK_H
#define CRIU_LITE_ENGINE_RESTORE_TASK_H

struct restore;
struct task;

/*
 * Makes @t as a child of the caller, with its pid. The child runs its whole
 * restore and never returns here. Returns 0 or -errno (logged), and the
 * child's pidfd in *pidfd unless that is NULL.
 */
int restore_task_make(struct restore *r, struct task *t, int *pidfd);

#endif
