// SPDX-License-Identifier: GPL-2.0-only
/*
 * vdso, vvar and vsyscall: what the kernel maps into every program.
 *
 * The vdso is code (clock_gettime and friends) that reads the data pages
 * before it, vvar. Programs and the C library keep its address, so it must be
 * where it was; the kernel chooses another place for each new program. The
 * restorer moves what the new task was given to the old place:
 *
 *	dumped		|vvar|vclock|vdso|
 *	new task				|vvar|vclock|vdso|
 *	each piece moves by the same distance   <------|
 *
 * Code and data lie at a fixed distance, so that all pieces move alike. The
 * code belongs to the kernel: its pages are saved only to be compared with
 * those of the kernel that restores. Another kernel's are refused, because a
 * thread may have been stopped inside, with return addresses of the old code.
 *
 * Behind the code a dumper that was killed has left its pad (inject/pad.h). A
 * signal handler that runs since then may return into it, so that a task which
 * was dumped with one gets it back.
 *
 * vsyscall is a page at a fixed address above user space, the same for all.
 */
#include "kinds/mm/vdso.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/restore.h"
#include "image/vma.h"
#include "inject/pad.h"
#include "kinds/mm/kinds.h"
#include "kinds/mm/vma.h"
#include "pages/pagemap.h"
#include "sys/proc.h"
#include "sys/proc_maps.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

static bool vdso_probe(const struct proc_vma *vma)
{
	return vma_is_named(vma, "[vdso]");
}

/* Newer kernels map the data in pieces: "[vvar]", "[vvar_vclock]". */
static bool vvar_probe(const struct proc_vma *vma)
{
	return vma_name_begins(vma, "[vvar");
}

static bool vsyscall_probe(const struct proc_vma *vma)
{
	return vma_is_named(vma, "[vsyscall]");
}

/* The kernel made it: there is no advice to give again. */
static void set_entry(VmaEntry *entry, uint32_t status)
{
	entry->status = status;
	entry->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	entry->pgoff = 0;
	entry->has_madv = false;
	entry->madv = 0;
}

static int check_movable(const struct task *t, const struct proc_vma *vma)
{
	if (vma_has_flag(vma, VMA_FLAG_SL))
		return vma_refuse(t, vma, "this kernel seals it (CONFIG_MSEAL_SYSTEM_MAPPINGS), so "
				  "that it could not be put in its place again");
	return 0;
}

static int vdso_dump(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry)
{
	set_entry(entry, VMA_REGULAR | VMA_VDSO | VMA_ANON_PRIVATE);
	return check_movable(t, vma);
}

static int vvar_dump(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry)
{
	set_entry(entry, VMA_REGULAR | VMA_VVAR | VMA_ANON_PRIVATE);
	return check_movable(t, vma);
}

static int vsyscall_dump(struct dump *d, struct task *t, const struct proc_vma *vma,
			 VmaEntry *entry)
{
	set_entry(entry, VMA_VSYSCALL | VMA_ANON_PRIVATE);
	return 0;
}

void vdso_layout_of_maps(const struct proc_maps *maps, struct vdso_layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	for (size_t i = 0; i < maps->n_vmas; i++) {
		const struct proc_vma *vma = &maps->vmas[i];

		if (vdso_probe(vma)) {
			layout->vdso_start = vma->start;
			layout->vdso_end = vma->end;
		}
		if (!vvar_probe(vma))
			continue;
		if (!layout->vvar_end)
			layout->vvar_start = vma->start;
		layout->vvar_end = vma->end;
	}
}

void vdso_layout_of_image(const MmEntry *mm, struct vdso_layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	for (size_t i = 0; i < mm->n_vmas; i++) {
		const VmaEntry *e = mm->vmas[i];

		if (e->status & VMA_VDSO) {
			layout->vdso_start = e->start;
			layout->vdso_end = e->end;
		}
		if (!(e->status & VMA_VVAR))
			continue;
		if (!layout->vvar_end)
			layout->vvar_start = e->start;
		layout->vvar_end = e->end;
	}
}

