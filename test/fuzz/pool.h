/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives back what a load leaves behind.
 *
 * A restore never frees its messages: tasks need them until the process ends.
 * A process that loads a hundred thousand times must. The address sanitizer
 * tells of each allocation; without it nothing is given back.
 */
#ifndef CRIU_LITE_TEST_FUZZ_POOL_H
#define CRIU_LITE_TEST_FUZZ_POOL_H

/* Allocations from here on ... */
void pool_begin(void);
/* ... that are still there are freed, and descriptors from @first_fd on closed. */
void pool_end(int first_fd);

#endif
