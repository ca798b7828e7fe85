/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/maps and smaps: the mappings (VMAs) of a task.
 * Source: proc(5), Documentation/filesystems/proc.rst.
 */
#ifndef CRIU_LITE_SYS_PROC_MAPS_H
#define CRIU_LITE_SYS_PROC_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A bit for each two-letter code of smaps' VmFlags line. */
enum vma_flag {
	VMA_FLAG_AC, VMA_FLAG_AR, VMA_FLAG_BT, VMA_FLAG_DC, VMA_FLAG_DD, VMA_FLAG_DE,
	VMA_FLAG_DP, VMA_FLAG_DW, VMA_FLAG_EX, VMA_FLAG_GD, VMA_FLAG_GU, VMA_FLAG_HG,
	VMA_FLAG_HT, VMA_FLAG_IO, VMA_FLAG_LF, VMA_FLAG_LO, VMA_FLAG_ME, VMA_FLAG_MG,
	VMA_FLAG_MM, VMA_FLAG_MP, VMA_FLAG_MR, VMA_FLAG_MS, VMA_FLAG_MT, VMA_FLAG_MW,
	VMA_FLAG_NH, VMA_FLAG_NL, VMA_FLAG_NR, VMA_FLAG_PF, VMA_FLAG_RD, VMA_FLAG_RR,
	VMA_FLAG_SD, VMA_FLAG_SF, VMA_FLAG_SH, VMA_FLAG_SL, VMA_FLAG_SR, VMA_FLAG_SS,
	VMA_FLAG_UI, VMA_FLAG_UM, VMA_FLAG_UW, VMA_FLAG_WF, VMA_FLAG_WR,
	VMA_FLAG_UNKNOWN,		/* a code that this table lacks */
};

#define VMA_FLAG_BIT(flag) (1ULL << (flag))

struct proc_vma {
	uint64_t start, end;		/* addresses, whole pages; end is outside */
	uint64_t pgoff;			/* bytes into the file */
	uint64_t ino;			/* 0: no file */
	uint64_t flags;			/* VMA_FLAG_BIT()s; 0 when read from maps */
	uint64_t rss, swap;		/* bytes, without huge pages of hugetlb; 0 from maps */
	uint64_t page_size;		/* bytes: of huge pages, where hugetlb is; 0 from maps */
	uint32_t major, minor;		/* device of the file */
	uint32_t prot;			/* PROT_* */
	uint32_t pkey;			/* protection key */
	bool shared;
	/*
	 * What ends the line: "/a/b", "/a/b (deleted)", "[heap]", "[stack]",
	 * "[vdso]", "[vvar]", "[anon:NAME]"; NULL: nothing. A newline in it is
	 * "\012". Only a hint: the file itself is map_files/START-END.
	 */
	char *name;
};

struct proc_maps {
	struct proc_vma *vmas;		/* ascending, disjoint */
	size_t n_vmas, cap_vmas;
};

/* Text of maps or smaps. Fills @maps. Returns 0, -EINVAL (logged) or -ENOMEM. */
int proc_maps_parse(const char *text, struct proc_maps *maps);
/*
 * Reads /proc/PID/maps (start to name only, cheap) or smaps (all fields; the
 * kernel walks the page tables for it). Errors as in sys/proc.h. A task
 * without memory (a zombie) gives no VMAs. The task must stand still, or a
 * mapping that comes, goes or moves meanwhile may be missed.
 */
int proc_maps_read(pid_t pid, struct proc_maps *maps);
int proc_smaps_read(pid_t pid, struct proc_maps *maps);
/*
 * Whether anything is mapped in [start, end): 1 or 0; the task may run. Before
 * Linux 6.11 all of maps is read. Errors as in sys/proc.h.
 */
int proc_maps_any(pid_t pid, uint64_t start, uint64_t end);
void proc_maps_fini(struct proc_maps *maps);
/* The VMA that holds @addr, or NULL. */
const struct proc_vma *proc_maps_find(const struct proc_maps *maps, uint64_t addr);

static inline bool vma_has_flag(const struct proc_vma *vma, enum vma_flag flag)
{
	return vma->flags & VMA_FLAG_BIT(flag);
}

#endif
