/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory files: inodes that live in memory only and have no path. A memfd is
 * one; so is every shared anonymous mapping, whose inode is called
 * "/dev/zero".
 */
#ifndef CRIU_LITE_KINDS_MM_MEMFD_H
#define CRIU_LITE_KINDS_MM_MEMFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "images/memfd.pb-c.h"
#include "images/vma.pb-c.h"

struct dump;
struct page_extent;
struct page_map;
struct page_sink;
struct restore;
struct restorer_args;
struct task;

/* The name in memfd.img of what mmap(MAP_SHARED | MAP_ANONYMOUS) makes. */
#define MEMFD_DEV_ZERO "/dev/zero"
/* And of what it makes with MAP_HUGETLB; a private mapping of one is anonymous memory. */
#define MEMFD_ANON_HUGE "/anon_hugepage"

/* Bytes of a segment. */
struct memfd_range {
	uint64_t start, end;
};

struct memfd_inode {
	struct memfd_inode *next;
	MemfdInodeEntry *entry;
	bool dev_zero;
	bool anon_huge;
	uint64_t huge_page;		/* bytes of each; 0: ordinary. Restore: when it is open */
	int fd;				/* dump: for reading; restore: service descriptor, or -1 */

	dev_t dev;			/* dump: who it is */
	uint64_t ino;

	/* Restore. */
	bool segment;			/* known from mappings only (VMA_ANON_SHARED) */
	bool noreserve;
	bool eager;			/* some mapping can't wait for its pages */
	bool before_seal, after_seal;	/* F_SEAL_FUTURE_WRITE: mappings older, younger than it */
	bool lazy;			/* the server fills what is mapped; decided at open */
	struct page_map *pages;		/* NULL: size 0 */
	struct memfd_range *armable;	/* what mappings that can wait show of it */
	size_t n_armable, cap_armable;
};

/* Dump: the inode behind a mapping that memfd_kind has dumped. */
struct memfd_inode *memfd_inode_by_ino(const struct dump *d, uint64_t ino);

/* Restore: the inode behind a mapping, or NULL. */
struct memfd_inode *memfd_inode_of_vma(const struct restore *r, const VmaEntry *entry);
/* A segment that only mappings tell of: found, or made and grown to @size bytes. */
int memfd_segment_get(struct restore *r, uint64_t shmid, uint64_t size,
		      struct memfd_inode **inode);
/* Opens and fills the inode unless that is done. 0 or -errno, logged. */
int memfd_inode_open(struct restore *r, struct memfd_inode *inode);

/*
 * Whether the mapping is to be armed for the lazy-pages server; *shmid is then
 * the segment that its pages come from. Valid when all files are open.
 */
bool memfd_vma_is_lazy(const struct restore *r, const VmaEntry *entry, uint64_t *shmid);

/* Seals that wait until all is mapped: how many bytes of restorer_alloc() they take. */
uint64_t memfd_seals_room(const struct restore *r);
/* Hands them to the restorer of the root task. 0 or -ENOMEM, logged. */
int memfd_seals_plan(const struct restore *r, const struct task *t, struct restorer_args *args);

/* Content (kinds/mm/memfd-pages.c). All return 0 or -errno, logged. */

/* Writes pagemap-shmem and pages of the inode. */
int memfd_pages_save(struct dump *d, struct memfd_inode *inode);
/* Reads the page map and checks it against the size. */
int memfd_pages_load(struct restore *r, struct memfd_inode *inode);
/* Puts [start, end) of the content into inode->fd; page-aligned. */
int memfd_pages_fill(const struct memfd_inode *inode, uint64_t start, uint64_t end);

/* The same for huge pages (kinds/mm/memfd-huge.c). */
int memfd_huge_save(const struct memfd_inode *inode, struct page_sink *sink);
/* Fills [start, end), a part of @ext. */
int memfd_huge_fill(const struct memfd_inode *inode, const struct page_extent *ext,
		    uint64_t start, uint64_t end);

#endif
