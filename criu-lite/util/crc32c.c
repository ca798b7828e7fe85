// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC-32C by the processor's own instruction (SSE4.2), which every x86_64 of
 * the last fifteen years has; by halves of bytes where it has not. A library
 * would bring more code than the dozen lines that the instruction needs.
 */
#include "util/crc32c.h"

#include <nmmintrin.h>
#include <string.h>

#include "util/macro.h"

__attribute__((target("sse4.2")))
static uint32_t crc_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t wide = crc, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = wide;
	for (; len; len--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}

/* The remainder of each half byte, for the reflected polynomial 0x82f63b78. */
static const uint32_t half_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362,
	0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
	0xe330a81a, 0xf36e6f75,
};

static uint32_t crc_table(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len; len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ half_table[crc & 15];
		crc = crc >> 4 ^ half_table[crc & 15];
	}
	return crc;
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	return ~crc_table(~crc, data, len);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	if (!__builtin_cpu_supports("sse4.2"))
		return crc32c_portable(crc, data, len);
	return ~crc_instruction(~crc, data, len);
}

__attribute__((target("sse4.2")))
static inline uint64_t add_word(uint64_t sum, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return _mm_crc32_u64(sum, word);
}

/* A sum waits for the one before it; those of four pages don't wait for each other. */
__attribute__((target("sse4.2")))
static void crc_four(const uint8_t *p, uint32_t crcs[4])
{
	uint64_t a = UINT32_MAX, b = a, c = a, d = a;

	for (const uint8_t *end = p + PAGE_SIZE; p < end; p += sizeof(uint64_t)) {
		a = add_word(a, p);
		b = add_word(b, p + PAGE_SIZE);
		c = add_word(c, p + 2 * PAGE_SIZE);
		d = add_word(d, p + 3 * PAGE_SIZE);
	}
	crcs[0] = ~(uint32_t)a;
	crcs[1] = ~(uint32_t)b;
	crcs[2] = ~(uint32_t)c;
	crcs[3] = ~(uint32_t)d;
}

void crc32c_pages(const void *pages, size_t n, uint32_t *crcs)
{
	const uint8_t *p = pages;
	size_t at = 0;

	if (__builtin_cpu_supports("sse4.2"))
		for (; at + 4 <= n; at += 4)
			crc_four(p + at * PAGE_SIZE, crcs + at);
	for (; at < n; at++)
		crcs[at] = crc32c(0, p + at * PAGE_SIZE, PAGE_SIZE);
}
