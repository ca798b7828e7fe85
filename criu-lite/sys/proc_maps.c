// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/maps and smaps.
 *
 *	55a217f8e000-55a217f90000 r--p 00000000 fe:00 247498       /usr/bin/head
 *	Size:                  8 kB
 *	...
 *	VmFlags: rd mr mw me
 *
 * A VMA begins with its line of maps, which starts with a lower-case hex
 * digit; the lines that smaps adds start with an upper-case letter. Text is
 * taken line by line as it comes from the kernel, so that 65 000 VMAs with
 * their 45 MB of smaps need one buffer of 64 KiB. Neighbours of one file share
 * one copy of its name.
 */
#include "sys/proc_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/abi_procmap.h"
#include "sys/proc.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

/* More than the longest line: a name is at most PATH_MAX, newlines as four bytes. */
enum { READ_BUFFER = 64 << 10 };

#define CODE(a, b) ((unsigned char)(a) | (unsigned char)(b) << 8)

/* Two-letter codes to bits; ascending as the enum is. */
static const uint16_t flag_code_table[] = {
	[VMA_FLAG_AC] = CODE('a', 'c'),	/* accounted */
	[VMA_FLAG_AR] = CODE('a', 'r'),	/* architecture's own */
	[VMA_FLAG_BT] = CODE('b', 't'),	/* arm64 BTI */
	[VMA_FLAG_DC] = CODE('d', 'c'),	/* MADV_DONTFORK */
	[VMA_FLAG_DD] = CODE('d', 'd'),	/* MADV_DONTDUMP */
	[VMA_FLAG_DE] = CODE('d', 'e'),	/* not expandable by mremap */
	[VMA_FLAG_DP] = CODE('d', 'p'),	/* MAP_DROPPABLE */
	[VMA_FLAG_DW] = CODE('d', 'w'),	/* write denied */
	[VMA_FLAG_EX] = CODE('e', 'x'),
	[VMA_FLAG_GD] = CODE('g', 'd'),	/* grows down */
	[VMA_FLAG_GU] = CODE('g', 'u'),	/* may have guard regions */
	[VMA_FLAG_HG] = CODE('h', 'g'),	/* MADV_HUGEPAGE */
	[VMA_FLAG_HT] = CODE('h', 't'),	/* hugetlb */
	[VMA_FLAG_IO] = CODE('i', 'o'),	/* device memory */
	[VMA_FLAG_LF] = CODE('l', 'f'),	/* mlock2(MLOCK_ONFAULT) */
	[VMA_FLAG_LO] = CODE('l', 'o'),	/* mlock */
	[VMA_FLAG_ME] = CODE('m', 'e'),	/* may exec */
	[VMA_FLAG_MG] = CODE('m', 'g'),	/* MADV_MERGEABLE */
	[VMA_FLAG_MM] = CODE('m', 'm'),	/* mixed map */
	[VMA_FLAG_MP] = CODE('m', 'p'),	/* MPX */
	[VMA_FLAG_MR] = CODE('m', 'r'),	/* may read */
	[VMA_FLAG_MS] = CODE('m', 's'),	/* may share */
	[VMA_FLAG_MT] = CODE('m', 't'),	/* arm64 MTE */
	[VMA_FLAG_MW] = CODE('m', 'w'),	/* may write */
	[VMA_FLAG_NH] = CODE('n', 'h'),	/* MADV_NOHUGEPAGE */
	[VMA_FLAG_NL] = CODE('n', 'l'),	/* non-linear */
	[VMA_FLAG_NR] = CODE('n', 'r'),	/* MAP_NORESERVE */
	[VMA_FLAG_PF] = CODE('p', 'f'),	/* pure PFN range */
	[VMA_FLAG_RD] = CODE('r', 'd'),
	[VMA_FLAG_RR] = CODE('r', 'r'),	/* MADV_RANDOM */
	[VMA_FLAG_SD] = CODE('s', 'd'),	/* soft-dirty */
	[VMA_FLAG_SF] = CODE('s', 'f'),	/* MAP_SYNC */
	[VMA_FLAG_SH] = CODE('s', 'h'),
	[VMA_FLAG_SL] = CODE('s', 'l'),	/* mseal */
	[VMA_FLAG_SR] = CODE('s', 'r'),	/* MADV_SEQUENTIAL */
	[VMA_FLAG_SS] = CODE('s', 's'),	/* shadow stack */
	[VMA_FLAG_UI] = CODE('u', 'i'),	/* userfaultfd minor */
	[VMA_FLAG_UM] = CODE('u', 'm'),	/* userfaultfd missing */
	[VMA_FLAG_UW] = CODE('u', 'w'),	/* userfaultfd write protect */
	[VMA_FLAG_WF] = CODE('w', 'f'),	/* MADV_WIPEONFORK */
	[VMA_FLAG_WR] = CODE('w', 'r'),
};

