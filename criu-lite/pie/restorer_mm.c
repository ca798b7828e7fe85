// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space of a restored task.
 *
 *	old	|prog|heap|  ...  |libs|stack|vvar|vdso|   | area |
 *	parked						   | area |  vvar, vdso in it
 *	new	   |prog|heap| ... |libs|	|stack|vdso| area |
 *
 * The layout (where code, heap, arguments are, and which file is executed) is
 * set while nothing is mapped: the kernel changes the file only if no mapping
 * of the old one is left, and who restores may be the same program.
 *
 * Each mapping is made where it was, and never over another one: what can't
 * be there is an error, not a replacement. One that gets pages read into it is
 * writable until it is full; its own protection and then its advice follow.
 * What the task shares with its parent or children is there before, filled and
 * writable: it is kept when all else is unmapped, and moved where it is not in
 * place.
 * Guard regions come after both, since they can't be made in locked memory,
 * then locks, and userfaultfd last: from then on a missing page waits for its
 * server. The vdso goes home when its place is sure to be free. Seals come
 * behind it all: what is sealed can't be moved, unmapped or protected again,
 * but pages still come into it.
 */
#include "pie/restorer.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>

#include "pie/syscall.h"

/* Newer than the headers of some distributions. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102		/* Linux 6.13 */
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08		/* Linux 6.11 */
#endif
#ifndef __NR_mseal
#define __NR_mseal 462			/* Linux 6.10 */
#endif

_Static_assert(sizeof(struct prctl_mm_map) == 11 * 8 + 16, "restorer_mm.layout is its start");

static void move(struct restorer_args *args, uint64_t from, uint64_t len, uint64_t to)
{
	restorer_must(args, RESTORER_STEP_VDSO,
		      pie_call(mremap, from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
}

static void park_vdso(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_vdso; i++) {
		const struct restorer_vdso_piece *p = &args->mm.vdso[i];

		move(args, p->from, p->len, p->park);
	}
}

static void settle_vdso(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_vdso; i++) {
		const struct restorer_vdso_piece *p = &args->mm.vdso[i];

		move(args, p->park, p->len, p->to);
	}
}

static void unmap(struct restorer_args *args, uint64_t start, uint64_t end)
{
	if (start < end)
		restorer_must(args, RESTORER_STEP_UNMAP, pie_call(munmap, start, end - start),
			      start);
}

static void unmap_old(struct restorer_args *args)
{
	uint64_t at = 0;

	for (uint64_t i = 0; i < args->mm.n_keep; i++) {
		const struct restorer_range *keep = &args->mm.keep[i];

		unmap(args, at, keep->start);
		at = keep->start + keep->len;
	}
	unmap(args, at, args->mm.task_size);
}

/*
 * The protection while pages are read: written to, and executed by nobody. A
 * mapping without reads has its own from the start: making a huge reservation
 * writable for a moment would have all of it accounted. Huge pages are accounted
 * anyway, and the file behind them is made as long as the mapping only if that
 * may be written to.
 */
static uint32_t fill_prot(const struct restorer_vma *vma, bool filled)
{
	bool huge = vma->flags & MAP_HUGETLB && vma->fd < 0;

	return filled || huge ? PROT_READ | PROT_WRITE : vma->prot;
}

/* mlock() comes when the pages are there, and DROPPABLE is a type, not a flag. */
static uint32_t map_flags(const struct restorer_vma *vma)
{
	uint32_t flags = (vma->flags & ~MAP_LOCKED) | MAP_FIXED_NOREPLACE;

	if (vma->flags & MAP_DROPPABLE)
		flags &= ~MAP_PRIVATE;
	return vma->fd < 0 ? flags | MAP_ANONYMOUS : flags & ~MAP_ANONYMOUS;
}

/* Kernels before 4.17 take the address for a hint. */
static void map(struct restorer_args *args, const struct restorer_vma *vma, bool filled)
{
	uint64_t at = restorer_must(args, RESTORER_STEP_MAP,
				    pie_call(mmap, vma->start, vma->len, fill_prot(vma, filled),
					     map_flags(vma), vma->fd, vma->offset), vma->start);

	if (at != vma->start)
		restorer_fail(args, RESTORER_STEP_MAP, -EEXIST, vma->start);
}

static void bind(struct restorer_args *args, const struct restorer_vma *vma)
{
	if (vma->mempolicy)
		restorer_must(args, RESTORER_STEP_MBIND,
			      pie_call(mbind, vma->start, vma->len, vma->mempolicy->mode,
				       vma->mempolicy->nodes, MEMPOLICY_NODES_MAX + 1, 0),
			      vma->start);
}

/* Moving would unmap what is at its destination: that is taken first. */
static void take(struct restorer_args *args, const struct restorer_vma *vma)
{
	const struct restorer_vma place = {
		.start = vma->start,
		.len = vma->len,
		.fd = -1,
		.flags = MAP_PRIVATE | MAP_NORESERVE,
	};

	if (vma->from == vma->start)
		return;
	map(args, &place, false);
	restorer_must(args, RESTORER_STEP_MAP,
		      pie_call(mremap, vma->from, vma->len, vma->len,
			       MREMAP_MAYMOVE | MREMAP_FIXED, vma->start), vma->start);
}

static void read_pages(struct restorer_args *args, const struct restorer_read *read)
{
	uint64_t done = 0;

	while (done < read->len) {
		long n = restorer_must(args, RESTORER_STEP_READ,
				       pie_call(pread64, read->fd, read->addr + done,
						read->len - done, read->offset + done),
				       read->addr + done);

		/* The file was long enough when the plan was made. */
		if (n == 0)
			restorer_fail(args, RESTORER_STEP_READ, -ENODATA, read->addr + done);
		done += n;
	}
}

