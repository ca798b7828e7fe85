/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory functions of freestanding code, as the C standard has them. */
#ifndef CRIU_LITE_PIE_STRING_H
#define CRIU_LITE_PIE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
