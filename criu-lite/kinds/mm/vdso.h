/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own code and data in user space: vdso and vvar. */
#ifndef CRIU_LITE_KINDS_MM_VDSO_H
#define CRIU_LITE_KINDS_MM_VDSO_H

#include <stddef.h>
#include <stdint.h>

#include "images/mm.pb-c.h"
#include "inject/abi/restorer.h"

struct proc_maps;
struct restore;
struct restorer_args;
struct task;

/* Both are mapped together. Zeros: not there. Adjacent pieces of vvar count as one. */
struct vdso_layout {
	uint64_t vvar_start, vvar_end;
	uint64_t vdso_start, vdso_end;
};

void vdso_layout_of_maps(const struct proc_maps *maps, struct vdso_layout *layout);
void vdso_layout_of_image(const MmEntry *mm, struct vdso_layout *layout);
/* Why the code that runs here can't stand in for the dumped one; NULL: it can. */
const char *vdso_layout_fault(const struct vdso_layout *dumped, const struct vdso_layout *own);

/* How many bytes vdso_plan() takes from restorer_alloc() at most. */
uint64_t vdso_room(const struct restore *r);
/* Fills args->mm.vdso. Returns 0 or -errno, logged. */
int vdso_plan(const struct restore *r, const struct task *t, struct restorer_args *args);

#endif
