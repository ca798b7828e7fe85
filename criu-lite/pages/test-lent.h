/* SPDX-License-Identifier: GPL-2.0-only */
/* A task whose memory is lent, for the tests of both protocols. */
#ifndef CRIU_LITE_PAGES_TEST_LENT_H
#define CRIU_LITE_PAGES_TEST_LENT_H

#include <stdint.h>
#include <sys/types.h>

#include "pages/pagemap.h"
#include "util/macro.h"

#define AT(page) ((uint64_t)(page) * PAGE_SIZE)
#define PID 7
#define N_PAGES 1024

/*
 *	page	0    16   32        64             1024
 *	map	|    |LLLL|PPPP|....|LLLLLLLLLLLLLLL|	L: lazy, given	P: in the images
 */
extern const struct page_map lent_map;

struct page_fetch;

/* What page @number holds. */
void lent_page(char *page, uint64_t number);
/* A file that is the task's memory. */
int lent_memory(void);
/* Fails the test when that is not what is there. */
void lent_check(const char *data, uint64_t len, uint64_t addr);

/* Waits until @pid has ended with 0, and until there is something to receive. */
void wait_end(pid_t pid);
void wait_input(struct page_fetch *f);

#endif
