/* SPDX-License-Identifier: GPL-2.0-only */
/* Unmappings that the kernel told of and then refused. */
#ifndef LAZY_PAGES_UNMAP_H
#define LAZY_PAGES_UNMAP_H

#include <stdbool.h>
#include <stdint.h>

struct lazy_space;

/* Whether an UNMAP of [start, end), which was just read, was refused: all of it is there. */
bool unmap_was_refused(const struct lazy_space *sp, uint64_t start, uint64_t end);

#endif
