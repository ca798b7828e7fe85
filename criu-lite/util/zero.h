/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether there is nothing in memory. */
#ifndef CRIU_LITE_UTIL_ZERO_H
#define CRIU_LITE_UTIL_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether @len bytes are all zero. */
static inline bool all_zero(const void *data, size_t len)
{
	const char *p = data;

	/* Each is what the one before it is. */
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

#endif
