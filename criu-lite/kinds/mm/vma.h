/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kinds of mappings share: refusals in one form, and the files that
 * are mapped.
 */
#ifndef CRIU_LITE_KINDS_MM_VMA_H
#define CRIU_LITE_KINDS_MM_VMA_H

#include <stdbool.h>
#include <stdint.h>

#include "images/fdinfo.pb-c.h"
#include "images/vma.pb-c.h"

struct dump;
struct proc_vma;
struct restore;
struct restorer_vma;
struct task;

/* Whether /proc shows @text as the name of the mapping. */
bool vma_is_named(const struct proc_vma *vma, const char *text);
bool vma_name_begins(const struct proc_vma *vma, const char *prefix);
/* Whether the name says that the file has no path any more. */
bool vma_name_is_deleted(const struct proc_vma *vma);

/* Names the mapping and says why it can't be dumped. Returns -ENOTSUP. */
int vma_refuse(const struct task *t, const struct proc_vma *vma, const char *why);

/*
 * Makes the mapped file a file of the dump and sets entry->shmid to its id and
 * entry->fdflags to how it must be open for this mapping. Returns 0 or -errno.
 */
int vma_file_dump(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry);

/* How the file must be open (O_RDONLY, O_RDWR) to be mapped as @entry says. */
uint32_t vma_file_mode(const VmaEntry *entry);
/* Whether entry->shmid names a file of @type that can be mapped. 0 or -errno. */
int vma_file_check(struct restore *r, struct task *t, const VmaEntry *entry, FdTypes type);
/* Opens mapped files a second time where their own mode does not fit. 0 or -errno. */
int vma_file_open(struct restore *r);
/* Sets vma->fd. */
int vma_file_plan(struct restore *r, const VmaEntry *entry, FdTypes type,
		  struct restorer_vma *vma);

#endif
