/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cursor over text: the parts that /proc parsers are made of.
 *
 * Each function takes what it names at the cursor and moves past it. When the
 * text is something else it returns false and the cursor stays where it was.
 * No function goes past the NUL byte, and only scan_line() and
 * scan_end_of_line() go past a newline.
 */
#ifndef CRIU_LITE_UTIL_SCAN_H
#define CRIU_LITE_UTIL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits of @base (2..16), no sign, no prefix. False when it does not fit. */
bool scan_u64(const char **cursor, int base, uint64_t *value);
bool scan_u32(const char **cursor, int base, uint32_t *value);
/* Decimal, with or without a minus sign. */
bool scan_i64(const char **cursor, int64_t *value);
bool scan_i32(const char **cursor, int32_t *value);
/* Exactly @literal. */
bool scan_text(const char **cursor, const char *literal);
/* Blanks and tabs, none is fine. */
void scan_blanks(const char **cursor);
/* What stands before the next blank, newline or the end; not empty. */
bool scan_word(const char **cursor, const char **word, size_t *len);
/* The end of a line, with its newline, or of the text. */
bool scan_end_of_line(const char **cursor);
/* The rest of this line without its newline. False at the end of the text. */
bool scan_line(const char **cursor, const char **line, size_t *len);

#endif
