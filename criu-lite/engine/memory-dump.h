/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a dumped task: what is mapped, and what is in it. */
#ifndef CRIU_LITE_ENGINE_MEMORY_DUMP_H
#define CRIU_LITE_ENGINE_MEMORY_DUMP_H

struct dump;
struct task;

/*
 * Gives every mapping of t->dump->vmas (read before the parasite came) to its
 * kind and fills t->mm->vmas; makes t->mm when there is none yet. The files
 * behind the mappings become files of the dump. The parasite is there, and
 * t->dump->status was read before it came. Writes nothing.
 * Returns 0 or -errno; -ENOTSUP: a mapping that is not covered, named in the log.
 */
int memory_dump_collect(struct dump *d, struct task *t);

/*
 * Writes pagemap-PID and its pages file. The task is stopped and its parasite
 * answers; all memory is on its way to the file, none in a pipe, when this
 * returns. Counts into d->stats. Returns 0 or -errno.
 */
int memory_dump_save(struct dump *d, struct task *t);

#endif