_Static_assert(VMA_FLAG_UNKNOWN < 64, "a bit of proc_vma.flags each");
_Static_assert(ARRAY_SIZE(flag_code_table) == VMA_FLAG_UNKNOWN, "a row for each flag");

static bool take_flags(const char *p, struct proc_vma *vma)
{
	const char *word;
	size_t i, len;

	for (scan_blanks(&p); scan_word(&p, &word, &len); scan_blanks(&p)) {
		if (len != 2)
			return false;
		for (i = 0; i < ARRAY_SIZE(flag_code_table); i++)
			if (flag_code_table[i] == CODE(word[0], word[1]))
				break;
		/* Past the table it is VMA_FLAG_UNKNOWN. */
		vma->flags |= VMA_FLAG_BIT(i);
	}
	return true;
}

static bool take_kb(const char *p, uint64_t *bytes)
{
	uint64_t kb;

	scan_blanks(&p);
	if (!scan_u64(&p, 10, &kb) || kb > UINT64_MAX / 1024 || !scan_text(&p, " kB") || *p)
		return false;
	*bytes = kb * 1024;
	return true;
}

static bool take_pkey(const char *p, struct proc_vma *vma)
{
	scan_blanks(&p);
	return scan_u32(&p, 10, &vma->pkey) && !*p;
}

/* A line that smaps adds to a VMA; lines that nobody needs are passed by. */
static bool take_detail(const char *p, struct proc_vma *vma)
{
	switch (*p) {
	case 'K':
		return !scan_text(&p, "KernelPageSize:") || take_kb(p, &vma->page_size);
	case 'P':
		return !scan_text(&p, "ProtectionKey:") || take_pkey(p, vma);
	case 'R':
		return !scan_text(&p, "Rss:") || take_kb(p, &vma->rss);
	case 'S':
		return !scan_text(&p, "Swap:") || take_kb(p, &vma->swap);
	case 'V':
		return !scan_text(&p, "VmFlags:") || take_flags(p, vma);
	}
	return true;
}

/* "rwxp": a dash where it may not. */
static bool take_prot(const char **p, struct proc_vma *vma)
{
	static const struct { char letter; int prot; } prot_table[] = {
		{ 'r', PROT_READ }, { 'w', PROT_WRITE }, { 'x', PROT_EXEC },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prot_table); i++, (*p)++) {
		if (**p == prot_table[i].letter)
			vma->prot |= prot_table[i].prot;
		else if (**p != '-')
			return false;
	}
	if (**p != 's' && **p != 'p')
		return false;
	vma->shared = *(*p)++ == 's';
	return true;
}

static bool take_header(const char **p, struct proc_vma *vma)
{
	return scan_u64(p, 16, &vma->start) && scan_text(p, "-") &&
	       scan_u64(p, 16, &vma->end) && scan_text(p, " ") &&
	       take_prot(p, vma) && scan_text(p, " ") &&
	       scan_u64(p, 16, &vma->pgoff) && scan_text(p, " ") &&
	       scan_u32(p, 16, &vma->major) && scan_text(p, ":") &&
	       scan_u32(p, 16, &vma->minor) && scan_text(p, " ") &&
	       scan_u64(p, 10, &vma->ino) &&
	       vma->start < vma->end && !((vma->start | vma->end | vma->pgoff) & ~PAGE_MASK);
}

static const struct proc_vma *last_vma(const struct proc_maps *maps)
{
	return maps->n_vmas ? &maps->vmas[maps->n_vmas - 1] : NULL;
}

/* The name may be the neighbour's own string. */
static int share_name(const struct proc_vma *prev, const char *name, char **copy)
{
	if (!*name)
		return 0;
	if (prev && prev->name && !strcmp(prev->name, name)) {
		*copy = prev->name;
		return 0;
	}
	*copy = strdup(name);
	return *copy ? 0 : -ENOMEM;
}

static int take_vma(const char *p, struct proc_maps *maps)
{
	struct proc_vma vma = {}, *slot;
	const struct proc_vma *prev = last_vma(maps);
	int r;

	if (!take_header(&p, &vma) || (prev && vma.end <= prev->end))
		return -EINVAL;
	if (*p && *p != ' ')
		return -EINVAL;
	/* What was read has been merged since with what comes next. */
	if (prev && vma.start < prev->end)
		vma.start = prev->end;
	scan_blanks(&p);
	r = share_name(prev, p, &vma.name);
	if (r < 0)
		return r;
	slot = array_push(&maps->vmas, &maps->n_vmas, &maps->cap_vmas);
	if (!slot) {
		if (!prev || vma.name != prev->name)
			free(vma.name);
		return -ENOMEM;
	}
	*slot = vma;
	return 0;
}

