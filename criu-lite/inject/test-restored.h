/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A task for the tests of the restorer: what it is restored with, and how it
 * finds out for itself whether that is what it got.
 */
#ifndef CRIU_LITE_INJECT_TEST_RESTORED_H
#define CRIU_LITE_INJECT_TEST_RESTORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/proc_maps.h"

struct arena;
struct restorer_args;
struct restorer_vma;

#define RESTORED_THREADS 3
#define RESTORED_TIMERS 2
#define RESTORED_SERVICE_BASE 500
#define RESTORED_LAZY_PAGES 4
#define RESTORED_LAZY_BYTE 0x5a

/* The task makes these mappings before its memory is read; zeroed ones do without. */
struct restored_memory {
	char *hidden;			/* PROT_NONE, with content */
	char *advised;			/* DONTDUMP */
	char *growing;			/* GROWSDOWN */
	char *locked;
	char *lazy;			/* RESTORED_LAZY_PAGES pages, armed; NULL: none */
	uint64_t area_start;
};

extern struct restored_memory restored_memory;

/* Makes the mappings above. */
void restored_prepare(bool lazy);
/* What is special about the mapping; true: its pages are not read back. */
bool restored_vma(const struct proc_vma *from, struct restorer_vma *vma);
/* Fills all but memory; what it needs comes from the area, and from @arena until the jump. */
void restored_plan(struct arena *arena, struct restorer_args *args);

#endif
