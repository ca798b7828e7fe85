/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a restored task. In the order of use:
 *
 *	coordinator	memory_restore_load	after file_kind.collect
 *	root task	memory_restore_open	after file_kind.open
 *	coordinator	memory_restore_room	how large the restorer's area is
 *	each task	memory_restore_find_area	and where
 *	each task	memory_restore_plan	when the area is mapped
 */
#ifndef CRIU_LITE_ENGINE_MEMORY_RESTORE_H
#define CRIU_LITE_ENGINE_MEMORY_RESTORE_H

#include <stdint.h>

#include "engine/memory-plan.h"
#include "images/vma.pb-c.h"

struct restore;
struct restorer_args;
struct restorer_vma;
struct task;

/*
 * Reads the page map of a live task and checks it and the VMAs against each
 * other; every VMA is checked by its kind. Returns 0 or -errno, logged.
 */
int memory_restore_load(struct restore *r, struct task *t);

/*
 * Holds what the tasks read of the pages files against its checksums: for the
 * coordinator, while they do. Returns 0 or -errno, logged.
 */
int memory_restore_verify(const struct restore *r);

/*
 * Turns the pages files of all tasks into service descriptors, and opens what
 * mappings share. Returns 0 or -errno.
 */
int memory_restore_open(struct restore *r);

/* What becomes of the pages of a mapping whose kind has checked it. */
enum plan_pages memory_restore_pages(const struct restore *r, const VmaEntry *entry);

/* The mapping as a whole, not armed. Its file is open. Returns 0 or -errno, logged. */
int memory_restore_vma(struct restore *r, struct task *t, const VmaEntry *entry,
		       struct restorer_vma *vma);

/* How many bytes memory_restore_plan() takes from restorer_alloc() at most. */
uint64_t memory_restore_room(const struct restore *r, const struct task *t);

/*
 * Finds @size bytes (a multiple of the page size) that are free now, in the
 * calling task, and in the layout to restore. Returns 0 or -errno, logged.
 */
int memory_restore_find_area(const struct restore *r, const struct task *t, uint64_t size,
			     uint64_t *addr);

/*
 * In the task: fills args->mm but for layout, auxv, exe_fd and thp_disabled.
 * A lazy restore gets its userfaultfd here, and the server at r->handoff is told.
 * Returns 0 or -errno, logged.
 */
int memory_restore_plan(struct restore *r, struct task *t, struct restorer_args *args);

#endif