/* One line, NUL instead of newline. */
static int take_line(const char *line, struct proc_maps *maps)
{
	int r = 0;

	if (*line >= 'A' && *line <= 'Z') {
		if (!maps->n_vmas || !take_detail(line, &maps->vmas[maps->n_vmas - 1]))
			r = -EINVAL;
	} else {
		r = take_vma(line, maps);
	}
	if (r < 0)
		return log_errno(r, "proc maps: cannot take the line \"%.120s\"", line);
	return 0;
}

/*
 * Takes the whole lines of @buf and moves what is left of the last one to its
 * beginning. Returns how many bytes that is, or -errno.
 */
static ssize_t take_buffer(char *buf, size_t len, struct proc_maps *maps)
{
	char *line = buf, *end = buf + len, *newline;
	int r;

	while ((newline = memchr(line, '\n', end - line))) {
		*newline = '\0';
		r = take_line(line, maps);
		if (r < 0)
			return r;
		line = newline + 1;
	}
	memmove(buf, line, end - line);
	return end - line;
}

int proc_maps_parse(const char *text, struct proc_maps *maps)
{
	_cleanup_free_ char *copy = strdup(text);
	ssize_t left;

	*maps = (struct proc_maps){};
	if (!copy)
		return -ENOMEM;
	left = take_buffer(copy, strlen(copy), maps);
	if (left > 0)
		left = log_errno(-EINVAL, "proc maps: the last line is cut off");
	if (left < 0)
		proc_maps_fini(maps);
	return left;
}

static int read_maps(pid_t pid, const char *name, struct proc_maps *maps)
{
	_cleanup_close_ int fd = proc_open(pid, O_RDONLY, "%s", name);
	_cleanup_free_ char *buf = malloc(READ_BUFFER);
	ssize_t n, left = 0;

	if (fd < 0)
		return fd;
	if (!buf)
		return -ENOMEM;
	for (;;) {
		if (left == READ_BUFFER)
			return log_errno(-EINVAL, "pid %d: %s has an endless line", pid, name);
		n = read(fd, buf + left, READ_BUFFER - left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ESRCH)
			return -ESRCH;
		if (n < 0)
			return log_errno(-errno, "pid %d: cannot read %s", pid, name);
		if (n == 0)
			break;
		left = take_buffer(buf, left + n, maps);
		if (left < 0)
			return left;
	}
	if (left)
		return log_errno(-EINVAL, "pid %d: the last line of %s is cut off", pid, name);
	return 0;
}

static int read_named(pid_t pid, const char *name, struct proc_maps *maps)
{
	int r;

	*maps = (struct proc_maps){};
	r = read_maps(pid, name, maps);
	if (r < 0)
		proc_maps_fini(maps);
	return r;
}

int proc_maps_read(pid_t pid, struct proc_maps *maps)
{
	return read_named(pid, "maps", maps);
}

int proc_smaps_read(pid_t pid, struct proc_maps *maps)
{
	return read_named(pid, "smaps", maps);
}

static int any_of(pid_t pid, uint64_t start, uint64_t end)
{
	struct proc_maps maps;
	int ret = proc_maps_read(pid, &maps);
	bool any = false;

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < maps.n_vmas && !any; i++)
		any = maps.vmas[i].start < end && maps.vmas[i].end > start;
	proc_maps_fini(&maps);
	return any;
}

int proc_maps_any(pid_t pid, uint64_t start, uint64_t end)
{
	struct procmap_query query = {
		.size = sizeof(query), .query_addr = start,
		.query_flags = PROCMAP_QUERY_COVERING_OR_NEXT_VMA,
	};
	_cleanup_close_ int fd = proc_open(pid, O_RDONLY, "maps");

	if (fd < 0)
		return fd;
	if (!ioctl(fd, PROCMAP_QUERY, &query))
		return query.vma_start < end;
	if (errno == ENOENT || errno == ESRCH)
		return 0;
	return errno == ENOTTY ? any_of(pid, start, end) :
	       log_errno(-errno, "pid %d: cannot ask for its mappings", pid);
}

void proc_maps_fini(struct proc_maps *maps)
{
	size_t i;

	/* The last of the neighbours that share a name frees it. */
	for (i = 0; i < maps->n_vmas; i++)
		if (i + 1 == maps->n_vmas || maps->vmas[i].name != maps->vmas[i + 1].name)
			free(maps->vmas[i].name);
	free(maps->vmas);
	*maps = (struct proc_maps){};
}

const struct proc_vma *proc_maps_find(const struct proc_maps *maps, uint64_t addr)
{
	size_t low = 0, high = maps->n_vmas;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (maps->vmas[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < maps->n_vmas && maps->vmas[low].start <= addr)
		return &maps->vmas[low];
	return NULL;
}