const char *vdso_layout_fault(const struct vdso_layout *dumped, const struct vdso_layout *own)
{
	bool vdso = dumped->vdso_end, vvar = dumped->vvar_end;

	if ((vdso && !own->vdso_end) || (vvar && !own->vvar_end))
		return "this kernel has none";
	if (vdso && dumped->vdso_end - dumped->vdso_start != own->vdso_end - own->vdso_start)
		return "this kernel's code has another size";
	if (vvar && dumped->vvar_end - dumped->vvar_start != own->vvar_end - own->vvar_start)
		return "this kernel's data has another size";
	if (vdso && vvar &&
	    dumped->vdso_start - dumped->vvar_start != own->vdso_start - own->vvar_start)
		return "this kernel's code and data lie at another distance";
	return NULL;
}

static int check_layout(const struct restore *r, const struct task *t, const VmaEntry *entry)
{
	struct vdso_layout dumped, own;
	const char *fault;

	vdso_layout_of_image(t->mm, &dumped);
	vdso_layout_of_maps(r->own_maps, &own);
	fault = vdso_layout_fault(&dumped, &own);
	if (!fault)
		return 0;
	return log_errno(-ENOTSUP, "mm-%d: VMA %#lx: vdso: %s: restore on the kernel that the "
			 "dump was made on", t->pid, (unsigned long)entry->start, fault);
}

/* Reads one page of the image. Returns 1; 0: it is not there; or -errno. */
static int read_page(const struct page_map *map, uint64_t addr, uint8_t page[PAGE_SIZE])
{
	const struct page_extent *ext = page_map_find(map, addr);
	ssize_t n;

	if (!ext || ext->start > addr || !page_extent_has_data(ext))
		return 0;
	n = pread_all(map->files[ext->file].fd, page, PAGE_SIZE,
		      page_extent_offset(ext, addr));
	return n < 0 ? n : n == PAGE_SIZE;
}

/* Compares one page of the image with one of ours. Returns 1: it will do, 0: not; or -errno. */
static int check_page(struct restore *r, struct task *t, uint64_t addr, const uint8_t *own,
		      bool last)
{
	uint8_t page[PAGE_SIZE] __attribute__((aligned(8)));
	int ret = read_page(t->restore->pages, addr, page);

	if (ret <= 0 || !memcmp(page, own, sizeof(page)))
		return ret;
	if (!last || !pad_tells_apart(page, own))
		return 0;
	t->restore->vdso_tail = arena_new_array(r->arena, uint8_t, PAGE_SIZE);
	memcpy(t->restore->vdso_tail, page, PAGE_SIZE);
	return 1;
}

static int vdso_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	struct vdso_layout own;
	int ret = check_layout(r, t, entry);

	if (ret < 0)
		return ret;
	vdso_layout_of_maps(r->own_maps, &own);
	for (uint64_t at = 0; at < entry->end - entry->start; at += PAGE_SIZE) {
		ret = check_page(r, t, entry->start + at, (const uint8_t *)(own.vdso_start + at),
				 entry->start + at + PAGE_SIZE == entry->end);
		if (ret < 0)
			return log_errno(ret, "pages of pid %d: cannot read the vdso", t->pid);
		if (!ret)
			return log_errno(-ENOTSUP, "mm-%d: VMA %#lx: vdso: its code is not this "
					 "kernel's: restore on the kernel that the dump was made "
					 "on", t->pid, (unsigned long)entry->start);
	}
	return 0;
}

static int vvar_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	return check_layout(r, t, entry);
}

/* A kernel without vsyscall can't be asked for it: what calls it gets a SIGSEGV there. */
static int vsyscall_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	for (size_t i = 0; i < r->own_maps->n_vmas; i++)
		if (vsyscall_probe(&r->own_maps->vmas[i]))
			return 0;
	log_warn("pid %d: this kernel has no vsyscall page, the dumped one had", t->pid);
	return 0;
}

