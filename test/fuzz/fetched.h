/* SPDX-License-Identifier: GPL-2.0-only */
/* What the targets that ask a page server share. */
#ifndef CRIU_LITE_TEST_FUZZ_FETCHED_H
#define CRIU_LITE_TEST_FUZZ_FETCHED_H

#include <stdint.h>

struct page_fetch;

/*
 * Looks at what has come of [@start, @end) of task @pid: all of it must have been asked for,
 * which was [@start, @asked). Aborts if it was not.
 */
void fetched_check(struct page_fetch *f, int pid, uint64_t start, uint64_t asked, uint64_t end);

#endif
