/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PROCMAP_QUERY ioctl of /proc/PID/maps (Linux 6.11), for C libraries whose
 * <linux/fs.h> is older. Source: Documentation/filesystems/proc.rst, PROCMAP_QUERY(2const).
 */
#ifndef CRIU_LITE_SYS_ABI_PROCMAP_H
#define CRIU_LITE_SYS_ABI_PROCMAP_H

#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>

#ifndef PROCMAP_QUERY
struct procmap_query {
	uint64_t size;			/* of this struct */
	uint64_t query_flags;
	uint64_t query_addr;
	/* Out: the mapping. */
	uint64_t vma_start, vma_end;
	uint64_t vma_flags;
	uint64_t vma_page_size;
	uint64_t vma_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	/* In: room for the name and the build id, 0: not asked for; out: their sizes. */
	uint32_t vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define PROCMAP_QUERY		_IOWR('f', 17, struct procmap_query)

/* The mapping at the address, or else the next one above. */
#define PROCMAP_QUERY_COVERING_OR_NEXT_VMA	0x10
#endif

#endif
