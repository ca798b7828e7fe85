/* SPDX-License-Identifier: GPL-2.0-only */
/* What an access to memory ends in. */
#ifndef ZDTM_LIB_FAULT_H
#define ZDTM_LIB_FAULT_H

#include <stdbool.h>

/* The signal of reading or writing one byte: SIGSEGV, SIGBUS; 0: it succeeds. */
int fault_signal(void *addr, bool writes);

#endif
