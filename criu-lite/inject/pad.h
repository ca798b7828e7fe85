/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pad: some hundred bytes of ours in a task, from which a thread makes
 * system calls for us and finds back to its frame when the dumper dies.
 *
 * It lies in zero padding that the task's address space has anyway, behind the
 * code of the vdso or of a mapped executable file, so that nothing needs to be
 * mapped for it. The task can't write it, only we can, through /proc/PID/mem.
 * A dumper that was killed leaves its pad behind: dead bytes in the padding. A
 * handler that interrupted the pad may still return into it, so that the
 * next dumper takes a free place first, and the oldest pad's only when there
 * is no other.
 */
#ifndef CRIU_LITE_INJECT_PAD_H
#define CRIU_LITE_INJECT_PAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inject/arch.h"

struct tracee;

struct pad {
	pid_t pid;
	int mem_fd;			/* /proc/PID/mem, not owned */
	uint64_t addr;			/* in the task; 0: not placed */
	uint64_t breaking;		/* signals whose handler runs without SA_RESTART */
	uint8_t image[ARCH_PAD_MAX] __attribute__((aligned(8)));	/* what is there */
};

/* What the pad of a dead dumper was to unmap; len 0: nothing yet. */
struct pad_area {
	uint64_t addr, len;
};

#define PAD_STALE_MAX 4

/* All return 0 or -errno, logged. */

/* Looks for pads of dead dumpers. Returns how many, or -errno. */
int pad_stale(pid_t pid, int mem_fd, struct pad_area areas[PAD_STALE_MAX]);
/*
 * Whether the running or stopped task @pid has a pad that @ip lies in: a
 * thread there is on its way back to its frame, or to its end.
 */
bool pad_holds(pid_t pid, uint64_t ip);

/*
 * Whether the last page of a mapping is @clean but for pads of dead dumpers in places
 * that are zero in @clean.
 */
bool pad_tells_apart(const uint8_t *page, const uint8_t *clean);

/* Finds a place and writes a pad for no thread. -ENOSPC: there is no place. */
int pad_place(struct pad *pad, pid_t pid, int mem_fd);
/* The place is zero again. No thread may be on the pad. */
int pad_remove(struct pad *pad);
/* Writes @image after it was changed. Only the data may have changed. */
int pad_update(struct pad *pad);

#endif
