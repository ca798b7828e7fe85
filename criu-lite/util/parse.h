/* SPDX-License-Identifier: GPL-2.0-only */
/* Strict number parsing: the whole text or nothing. */
#ifndef CRIU_LITE_UTIL_PARSE_H
#define CRIU_LITE_UTIL_PARSE_H

#include <stdint.h>

/* @base as in strtoull. Returns 0, -EINVAL (not a number), -ERANGE. */
int parse_u64(const char *text, int base, uint64_t *value);
int parse_u32(const char *text, int base, uint32_t *value);
/* Bytes: a decimal number, with K, M or G (times 1024) after it or not. */
int parse_size(const char *text, uint64_t *value);
/* A pid: 1 .. 2^22. */
int parse_pid(const char *text, int *pid);

#endif
