// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which mappings of an image a lazy restore arms with userfaultfd.
 *
 * The kernel registers missing-page tracking on anonymous, shmem and hugetlb
 * mappings only. Of these, a mapping is armed when a page that is absent can
 * only be one that is still to come: where the kernel itself may take pages
 * away, or change what they hold, without an event, an answer from the image
 * would be a wrong page. Restore and server share no decision but this one:
 * restore tells the server which ranges it armed.
 */
#include "pages/armable.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "image/vma.h"
#include "util/macro.h"

struct arm_rule {
	uint64_t mask;			/* refused when any of these bits is set */
	const char *reason;
};

/* By status: what is no memory of the kinds that can be armed. */
static const struct arm_rule status_table[] = {
	{ VMA_AIORING, "ring of asynchronous I/O, filled by the kernel" },
	{ VMA_EXT_PLUGIN, "restored by a plugin" },
	{ VMA_GUARD, "guard region, without pages" },
	{ VMA_SHSTK, "shadow stack, which userfaultfd refuses" },
	{ VMA_SOCKET, "ring of a packet socket" },
	/* Its mappings have operations of their own, which userfaultfd refuses. */
	{ VMA_SYSVIPC, "System V segment, which userfaultfd refuses" },
	{ VMA_UPROBES, "page of uprobes" },
	{ VMA_VDSO | VMA_VVAR | VMA_VSYSCALL, "made by the kernel" },
};

/* By MAP_* flags. */
static const struct arm_rule flags_table[] = {
	/* Under memory pressure its pages go without an event, and then read as zero. */
	{ MAP_DROPPABLE, "droppable" },
	/* Who locks memory asks for no faults later. */
	{ MAP_LOCKED, "locked in memory" },
};

/* By advice. */
static const struct arm_rule madv_table[] = {
	/*
	 * A child finds it zeroed, but the userfaultfd of the child has it armed
	 * like any other memory: no event tells the two apart.
	 */
	{ 1ULL << MADV_WIPEONFORK, "wiped on fork" },
};

static const char *refused_by(const struct arm_rule *table, size_t n, uint64_t bits)
{
	for (size_t i = 0; i < n; i++)
		if (bits & table[i].mask)
			return table[i].reason;
	return NULL;
}

unsigned int vma_huge(const VmaEntry *vma)
{
	if (!(vma->flags & MAP_HUGETLB))
		return 0;
	return (vma->flags & VMA_HUGETLB_SIZE_MASK) >> VMA_HUGETLB_SHIFT;
}

/* What was reserved when the mapping was made is there for the server as well. */
static const char *huge_refusal(const VmaEntry *vma)
{
	if (!(vma->flags & MAP_HUGETLB))
		return NULL;
	if (vma->flags & MAP_NORESERVE)
		return "huge pages that are not reserved";
	return vma_huge(vma) ? NULL : "huge pages of no known size";
}

static const char *refusal(const VmaEntry *vma)
{
	const char *why;

	if (!(vma->status & VMA_REGULAR))
		return "not mapped by restore";
	why = refused_by(status_table, ARRAY_SIZE(status_table), vma->status);
	if (!why)
		why = refused_by(flags_table, ARRAY_SIZE(flags_table), vma->flags);
	if (!why)
		why = huge_refusal(vma);
	if (!why && vma->has_madv)
		why = refused_by(madv_table, ARRAY_SIZE(madv_table), vma->madv);
	return why;
}

static enum vma_arming classify(const VmaEntry *vma, bool anonymous, const char **why)
{
	uint32_t class = vma->status & (VMA_ANON_PRIVATE | VMA_ANON_SHARED | VMA_FILE_PRIVATE |
					VMA_FILE_SHARED | VMA_MEMFD);

	/* An image may name two classes at once: neither is believed. */
	if (class == VMA_ANON_PRIVATE && (vma->flags & MAP_PRIVATE))
		return VMA_ARM_PRIVATE;
	if (class == VMA_ANON_SHARED && (vma->flags & MAP_SHARED))
		return VMA_ARM_SHARED;
	if ((class & VMA_MEMFD) && anonymous && (vma->flags & MAP_SHARED))
		return VMA_ARM_SHARED;
	/* A descriptor reads and writes past every userfaultfd. */
	*why = class & VMA_MEMFD ? "memfd that has descriptors" : "mapped from a file";
	return VMA_ARM_NO;
}

enum vma_arming vma_arming(const VmaEntry *vma, bool anonymous, const char **reason)
{
	const char *why = refusal(vma);
	enum vma_arming arming = why ? VMA_ARM_NO : classify(vma, anonymous, &why);

	if (reason)
		*reason = why;
	return arming;
}
