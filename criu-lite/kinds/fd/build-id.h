/* SPDX-License-Identifier: GPL-2.0-only */
/* The build id of an ELF file: tells one build of a program from another. */
#ifndef CRIU_LITE_KINDS_FD_BUILD_ID_H
#define CRIU_LITE_KINDS_FD_BUILD_ID_H

#include <stddef.h>
#include <stdint.h>

/* A build id in 32-bit words, the last one filled up with zero bytes. */
#define BUILD_ID_MAX_WORDS 16

/*
 * Reads the build id of the file @fd, open for reading; its position stays.
 * Returns the number of words; 0 when the file is no 64- or 32-bit ELF file of
 * this byte order, or has no build id within bounds; -errno of a failed read.
 * Nothing is logged.
 */
int build_id_read(int fd, uint32_t words[BUILD_ID_MAX_WORDS]);

#endif
