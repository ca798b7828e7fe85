/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The blobs that are built from this directory: position-independent code
 * without variables and relocations, to be copied to any address of another
 * address space, mapped read+exec, and entered at its first byte.
 */
#ifndef CRIU_LITE_PIE_BLOB_H
#define CRIU_LITE_PIE_BLOB_H

extern const unsigned char pie_parasite_start[], pie_parasite_end[];
extern const unsigned char pie_restorer_start[], pie_restorer_end[];

#endif
