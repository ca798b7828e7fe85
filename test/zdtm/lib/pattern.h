/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory with content that tells a stranger's page, an old page and a zero page
 * from the right one: every word depends on a seed and on its place.
 */
#ifndef ZDTM_LIB_PATTERN_H
#define ZDTM_LIB_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL
#define KIB 1024UL
#define MIB (1024UL * 1024)
#define GIB (1024UL * 1024 * 1024)

/* Of an address and the number of times that its content was replaced. */
uint64_t pattern_seed(const void *addr, unsigned int version);
/* @addr and @len are multiples of 8 bytes. */
void pattern_fill(void *addr, size_t len, uint64_t seed);
/* Fails the test at the first word that is not what pattern_fill() wrote. */
void pattern_check(const void *addr, size_t len, uint64_t seed);
/* Fails the test at the first word that is not zero. */
void pattern_check_zero(const void *addr, size_t len);

/* Page by page, each with the seed of its own address. */
void pages_fill(void *addr, size_t len, unsigned int version);
void pages_check(const void *addr, size_t len, unsigned int version);

/* Anonymous memory, MAP_PRIVATE or MAP_SHARED, readable and writable. */
void *map_anon(size_t len, int flags);

#endif
