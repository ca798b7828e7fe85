/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32C: Castagnoli's polynomial, as in iSCSI (RFC 3720, appendix B.4), ext4 and btrfs. */
#ifndef CRIU_LITE_UTIL_CRC32C_H
#define CRIU_LITE_UTIL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what @crc is of, followed by @data; 0 is that of nothing. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* Those of @n pages, each by itself. */
void crc32c_pages(const void *pages, size_t n, uint32_t *crcs);
/* As crc32c(), without the processor's instruction. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
