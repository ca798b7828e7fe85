/* SPDX-License-Identifier: GPL-2.0-only */
/* A task's descriptor table, from service descriptors to its own numbers. */
#ifndef CRIU_LITE_ENGINE_FDTABLE_H
#define CRIU_LITE_ENGINE_FDTABLE_H

struct restore;
struct task;

/*
 * Chooses r->service_base and r->service_last: above every number that a task
 * uses, or in a gap between them, with room for every open file. Raises our own
 * limit of open files as far as it goes.
 * Before any service descriptor is made. Returns 0 or -errno.
 */
int fdtable_choose_base(struct restore *r);

/*
 * In the task: every descriptor at its number, all others but the service
 * descriptors closed; then what can only be done with the table in
 * place. A table shared with the parent is the parent's work.
 */
int fdtable_assemble(struct restore *r, struct task *t);

#endif