uint64_t vdso_room(const struct restore *r)
{
	uint64_t room = PAGE_SIZE;

	for (size_t i = 0; i < r->own_maps->n_vmas; i++) {
		const struct proc_vma *vma = &r->own_maps->vmas[i];

		if (vdso_probe(vma) || vvar_probe(vma))
			room += sizeof(struct restorer_vdso_piece) + (vma->end - vma->start);
	}
	return room;
}

/* Where the piece goes, or 0: the dumped task has no such. */
static uint64_t piece_target(const struct proc_vma *vma, const struct vdso_layout *dumped,
			     const struct vdso_layout *own)
{
	if (vdso_probe(vma))
		return dumped->vdso_start;
	if (vvar_probe(vma) && dumped->vvar_end)
		return dumped->vvar_start + (vma->start - own->vvar_start);
	return 0;
}

/* Our own vdso becomes the task's: its last page gets what was in the dumped one. */
static int put_tail(const struct task *t, const struct vdso_layout *own)
{
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (!t->restore->vdso_tail)
		return 0;
	fd = proc_open(getpid(), O_RDWR, "mem");
	if (fd < 0)
		return log_errno(fd, "pid %d: cannot open its memory", t->pid);
	n = pwrite(fd, t->restore->vdso_tail, PAGE_SIZE, own->vdso_end - PAGE_SIZE);
	if (n != (ssize_t)PAGE_SIZE)
		return log_errno(n < 0 ? -errno : -EIO, "pid %d: cannot write its vdso", t->pid);
	return 0;
}

int vdso_plan(const struct restore *r, const struct task *t, struct restorer_args *args)
{
	const struct proc_maps *maps = r->own_maps;
	struct restorer_vdso_piece *pieces;
	struct vdso_layout dumped, own;
	uint64_t park, total = 0, n = 0;
	int ret;

	vdso_layout_of_image(t->mm, &dumped);
	vdso_layout_of_maps(maps, &own);
	ret = put_tail(t, &own);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < maps->n_vmas; i++) {
		if (!piece_target(&maps->vmas[i], &dumped, &own))
			continue;
		total += maps->vmas[i].end - maps->vmas[i].start;
		n++;
	}
	if (!n)
		return 0;
	pieces = restorer_alloc(args, n * sizeof(*pieces));
	park = (uintptr_t)restorer_alloc(args, total + PAGE_SIZE);
	if (!pieces || !park)
		return -ENOMEM;
	park = ALIGN_UP(park, PAGE_SIZE);
	args->mm.vdso = pieces;
	args->mm.n_vdso = n;
	for (size_t i = 0; i < maps->n_vmas; i++) {
		const struct proc_vma *vma = &maps->vmas[i];
		uint64_t to = piece_target(vma, &dumped, &own);

		if (!to)
			continue;
		pieces->from = vma->start;
		pieces->len = vma->end - vma->start;
		pieces->park = park;
		pieces->to = to;
		park += pieces->len;
		pieces++;
	}
	return 0;
}

const struct vma_kind vma_vdso_kind = {
	.name = "vdso",
	.proto = "vma.proto",
	.test = "mm/vdso",
	.status = VMA_REGULAR | VMA_VDSO | VMA_ANON_PRIVATE,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_ALL,
	.probe = vdso_probe,
	.dump = vdso_dump,
	.check = vdso_check,
};

const struct vma_kind vma_vvar_kind = {
	.name = "vvar",
	.proto = "vma.proto",
	.test = "mm/vdso",
	.status = VMA_REGULAR | VMA_VVAR | VMA_ANON_PRIVATE,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_NONE,
	.probe = vvar_probe,
	.dump = vvar_dump,
	.check = vvar_check,
};

const struct vma_kind vma_vsyscall_kind = {
	.name = "vsyscall",
	.proto = "vma.proto",
	.test = "mm/vdso",
	.status = VMA_VSYSCALL | VMA_ANON_PRIVATE,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_NONE,
	.probe = vsyscall_probe,
	.dump = vsyscall_dump,
	.check = vsyscall_check,
};
