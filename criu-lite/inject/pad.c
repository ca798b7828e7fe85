// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the pad lies.
 *
 * A mapping of code ends with what fills its last page: zeros. Places of one
 * pad each are counted from the end of the mapping downwards:
 *
 *	... code | data | margin | place 2 | place 1 | place 0 | end of the mapping
 *	                  zeros    zeros     a pad     zeros
 *
 * A place is usable when it holds zeros or the pad of a dead dumper. The
 * margin must be zero too: the last bytes of an ELF image may well be zeros
 * that mean something.
 */
#include "inject/pad.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/proc_maps.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/zero.h"

enum {
	PLACE_ALIGN = 64,
	PLACE_MARGIN = 64,
	PLACES_MAX = 4,
};

struct place {
	uint64_t addr;			/* 0: none */
	uint64_t sequence;		/* of the pad that is there; 0: zeros */
	struct pad_area area;		/* that pad's */
};

static uint64_t place_size(void)
{
	return ALIGN_UP(arch_pad_size(), PLACE_ALIGN);
}

/* The usable places in the last page of a mapping that ends at @end. Returns their number. */
static size_t find_places(const uint8_t *page, uint64_t end, struct place places[PLACES_MAX])
{
	uint64_t size = place_size();
	size_t n = 0;

	for (; n < PLACES_MAX && (n + 1) * size + PLACE_MARGIN <= PAGE_SIZE; n++) {
		const uint8_t *at = page + PAGE_SIZE - (n + 1) * size;
		struct place place = { .addr = end - (n + 1) * size };

		if (arch_pad_detect(at, &place.sequence))
			arch_pad_get_area(at, &place.area.addr, &place.area.len);
		else if (!all_zero(at, size))
			break;
		places[n] = place;
	}
	/* The lowest place needs the margin below; a pad there has shown that it fits. */
	if (n && !places[n - 1].sequence &&
	    !all_zero(page + PAGE_SIZE - n * size - PLACE_MARGIN, PLACE_MARGIN))
		n--;
	return n;
}

bool pad_tells_apart(const uint8_t *page, const uint8_t *clean)
{
	struct place places[PLACES_MAX];
	size_t n = find_places(page, PAGE_SIZE, places), size = place_size();

	/* What is not a pad in a usable place is zero. */
	return all_zero(clean + PAGE_SIZE - n * size, n * size) &&
	       memcmp(page, clean, PAGE_SIZE - n * size) == 0;
}

static bool is_vdso(const struct proc_vma *vma)
{
	return vma->name && strcmp(vma->name, "[vdso]") == 0;
}

static bool is_private_code(const struct proc_vma *vma)
{
	return vma->ino && !vma->shared && (vma->prot & PROT_EXEC);
}

/*
 * All usable places of the first mapping that has any: the vdso, or else a
 * file's code. Returns their number, 0 when there is none, or -errno.
 */
static int scan(pid_t pid, int mem_fd, struct place places[PLACES_MAX])
{
	bool (*const wanted[])(const struct proc_vma *) = { is_vdso, is_private_code };
	_cleanup_(proc_maps_fini) struct proc_maps maps = {};
	uint8_t page[PAGE_SIZE] __attribute__((aligned(8)));
	int r = proc_maps_read(pid, &maps);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its mappings", pid);
	for (size_t w = 0; w < ARRAY_SIZE(wanted); w++) {
		for (size_t i = 0; i < maps.n_vmas; i++) {
			const struct proc_vma *vma = &maps.vmas[i];
			size_t n;

			if (!wanted[w](vma))
				continue;
			/* A file that was cut shorter than its mapping can't be read there. */
			if (pread(mem_fd, page, sizeof(page), vma->end - PAGE_SIZE) !=
			    (ssize_t)sizeof(page))
				continue;
			n = find_places(page, vma->end, places);
			if (n)
				return n;
		}
	}
	return 0;
}

static int pad_write(const struct pad *pad, const void *data)
{
	size_t size = arch_pad_size();
	ssize_t n = pwrite(pad->mem_fd, data, size, pad->addr);

	if (n == (ssize_t)size)
		return 0;
	return log_errno(n < 0 ? -errno : -EIO, "pid %d: cannot write the pad at %#lx", pad->pid,
			 pad->addr);
}

int pad_place(struct pad *pad, pid_t pid, int mem_fd)
{
	struct place places[PLACES_MAX];
	const struct place *best = NULL;
	uint64_t newest = 0;
	int n = scan(pid, mem_fd, places), r;

	if (n < 0)
		return n;
	if (n == 0)
		return log_errno(-ENOSPC, "pid %d: no room for the pad behind its vdso or any "
				 "mapped code", pid);
	/* Zeros (sequence 0) come before the oldest pad. */
	for (int i = 0; i < n; i++) {
		newest = MAX(newest, places[i].sequence);
		if (!best || places[i].sequence < best->sequence)
			best = &places[i];
	}
	*pad = (struct pad){ .pid = pid, .mem_fd = mem_fd, .addr = best->addr };
	arch_pad_init(pad->image, newest + 1);
	r = pad_write(pad, pad->image);
	if (r < 0)
		pad->addr = 0;
	return r;
}

int pad_remove(struct pad *pad)
{
	static const uint8_t zeros[ARCH_PAD_MAX];
	int r;

	if (!pad->addr)
		return 0;
	r = pad_write(pad, zeros);
	if (r >= 0)
		pad->addr = 0;
	return r;
}

int pad_update(struct pad *pad)
{
	return pad_write(pad, pad->image);
}

int pad_stale(pid_t pid, int mem_fd, struct pad_area areas[PAD_STALE_MAX])
{
	struct place places[PLACES_MAX];
	int n = scan(pid, mem_fd, places), n_areas = 0;

	_Static_assert(PLACES_MAX <= PAD_STALE_MAX, "all must fit");
	for (int i = 0; i < n; i++)
		if (places[i].sequence)
			areas[n_areas++] = places[i].area;
	return n < 0 ? n : n_areas;
}

bool pad_holds(pid_t pid, uint64_t ip)
{
	uint8_t before[ARCH_PAD_MAX + PLACE_ALIGN] __attribute__((aligned(8)));
	/* Within its page, for a pad lies in one. */
	uint64_t start = MAX(ALIGN_DOWN(ip - ARCH_PAD_MAX, PLACE_ALIGN), ALIGN_DOWN(ip, PAGE_SIZE));
	struct iovec local = { before, ip - start };
	struct iovec remote = { (void *)start, ip - start };
	uint64_t sequence;

	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != (ssize_t)local.iov_len)
		return false;
	for (uint64_t at = 0; at + PLACE_ALIGN <= local.iov_len; at += PLACE_ALIGN)
		if (arch_pad_detect(before + at, &sequence) && ip < start + at + arch_pad_size())
			return true;
	return false;
}