/* Lowest advice first, as the image has it. A name is advice to people. */
static void advise(struct restorer_args *args, const struct restorer_vma *vma)
{
	for (int advice = 0; advice < 64; advice++)
		if (vma->madv & 1ULL << advice)
			restorer_must(args, RESTORER_STEP_ADVISE,
				      pie_call(madvise, vma->start, vma->len, advice), vma->start);
	if (vma->name)
		restorer_must(args, RESTORER_STEP_NAME,
			      pie_call(prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, vma->start,
				       vma->len, vma->name), vma->start);
}

/* Both lists ascend: *read is the first one that no mapping below @vma took. */
static void make_vma(struct restorer_args *args, const struct restorer_vma *vma, uint64_t *read)
{
	const struct restorer_read *reads = args->mm.reads;
	uint64_t end = vma->start + vma->len;
	bool there = vma->how & RESTORER_VMA_THERE;
	bool filled = there || (*read < args->mm.n_reads && reads[*read].addr < end);

	if (there)
		take(args, vma);
	else
		map(args, vma, filled);
	/* Before the pages come. */
	bind(args, vma);
	while (*read < args->mm.n_reads && reads[*read].addr < end)
		read_pages(args, &reads[(*read)++]);
	/* What is there was made under another personality: it may be executable. */
	if (there || fill_prot(vma, filled) != vma->prot)
		restorer_must(args, RESTORER_STEP_PROTECT,
			      pie_call(mprotect, vma->start, vma->len, vma->prot), vma->start);
	advise(args, vma);
}

static void make_vmas(struct restorer_args *args)
{
	uint64_t read = 0;

	for (uint64_t i = 0; i < args->mm.n_vmas; i++)
		make_vma(args, &args->mm.vmas[i], &read);
	if (read < args->mm.n_reads)
		restorer_fail(args, RESTORER_STEP_READ, -EFAULT, args->mm.reads[read].addr);
}

static void install_guards(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_guards; i++) {
		const struct restorer_range *g = &args->mm.guards[i];

		restorer_must(args, RESTORER_STEP_ADVISE,
			      pie_call(madvise, g->start, g->len, MADV_GUARD_INSTALL), g->start);
	}
}

/*
 * Locked on fault at first, which fails only if locking does. What then brings
 * the pages says ENOMEM for one that nobody could bring to the dumped task
 * either, and leaves out those behind it: no access, a guard, beyond the end of
 * a file. Too little memory is EAGAIN.
 */
static void lock(struct restorer_args *args, const struct restorer_vma *vma)
{
	long result = pie_call(mlock2, vma->start, vma->len, MLOCK_ONFAULT);

	restorer_must(args, RESTORER_STEP_LOCK, result, vma->start);
	if (vma->how & RESTORER_VMA_ON_FAULT)
		return;
	result = pie_call(mlock2, vma->start, vma->len, 0);
	if (result != -ENOMEM)
		restorer_must(args, RESTORER_STEP_LOCK, result, vma->start);
}

/* MCL_FUTURE alone leaves what is mapped as it is. */
static void lock_vmas(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_vmas; i++)
		if (args->mm.vmas[i].flags & MAP_LOCKED)
			lock(args, &args->mm.vmas[i]);
	if (args->mm.lock_future)
		restorer_must(args, RESTORER_STEP_LOCK,
			      pie_call(mlockall, args->mm.lock_future), 0);
}

static void arm(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_vmas; i++) {
		const struct restorer_vma *vma = &args->mm.vmas[i];
		struct uffdio_register reg = {
			.range = { .start = vma->start, .len = vma->len },
			.mode = UFFDIO_REGISTER_MODE_MISSING,
		};

		if (vma->how & RESTORER_VMA_ARM)
			restorer_must(args, RESTORER_STEP_ARM,
				      pie_call(ioctl, args->mm.uffd, UFFDIO_REGISTER, &reg),
				      vma->start);
	}
}

static void seal(struct restorer_args *args)
{
	for (uint64_t i = 0; i < args->mm.n_vmas; i++) {
		const struct restorer_vma *vma = &args->mm.vmas[i];

		if (vma->how & RESTORER_VMA_SEAL)
			restorer_must(args, RESTORER_STEP_SEAL,
				      pie_call(mseal, vma->start, vma->len, 0), vma->start);
	}
}

static void set_layout(struct restorer_args *args)
{
	const uint64_t *l = args->mm.layout;
	struct prctl_mm_map map = {
		.start_code = l[0], .end_code = l[1],
		.start_data = l[2], .end_data = l[3],
		.start_brk = l[4], .brk = l[5],
		.start_stack = l[6],
		.arg_start = l[7], .arg_end = l[8],
		.env_start = l[9], .env_end = l[10],
		.auxv = (void *)args->mm.auxv,
		.auxv_size = args->mm.auxv_size,
		.exe_fd = args->mm.exe_fd,
	};

	restorer_must(args, RESTORER_STEP_MM_LAYOUT,
		      pie_call(prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0), 0);
	restorer_must(args, RESTORER_STEP_PRCTL,
		      pie_call(prctl, PR_SET_THP_DISABLE, args->mm.thp_disabled, 0, 0, 0),
		      PR_SET_THP_DISABLE);
}

void restorer_memory(struct restorer_args *args)
{
	park_vdso(args);
	unmap_old(args);
	set_layout(args);
	make_vmas(args);
	install_guards(args);
	settle_vdso(args);
	lock_vmas(args);
	arm(args);
	seal(args);
}
