/* SPDX-License-Identifier: GPL-2.0-only */
/* The numbers in a vma_entry (spec/images.md, section 5.2). */
#ifndef CRIU_LITE_IMAGE_VMA_H
#define CRIU_LITE_IMAGE_VMA_H

#include <stdint.h>
#include <sys/mman.h>

/* status */
enum vma_status {
	VMA_REGULAR = 1 << 0,		/* to be mapped; absent: the kernel's own */
	VMA_STACK = 1 << 1,		/* older images only */
	VMA_VSYSCALL = 1 << 2,
	VMA_VDSO = 1 << 3,
	VMA_HEAP = 1 << 5,
	VMA_FILE_PRIVATE = 1 << 6,
	VMA_FILE_SHARED = 1 << 7,
	VMA_ANON_SHARED = 1 << 8,
	VMA_ANON_PRIVATE = 1 << 9,
	VMA_SYSVIPC = 1 << 10,
	VMA_SOCKET = 1 << 11,
	VMA_VVAR = 1 << 12,
	VMA_AIORING = 1 << 13,
	VMA_MEMFD = 1 << 14,
	VMA_SHSTK = 1 << 15,
	VMA_GUARD = 1 << 16,
	VMA_UPROBES = 1 << 17,
	VMA_EXT_PLUGIN = 1 << 27,
};

/* What says which kind of mapping it is: all but the marks of heap and stack. */
#define VMA_CLASS_MASK (~(uint32_t)(VMA_STACK | VMA_HEAP))

/* flags: what an image may hold of mmap's. */
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08		/* Linux 6.11 */
#endif
/* anon_name: bytes at most, without the end. */
#define VMA_ANON_NAME_MAX 79
/* With MAP_HUGETLB, as with MFD_HUGETLB: log2 of the page size; 0: the system's default. */
#define VMA_HUGETLB_SHIFT 26
#define VMA_HUGETLB_SIZE_MASK (0x3fU << VMA_HUGETLB_SHIFT)
#define VMA_FLAGS_KNOWN							\
	(MAP_SHARED | MAP_PRIVATE | MAP_DROPPABLE | MAP_ANONYMOUS | MAP_GROWSDOWN |	\
	 MAP_LOCKED | MAP_NORESERVE | MAP_HUGETLB | VMA_HUGETLB_SIZE_MASK)

#endif
