/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which page of the machine is behind an address: two tasks that show the same
 * one share it.
 */
#ifndef ZDTM_LIB_FRAME_H
#define ZDTM_LIB_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The page frame numbers of @n pages of a task; 0 where no page is. */
void page_frames(pid_t pid, const void *addr, size_t n, uint64_t *frames);
/* For zdtm_test.unsupported: why page_frames() can't tell; NULL: it can. */
const char *page_frames_unsupported(void);

#endif
