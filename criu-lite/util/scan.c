// SPDX-License-Identifier: GPL-2.0-only
/* A cursor over text. */
#include "util/scan.h"

#include <string.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

bool scan_u64(const char **cursor, int base, uint64_t *value)
{
	const char *p = *cursor;
	uint64_t v = 0;

	for (; digit_value(*p) < base; p++)
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_value(*p), &v))
			return false;
	if (p == *cursor)
		return false;
	*value = v;
	*cursor = p;
	return true;
}

bool scan_u32(const char **cursor, int base, uint32_t *value)
{
	const char *p = *cursor;
	uint64_t v;

	if (!scan_u64(&p, base, &v) || v > UINT32_MAX)
		return false;
	*value = v;
	*cursor = p;
	return true;
}

bool scan_i64(const char **cursor, int64_t *value)
{
	const char *p = *cursor;
	bool negative = *p == '-';
	uint64_t v;

	p += negative;
	if (!scan_u64(&p, 10, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*value = negative ? -v : v;
	*cursor = p;
	return true;
}

bool scan_i32(const char **cursor, int32_t *value)
{
	const char *p = *cursor;
	int64_t v;

	if (!scan_i64(&p, &v) || v < INT32_MIN || v > INT32_MAX)
		return false;
	*value = v;
	*cursor = p;
	return true;
}

bool scan_text(const char **cursor, const char *literal)
{
	size_t len = strlen(literal);

	if (strncmp(*cursor, literal, len))
		return false;
	*cursor += len;
	return true;
}

void scan_blanks(const char **cursor)
{
	*cursor += strspn(*cursor, " \t");
}

bool scan_word(const char **cursor, const char **word, size_t *len)
{
	size_t n = strcspn(*cursor, " \t\n");

	if (!n)
		return false;
	*word = *cursor;
	*len = n;
	*cursor += n;
	return true;
}

bool scan_end_of_line(const char **cursor)
{
	if (**cursor == '\n')
		(*cursor)++;
	else if (**cursor)
		return false;
	return true;
}

bool scan_line(const char **cursor, const char **line, size_t *len)
{
	if (!**cursor)
		return false;
	*line = *cursor;
	*len = strcspn(*cursor, "\n");
	*cursor += *len;
	return scan_end_of_line(cursor);
}
