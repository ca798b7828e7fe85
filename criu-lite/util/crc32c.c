// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC-32C by the processor's own instruction (SSE4.2), which every x86_64 of
 * the last fifteen years has; by halves of bytes where it has not. A library
 * would bring more code than the dozen lines that the instruction needs.
 */
#include "util/crc32c.h"

#include <nmmintrin.h>
#include <string.h>

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
