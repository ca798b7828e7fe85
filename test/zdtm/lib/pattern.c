// SPDX-License-Identifier: GPL-2.0-only
/* Filling and verifying memory. */
#include "lib/pattern.h"

#include <sys/mman.h>

#include "lib/report.h"

/* A bijection that spreads neighbouring inputs over all bits (multiply, fold, repeat). */
static uint64_t mix(uint64_t x)
{
	for (int round = 0; round < 2; round++) {
		x *= 0x9e3779b97f4a7c15;
		x ^= x >> 29;
	}
	return x;
}

uint64_t pattern_seed(const void *addr, unsigned int version)
{
	return (uintptr_t)addr ^ (uint64_t)version << 48;
}

void pattern_fill(void *addr, size_t len, uint64_t seed)
{
	uint64_t *words = addr;

	for (size_t i = 0; i < len / sizeof(*words); i++)
		words[i] = mix(seed + i * sizeof(*words));
}

void pattern_check(const void *addr, size_t len, uint64_t seed)
{
	const uint64_t *words = addr;

	for (size_t i = 0; i < len / sizeof(*words); i++) {
		uint64_t found = words[i], wanted = mix(seed + i * sizeof(*words));

		CHECK(found == wanted, "word %#lx of %p is %#lx, not %#lx",
		      i * sizeof(*words), addr, found, wanted);
	}
}

void pattern_check_zero(const void *addr, size_t len)
{
	const uint64_t *words = addr;

	for (size_t i = 0; i < len / sizeof(*words); i++) {
		uint64_t found = words[i];

		CHECK(!found, "word %#lx of %p is %#lx, not zero", i * sizeof(*words), addr,
		      found);
	}
}

void pages_fill(void *addr, size_t len, unsigned int version)
{
	for (size_t at = 0; at < len; at += PAGE)
		pattern_fill((char *)addr + at, PAGE, pattern_seed((char *)addr + at, version));
}

void pages_check(const void *addr, size_t len, unsigned int version)
{
	for (size_t at = 0; at < len; at += PAGE)
		pattern_check((const char *)addr + at, PAGE,
			      pattern_seed((const char *)addr + at, version));
}

void *map_anon(size_t len, int flags)
{
	return MUST(mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0));
}
