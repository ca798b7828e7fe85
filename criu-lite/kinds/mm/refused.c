// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that can't be restored exactly: refused by name.
 *
 * At dump this kind stands in the table behind those made by the kernel (vvar
 * is device memory too) and before all others, so that a flag that nobody can
 * give back wins over what else the mapping is. At restore it stands last:
 * what no other kind took is named here.
 */
#include "kinds/mm/kinds.h"

#include <errno.h>
#include <stdio.h>

#include "core/task.h"
#include "image/vma.h"
#include "kinds/mm/vma.h"
#include "sys/proc_maps.h"
#include "util/log.h"
#include "util/macro.h"

#define FLAG(name) VMA_FLAG_BIT(VMA_FLAG_##name)

/* At dump: any of the flags, or the beginning of the name. The first row wins. */
static const struct {
	uint64_t flags;
	const char *name;
	const char *why;
} dump_table[] = {
	{ FLAG(UM) | FLAG(UW) | FLAG(UI), NULL,
	  "it is registered with userfaultfd: a lazy restore still brings its pages (dump again "
	  "when the lazy-pages server has ended), or the program handles its page faults itself" },
	{ FLAG(SS), NULL, "a shadow stack is not covered: start the program without it "
	  "(GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)" },
	{ FLAG(SF), NULL, "MAP_SYNC is not covered" },
	{ 0, "/SYSV", "System V shared memory is not covered" },
	{ 0, "/[aio]", "a native AIO context (io_setup) is not covered" },
	{ 0, "[uprobes]", "somebody traces the program with uprobes: end that first" },
	{ 0, "/secretmem", "memfd_secret() memory is not covered: nobody can read it" },
	{ 0, "anon_inode:", "a mapping of this kind of descriptor is not covered" },
	{ 0, "socket:", "a packet socket's ring is not covered" },
	{ FLAG(PF) | FLAG(IO) | FLAG(MM) | FLAG(DE), NULL,
	  "device memory is not covered, nor what a driver maps" },
	{ FLAG(UNKNOWN), NULL,
	  "the kernel reports a flag (VmFlags) that this version does not know" },
};

/* At restore, by status bit. */
static const struct {
	uint32_t status;
	const char *what;
} restore_table[] = {
	{ VMA_AIORING, "a native AIO context" },
	{ VMA_EXT_PLUGIN, "a mapping that belongs to a CRIU plugin" },
	{ VMA_SHSTK, "a shadow stack" },
	{ VMA_SOCKET, "a packet socket's ring" },
	{ VMA_SYSVIPC, "System V shared memory" },
	{ VMA_UPROBES, "a uprobes page" },
};

static const char *refusal(const struct proc_vma *vma)
{
	uint64_t flags = vma->flags;

	/* Nothing but devices refuses to grow, but for huge pages. */
	if (flags & FLAG(HT))
		flags &= ~FLAG(DE);
	for (size_t i = 0; i < ARRAY_SIZE(dump_table); i++)
		if (flags & dump_table[i].flags ||
		    (dump_table[i].name && vma_name_begins(vma, dump_table[i].name)))
			return dump_table[i].why;
	if (vma->pkey)
		return "it has a memory protection key, which is not covered";
	return NULL;
}

static bool refused_probe(const struct proc_vma *vma)
{
	return refusal(vma);
}

static int refused_dump(struct dump *d, struct task *t, const struct proc_vma *vma,
			VmaEntry *entry)
{
	return vma_refuse(t, vma, refusal(vma));
}

static int refused_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	const char *what = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(restore_table); i++)
		if (entry->status & restore_table[i].status)
			what = restore_table[i].what;
	if (!what)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: status %#x means nothing known", t->pid,
				 (unsigned long)entry->start, entry->status);
	log_error("mm-%d: VMA %#lx (status %#x): %s can't be restored", t->pid,
		  (unsigned long)entry->start, entry->status, what);
	return -ENOTSUP;
}

const struct vma_kind vma_refused_kind = {
	.name = "mapping that is not covered",
	.proto = "vma.proto",
	.test = "mm/refused",
	.status = 0,
	.status_mask = 0,
	.pages = VMA_PAGES_NONE,
	.probe = refused_probe,
	.dump = refused_dump,
	.check = refused_check,
};
