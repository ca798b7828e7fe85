/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/PID/auxv: the auxiliary vector the kernel gave the program. */
#ifndef CRIU_LITE_SYS_PROC_AUXV_H
#define CRIU_LITE_SYS_PROC_AUXV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_AUXV_MAX 64		/* words; the kernel keeps about 48 */

struct proc_auxv {
	uint64_t words[PROC_AUXV_MAX];	/* type, value, type, value, ... as the kernel has it */
	size_t n_words;			/* even; AT_NULL and what the kernel keeps behind it too */
};

/* Returns 0 or -EINVAL (an odd size, too many), logged. */
int proc_auxv_parse(const void *data, size_t len, struct proc_auxv *auxv);
/*
 * Errors as in sys/proc.h. Of a task without memory (a
 * zombie) there are no words, or, on newer kernels, it is -ESRCH.
 */
int proc_auxv_read(pid_t pid, struct proc_auxv *auxv);
/* The value of type AT_*; false: the vector has none. */
bool proc_auxv_find(const struct proc_auxv *auxv, uint64_t type, uint64_t *value);

#endif
