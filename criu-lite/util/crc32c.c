// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC-32C by the processor's own instruction (SSE4.2), which every x86_64 of
 * the last fifteen years has; by halves of bytes where it has not. A sum of
 * one word after the other would wait three cycles for each, so pages are
 * summed four at a time, or in four parts. A library would bring more code than
 * that needs. The C library knows what the processor has; the compiler's own way
 * asks it again, in every program, which costs a virtual machine a tenth of a millisecond.
 */
#include "util/crc32c.h"

#include <nmmintrin.h>
#include <stdbool.h>
#include <string.h>
#include <sys/platform/x86.h>
#include <wmmintrin.h>

#include "util/macro.h"

/* Of the processor's cache. */
#define LINE 64
#define QUARTER (PAGE_SIZE / 4)

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
	if (!x86_cpu_active(x86_cpu_SSE4_2))
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

/*
 * A sum waits for the one before it; four of them don't wait for each other. They are of @len
 * bytes each, @len apart. @next: lines as many bytes further on will be asked for next; memory
 * is told so, since the processor guesses right within a page only. 0: nothing will.
 */
__attribute__((target("sse4.2"), always_inline))
static inline void add_four(const uint8_t *p, size_t len, size_t next, uint64_t sums[4])
{
	uint64_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];

	for (const uint8_t *end = p + len; p < end; p += LINE) {
		for (size_t i = 0; next && i < 4; i++)
			__builtin_prefetch(p + next + i * len, 0, 2);
#pragma GCC unroll 8
		for (size_t i = 0; i < LINE; i += sizeof(uint64_t)) {
			a = add_word(a, p + i);
			b = add_word(b, p + i + len);
			c = add_word(c, p + i + 2 * len);
			d = add_word(d, p + i + 3 * len);
		}
	}
	sums[0] = a;
	sums[1] = b;
	sums[2] = c;
	sums[3] = d;
}

__attribute__((target("sse4.2")))
static void crc_four_pages(const uint8_t *p, bool more, uint32_t *crcs)
{
	uint64_t sums[4] = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };

	add_four(p, PAGE_SIZE, more ? 4 * PAGE_SIZE : 0, sums);
	for (size_t i = 0; i < 4; i++)
		crcs[i] = ~(uint32_t)sums[i];
}

/*
 * What a sum is QUARTER zero bytes later: times x^(8 * QUARTER). The product of two reflected
 * polynomials is one bit short of its place, and the instruction multiplies by x^32.
 */
__attribute__((target("sse4.2,pclmul")))
static uint64_t pass_quarter(uint64_t sum)
{
	/* x^(8 * 1024 - 33), reflected. */
	const uint64_t times = 0x170076fa;
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(sum), _mm_cvtsi64_si128(times), 0);

	return _mm_crc32_u64(0, _mm_cvtsi128_si64(product));
}

/* A single page, which somebody waits for: its quarters, put together. */
__attribute__((target("sse4.2,pclmul")))
static uint32_t crc_page(const uint8_t *p)
{
	uint64_t sums[4] = { UINT32_MAX };
	uint64_t sum;

	add_four(p, QUARTER, 0, sums);
	sum = pass_quarter(sums[0]) ^ sums[1];
	sum = pass_quarter(sum) ^ sums[2];
	sum = pass_quarter(sum) ^ sums[3];
	return ~(uint32_t)sum;
}

void crc32c_pages(const void *pages, size_t n, uint32_t *crcs)
{
	const bool pclmul = x86_cpu_active(x86_cpu_PCLMULQDQ);
	const uint8_t *p = pages;
	size_t at = 0;

	if (x86_cpu_active(x86_cpu_SSE4_2)) {
		for (; at + 4 <= n; at += 4)
			crc_four_pages(p + at * PAGE_SIZE, at + 8 <= n, crcs + at);
		for (; pclmul && at < n; at++)
			crcs[at] = crc_page(p + at * PAGE_SIZE);
	}
	for (; at < n; at++)
		crcs[at] = crc32c(0, p + at * PAGE_SIZE, PAGE_SIZE);
}
