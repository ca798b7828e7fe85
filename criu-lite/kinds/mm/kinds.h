/* SPDX-License-Identifier: GPL-2.0-only */
/* The kinds of mappings, for kinds/table.c. */
#ifndef CRIU_LITE_KINDS_MM_KINDS_H
#define CRIU_LITE_KINDS_MM_KINDS_H

#include "core/kind.h"

extern const struct file_kind memfd_kind;

extern const struct vma_kind vma_anon_kind;
extern const struct vma_kind vma_anon_shared_kind;
extern const struct vma_kind vma_file_private_kind;
extern const struct vma_kind vma_file_shared_kind;
extern const struct vma_kind vma_memfd_private_kind;
extern const struct vma_kind vma_memfd_shared_kind;
extern const struct vma_kind vma_refused_kind;
extern const struct vma_kind vma_vdso_kind;
extern const struct vma_kind vma_vsyscall_kind;
extern const struct vma_kind vma_vvar_kind;

#endif
