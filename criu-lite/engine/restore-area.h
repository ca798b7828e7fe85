/* SPDX-License-Identifier: GPL-2.0-only */
/* The area of the restorer in a task: making it, filling it, entering it. */
#ifndef CRIU_LITE_ENGINE_RESTORE_AREA_H
#define CRIU_LITE_ENGINE_RESTORE_AREA_H

struct restore;
struct task;

/*
 * In the task: leaves for the restorer. Returns only on failure, -errno,
 * logged.
 */
int restore_area_enter(struct restore *r, struct task *t);

#endif
