// SPDX-License-Identifier: GPL-2.0-only
/* Strict number parsing. */
#include "util/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parse_u64(const char *text, int base, uint64_t *value)
{
	unsigned long long v;
	char *end;

	/* strtoull takes blanks and a minus sign; a number has neither. */
	if (!isxdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, base);
	if (errno)
		return -errno;
	if (*end)
		return -EINVAL;
	*value = v;
	return 0;
}

int parse_u32(const char *text, int base, uint32_t *value)
{
	uint64_t v;
	int r = parse_u64(text, base, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*value = v;
	return 0;
}

int parse_size(const char *text, uint64_t *value)
{
	static const char units[] = "KMG";
	const char *unit = *text ? strchr(units, text[strlen(text) - 1]) : NULL;
	unsigned int shift = unit && *unit ? 10 * (unit - units + 1) : 0;
	char number[32];
	uint64_t n;
	int r;

	if (snprintf(number, sizeof(number), "%.*s", (int)strlen(text) - !!shift, text) >=
	    (int)sizeof(number))
		return -EINVAL;
	r = parse_u64(number, 10, &n);
	if (r < 0)
		return r;
	if (n > UINT64_MAX >> shift)
		return -ERANGE;
	*value = n << shift;
	return 0;
}

int parse_pid(const char *text, int *pid)
{
	uint64_t v;
	int r = parse_u64(text, 10, &v);

	if (r < 0)
		return r;
	if (v < 1 || v > 1 << 22)
		return -ERANGE;
	*pid = v;
	return 0;
}
