// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of mappings: who claims what, on saved text of smaps; where the vdso
 * may go; memory files dumped and opened again, and damaged images of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "core/restore.h"
#include "image/dir.h"
#include "image/vma.h"
#include "image/writer.h"
#include "kinds/mm/kinds.h"
#include "kinds/mm/memfd.h"
#include "kinds/mm/vdso.h"
#include "kinds/mm/vma.h"
#include "kinds/table.h"
#include "pages/sink.h"
#include "sys/proc_maps.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/macro.h"

static const struct vma_kind *claimed_by(const struct proc_vma *vma)
{
	for (const struct vma_kind *const *k = kind_table.vmas; *k; k++)
		if ((*k)->probe && (*k)->probe(vma))
			return *k;
	return NULL;
}

/* One line of smaps and its VmFlags, and the kind that must have it. */
static const struct {
	const char *line, *flags;
	const struct vma_kind *kind;
} claims[] = {
	{ "400000-401000 r-xp 00000000 fe:00 12 /usr/bin/prog", "rd ex mr mw me",
	  &vma_file_private_kind },
	{ "500000-501000 rw-s 00001000 fe:00 13 /srv/data", "rd wr sh mr mw me ms",
	  &vma_file_shared_kind },
	{ "502000-503000 r--s 00000000 fe:00 13 /srv/data", "rd mr me ms", &vma_file_shared_kind },
	{ "504000-505000 rw-p 00000000 fe:00 14 /srv/gone (deleted)", "rd wr mr mw me ac",
	  &vma_file_private_kind },
	{ "600000-700000 rw-p 00000000 00:00 0 [heap]", "rd wr mr mw me ac", &vma_anon_kind },
	{ "700000-701000 rw-p 00000000 00:00 0", "rd wr mr mw me ac", &vma_anon_kind },
	{ "702000-703000 rw-p 00000000 00:00 0 [anon:cache]", "rd wr mr mw me ac",
	  &vma_anon_kind },
	{ "800000-801000 rw-s 00000000 00:01 77 /dev/zero (deleted)", "rd wr sh mr mw me ms",
	  &vma_memfd_shared_kind },
	{ "802000-803000 rw-s 00000000 00:01 78 /memfd:x y (deleted)", "rd wr sh mr mw me ms",
	  &vma_memfd_shared_kind },
	{ "804000-805000 rw-p 00000000 00:01 78 /memfd:x y (deleted)", "rd wr mr mw me ac",
	  &vma_memfd_private_kind },
	{ "806000-807000 rw-s 00000000 00:01 79 [anon_shmem:ring]", "rd wr sh mr mw me ms",
	  &vma_memfd_shared_kind },
	/* A file that is only called like one. */
	{ "808000-809000 rw-s 00000000 fe:00 80 /memfd:x", "rd wr sh mr mw me ms",
	  &vma_file_shared_kind },
	{ "80a000-80b000 rw-p 00000000 00:05 4 /dev/zero", "rd wr mr mw me ac",
	  &vma_file_private_kind },
	{ "80c000-80d000 rw-s 00000000 00:01 81 /SYSV00000000 (deleted)", "rd wr sh mr mw me ms",
	  &vma_refused_kind },
	{ "80e000-80f000 rw-s 00000000 00:0d 82 /[aio] (deleted)", "rd wr sh mr mw me ms de",
	  &vma_refused_kind },
	{ "a00000-c00000 rw-s 00000000 00:0e 83 /memfd:huge (deleted)",
	  "rd wr sh mr mw me ms de ht", &vma_memfd_shared_kind },
	{ "c00000-e00000 rw-p 00000000 00:0e 84 /anon_hugepage (deleted)", "rd wr mr mw me de ht",
	  &vma_anon_kind },
	{ "c00000-e00000 rw-s 00000000 00:0e 84 /anon_hugepage (deleted)",
	  "rd wr sh mr mw me ms de ht", &vma_memfd_shared_kind },
	{ "c00000-e00000 rw-s 00000000 00:2e 84 /dev/hugepages/a", "rd wr sh mr mw me ms de ht",
	  &vma_file_shared_kind },
	{ "e00000-e01000 rw-p 00000000 00:00 0", "rd wr mr mw me ac um", &vma_refused_kind },
	{ "e02000-e03000 rw-p 00000000 00:00 0", "rd wr mr mw me ac uw", &vma_refused_kind },
	{ "e04000-e05000 rw-s 00000000 00:01 85 /memfd:u (deleted)", "rd wr sh mr mw me ms ui",
	  &vma_refused_kind },
	{ "e06000-e07000 rw-s 00000000 00:05 86 /dev/mem", "rd wr sh mr mw me ms pf io de dd",
	  &vma_refused_kind },
	{ "e08000-e09000 rw-s 00000000 00:0f 87 anon_inode:[io_uring]", "rd wr sh mr mw me ms",
	  &vma_refused_kind },
	{ "e0a000-e0b000 rw-s 00000000 00:09 88 socket:[88]", "rd wr sh mr mw me ms mm",
	  &vma_refused_kind },
	{ "e0c000-e0d000 rw-s 00000000 00:01 89 /secretmem (deleted)", "rd wr sh mr mw me ms lo dd",
	  &vma_refused_kind },
	{ "e0e000-e0f000 rw-p 00000000 00:00 0", "rd wr mr mw me ac ss", &vma_refused_kind },
	{ "e10000-e11000 rw-p 00000000 00:00 0", "rd wr mr mw me ac sl", &vma_anon_kind },
	{ "e12000-e13000 rw-p 00000000 00:00 0", "rd wr mr mw me lo lf ac", &vma_anon_kind },
	{ "e14000-e15000 rw-p 00000000 00:00 0", "rd wr mr mw me ac qq", &vma_refused_kind },
	{ "e16000-e17000 --xp 00000000 00:00 0 [uprobes]", "ex mr me de", &vma_refused_kind },
	{ "7f0000000000-7f0000004000 r--p 00000000 00:00 0 [vvar]", "rd mr pf io de dd",
	  &vma_vvar_kind },
	{ "7f0000004000-7f0000006000 r--p 00000000 00:00 0 [vvar_vclock]", "rd mr pf io de dd",
	  &vma_vvar_kind },
	{ "7f0000006000-7f0000008000 r-xp 00000000 00:00 0 [vdso]", "rd ex mr mw me de",
	  &vma_vdso_kind },
	{ "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]", "rd wr mr mw me gd ac",
	  &vma_anon_kind },
	{ "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]", "ex",
	  &vma_vsyscall_kind },
	/* Nobody's: the engine refuses it. */
	{ "e18000-e19000 r--p 00000000 00:00 0 [vectors]", "rd mr", NULL },
};

static void test_claims(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		struct proc_maps maps = {};
		char text[512];

		snprintf(text, sizeof(text), "%s\nSize:  4 kB\nVmFlags: %s \n", claims[i].line,
			 claims[i].flags);
		assert_int_equal(proc_maps_parse(text, &maps), 0);
		assert_int_equal(maps.n_vmas, 1);
		if (claimed_by(&maps.vmas[0]) != claims[i].kind)
			fail_msg("%s: claimed by %s", claims[i].line,
				 claimed_by(&maps.vmas[0]) ? claimed_by(&maps.vmas[0])->name : "-");
		proc_maps_fini(&maps);
	}
}

/* Every status that an image may have leads back to the kind that wrote it. */
static void test_statuses(void **state)
{
	static const struct {
		uint32_t status;
		const struct vma_kind *kind;
	} rows[] = {
		{ 0x201, &vma_anon_kind }, { 0x203, &vma_anon_kind }, { 0x221, &vma_anon_kind },
		{ 0x41, &vma_file_private_kind }, { 0x81, &vma_file_shared_kind },
		{ 0x4081, &vma_memfd_shared_kind }, { 0x4041, &vma_memfd_private_kind },
		{ 0x209, &vma_vdso_kind }, { 0x1201, &vma_vvar_kind },
		{ 0x204, &vma_vsyscall_kind }, { 0x101, &vma_anon_shared_kind },
		{ 0x501, &vma_refused_kind }, { 0x2000, &vma_refused_kind },
		{ 0x801, &vma_refused_kind }, { 0x8201, &vma_refused_kind },
		{ 0, &vma_refused_kind }, { ~0u, &vma_refused_kind },
		{ 0x200, &vma_refused_kind }, { 0x10000201, &vma_refused_kind },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct vma_kind *found = &vma_refused_kind;

		for (const struct vma_kind *const *k = kind_table.vmas; *k; k++)
			if ((*k)->status_mask &&
			    (rows[i].status & (*k)->status_mask) == (*k)->status)
				found = *k;
		if (found != rows[i].kind)
			fail_msg("status %#x: %s", rows[i].status, found->name);
	}
}

static void test_refusals_at_restore(void **state)
{
	static const uint32_t covered_never[] = { 0x501, 0x2000, 0x801, 0x8201, 0x8000001 };
	VmaEntry e = VMA_ENTRY__INIT;
	struct task t = { .pid = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(covered_never); i++) {
		e.status = covered_never[i];
		assert_int_equal(vma_refused_kind.check(NULL, &t, &e), -ENOTSUP);
	}
	e.status = 0x200;
	assert_int_equal(vma_refused_kind.check(NULL, &t, &e), -EINVAL);
	e.status = 0x201;
	e.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
	assert_int_equal(vma_anon_kind.check(NULL, &t, &e), 0);
	e.flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
	assert_int_equal(vma_anon_shared_kind.check(NULL, &t, &e), -ENOTSUP);
	e.flags = MAP_SHARED | MAP_ANONYMOUS;
	assert_int_equal(vma_anon_kind.check(NULL, &t, &e), -EINVAL);
}

static void test_vdso_layout(void **state)
{
	/* One character is a page: v vvar, c vclock, X vdso. */
	const struct vdso_layout six = { 0x1000, 0x7000, 0x7000, 0x9000 };	/* vvvvccXX */
	const struct vdso_layout moved = { 0x51000, 0x57000, 0x57000, 0x59000 };
	const struct vdso_layout apart = { 0x51000, 0x57000, 0x58000, 0x5a000 };
	const struct vdso_layout old = { 0x1000, 0x5000, 0x5000, 0x7000 };	/* vvvvXX */
	const struct vdso_layout no_vvar = { 0, 0, 0x5000, 0x7000 };
	const struct vdso_layout none = {};

	assert_null(vdso_layout_fault(&six, &moved));
	assert_null(vdso_layout_fault(&none, &moved));
	assert_null(vdso_layout_fault(&none, &none));
	assert_null(vdso_layout_fault(&no_vvar, &moved));
	assert_non_null(vdso_layout_fault(&six, &apart));
	assert_non_null(vdso_layout_fault(&old, &moved));
	assert_non_null(vdso_layout_fault(&six, &none));
	assert_non_null(vdso_layout_fault(&six, &no_vvar));
}

static void test_vdso_layout_found(void **state)
{
	static char text[] =
		"1000-5000 r--p 00000000 00:00 0 [vvar]\n"
		"5000-7000 r--p 00000000 00:00 0 [vvar_vclock]\n"
		"7000-9000 r-xp 00000000 00:00 0 [vdso]\n";
	VmaEntry vvar = VMA_ENTRY__INIT, vdso = VMA_ENTRY__INIT, *list[] = { &vvar, &vdso };
	MmEntry mm = MM_ENTRY__INIT;
	struct vdso_layout a, b;
	struct proc_maps maps = {};

	assert_int_equal(proc_maps_parse(text, &maps), 0);
	vdso_layout_of_maps(&maps, &a);
	vvar.start = 0x1000, vvar.end = 0x7000, vvar.status = 0x1201;
	vdso.start = 0x7000, vdso.end = 0x9000, vdso.status = 0x209;
	mm.vmas = list, mm.n_vmas = 2;
	vdso_layout_of_image(&mm, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.vvar_start, 0x1000);
	assert_int_equal(a.vdso_end, 0x9000);
	proc_maps_fini(&maps);
}

/*
 * Memory files, dumped and opened again in this process.
 */

struct fixture {
	char path[64];
	struct dump d;
	struct restore r;
	struct options opts;
	FileEntry *entries[8];
	size_t n;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/test-mm-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->d.arena = f->r.arena = arena_new();
	f->d.kinds = f->r.kinds = &kind_table;
	assert_int_equal(image_dir_open(f->path, &f->d.images), 0);
	f->r.images = f->d.images;
	f->r.opts = f->d.opts = &f->opts;
	f->r.service_base = f->r.next_service = 500;
	f->r.service_last = INT_MAX;
	f->r.handoff = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	image_dir_free(f->d.images);
	arena_free(f->d.arena);
	nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* What core/file.c would have collected of one of our descriptors. */
static void dump_fd(struct fixture *f, int fd)
{
	struct fd_info *info = arena_new_object(f->d.arena, struct fd_info);
	char path[64], target[256];
	ssize_t n;

	info->fd = info->local = fd;
	info->flags = fcntl(fd, F_GETFL);
	info->pos = lseek(fd, 0, SEEK_CUR);
	info->fown = arena_message(f->d.arena, FownEntry, fown_entry__init);
	assert_int_equal(fstat(fd, &info->st), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	assert_true(n > 0);
	target[n] = '\0';
	info->target = arena_strdup(f->d.arena, target);
	info->task = arena_new_object(f->d.arena, struct task);

	f->entries[f->n] = arena_message(f->d.arena, FileEntry, file_entry__init);
	f->entries[f->n]->type = FD_TYPES__MEMFD;
	f->entries[f->n]->id = f->n + 1;
	assert_true(memfd_kind.probe(info));
	assert_int_equal(memfd_kind.dump(&f->d, info, f->entries[f->n]), 0);
	f->n++;
}

static void restore_all(struct fixture *f)
{
	static struct task owner;

	f->r.files = arena_new_array(f->r.arena, struct file, f->n);
	f->r.n_files = f->n;
	assert_int_equal(memfd_kind.save(&f->d), 0);
	assert_int_equal(memfd_kind.load(&f->r), 0);
	for (size_t i = 0; i < f->n; i++) {
		f->r.files[i] = (struct file){ .id = i + 1, .type = FD_TYPES__MEMFD, .fd = -1,
			.entry = f->entries[i], .kind = &memfd_kind, .owner = &owner };
		assert_int_equal(memfd_kind.collect(&f->r, &f->r.files[i]), 0);
	}
	for (size_t i = 0; i < f->n; i++)
		assert_int_equal(memfd_kind.open(&f->r, &f->r.files[i]), 0);
}

static void assert_same_link(int a, int b)
{
	char path[64], x[256] = "", y[256] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", a);
	assert_true(readlink(path, x, sizeof(x) - 1) > 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b);
	assert_true(readlink(path, y, sizeof(y) - 1) > 0);
	assert_string_equal(x, y);
}

static void assert_same_content(int a, int b, size_t len)
{
	char *x = mmap(NULL, len, PROT_READ, MAP_SHARED, a, 0);
	char *y = mmap(NULL, len, PROT_READ, MAP_SHARED, b, 0);

	assert_true(x != MAP_FAILED && y != MAP_FAILED);
	assert_memory_equal(x, y, len);
	munmap(x, len);
	munmap(y, len);
}

/*	| hole | data | hole | da:ta |		':' is the end of the file */
static void test_memfd(void **state)
{
	struct fixture *f = *state;
	size_t size = 3 * PAGE_SIZE + 100;
	int fd = memfd_create("a name\n(deleted)", MFD_CLOEXEC | MFD_ALLOW_SEALING), second;
	struct stat was, is;
	char link[64], *map;

	assert_int_equal(ftruncate(fd, size), 0);
	map = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memset(map + PAGE_SIZE, 'x', PAGE_SIZE);
	/* Past the end of the file, to be seen through a mapping only. */
	memset(map + 3 * PAGE_SIZE, 'y', PAGE_SIZE);
	munmap(map, 4 * PAGE_SIZE);
	assert_int_equal(fchmod(fd, 0640), 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	second = open(link, O_RDONLY | O_APPEND | O_NONBLOCK);
	assert_int_equal(lseek(fd, 4242, SEEK_SET), 4242);
	assert_int_equal(lseek(second, 17, SEEK_SET), 17);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
	dump_fd(f, fd);
	dump_fd(f, second);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 4242);
	restore_all(f);

	/* First of all: reading a hole through a mapping fills it. */
	assert_int_equal(lseek(f->r.files[0].fd, 0, SEEK_DATA), PAGE_SIZE);
	assert_int_equal(lseek(f->r.files[0].fd, 4242, SEEK_SET), 4242);
	assert_int_equal(fstat(fd, &was), 0);
	assert_int_equal(fstat(f->r.files[0].fd, &is), 0);
	assert_int_equal(was.st_size, is.st_size);
	assert_int_equal(was.st_mode, is.st_mode);
	assert_int_equal(was.st_uid, is.st_uid);
	assert_int_equal(was.st_blocks, is.st_blocks);
	assert_int_equal(fcntl(f->r.files[0].fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_WRITE);
	assert_same_link(fd, f->r.files[0].fd);
	assert_same_content(second, f->r.files[1].fd, 4 * PAGE_SIZE);
	assert_int_equal(lseek(f->r.files[0].fd, 0, SEEK_CUR), 4242);
	assert_int_equal(lseek(f->r.files[1].fd, 0, SEEK_CUR), 17);
	assert_int_equal(fcntl(f->r.files[1].fd, F_GETFL), fcntl(second, F_GETFL));
	/* Both are one inode. */
	assert_int_equal(fstat(f->r.files[1].fd, &was), 0);
	assert_int_equal(was.st_ino, is.st_ino);
	close(fd);
	close(second);
}

static void test_memfd_empty_and_sealed(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("", MFD_CLOEXEC);

	dump_fd(f, fd);
	restore_all(f);
	assert_same_link(fd, f->r.files[0].fd);
	assert_int_equal(fcntl(f->r.files[0].fd, F_GET_SEALS), F_SEAL_SEAL);
	assert_int_equal(lseek(f->r.files[0].fd, 0, SEEK_END), 0);
	close(fd);
}

static void test_shared_anonymous(void **state)
{
	struct fixture *f = *state;
	size_t len = 5 * PAGE_SIZE;
	char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char link[64];
	int fd;

	memset(map + PAGE_SIZE, 'z', 2 * PAGE_SIZE);
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (unsigned long)map,
		 (unsigned long)map + len);
	fd = open(link, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EPERM)
		skip();
	assert_true(fd >= 0);
	dump_fd(f, fd);
	assert_string_equal(f->d.memfds->entry->name, MEMFD_DEV_ZERO);
	restore_all(f);
	assert_same_link(fd, f->r.files[0].fd);
	assert_same_content(fd, f->r.files[0].fd, len);
	munmap(map, len);
	close(fd);
}

/* A memfd that a program called so can't be told from shared anonymous memory. */
static void test_memfd_refused(void **state)
{
	struct fixture *f = *state;
	FileEntry entry = FILE_ENTRY__INIT;
	struct task t = { .pid = 1 };
	struct fd_info info = { .task = &t, .fd = 3 };

	info.local = memfd_create("/dev/zero", MFD_CLOEXEC);
	info.target = (char *)"/memfd:/dev/zero (deleted)";
	assert_int_equal(fstat(info.local, &info.st), 0);
	assert_true(memfd_kind.probe(&info));
	assert_int_equal(memfd_kind.dump(&f->d, &info, &entry), -ENOTSUP);
	assert_null(f->d.memfds);
	close(info.local);
}

/*	segment	|aaaa....bbbb|, mapped lazily at [0, 2) and [3, 5): page 2 comes at once */
static void test_unmapped_part_is_filled(void **state)
{
	struct fixture *f = *state;
	struct page_sink *sink;
	struct memfd_inode *inode;
	VmaEntry e = VMA_ENTRY__INIT;
	struct task t = { .pid = 1 };
	char page[5 * PAGE_SIZE];

	memset(page, 'q', sizeof(page));
	assert_int_equal(page_sink_open(f->d.images, NULL, IMAGE_SHMEM_PAGEMAP, 9, 1, &sink), 0);
	assert_int_equal(page_sink_extent(sink, 0, 5, PAGE_PRESENT), 0);
	assert_int_equal(page_sink_data(sink, page, sizeof(page)), 0);
	assert_int_equal(page_sink_close(sink), 0);

	f->opts.lazy_pages = true;
	e.status = 0x101;
	e.flags = MAP_SHARED | MAP_ANONYMOUS;
	e.prot = PROT_READ | PROT_WRITE;
	e.shmid = 9;
	e.start = 0x10000, e.end = 0x12000, e.pgoff = 0;
	assert_int_equal(vma_anon_shared_kind.check(&f->r, &t, &e), 0);
	e.start = 0x20000, e.end = 0x22000, e.pgoff = 3 * PAGE_SIZE;
	assert_int_equal(vma_anon_shared_kind.check(&f->r, &t, &e), 0);
	inode = memfd_inode_of_vma(&f->r, &e);
	assert_int_equal(inode->entry->size, 5 * PAGE_SIZE);
	/* There is no server to tell: all else is done by then. */
	assert_true(memfd_inode_open(&f->r, inode) < 0);
	assert_true(inode->lazy);
	assert_int_equal(lseek(inode->fd, 0, SEEK_DATA), 2 * PAGE_SIZE);
	assert_int_equal(lseek(inode->fd, 2 * PAGE_SIZE, SEEK_HOLE), 3 * PAGE_SIZE);
}

static void write_inode(struct fixture *f, MemfdInodeEntry *e, int times)
{
	struct image_writer *w;

	assert_int_equal(image_writer_open(f->d.images, IMAGE_MEMFD_INODE, 0, &w), 0);
	while (times--)
		assert_int_equal(image_write(w, &e->base), 0);
	assert_int_equal(image_writer_close(w), 0);
}

static void test_hostile_memfd(void **state)
{
	static const struct {
		const char *name;
		uint64_t size, inode_id;
		uint32_t seals, mode, hugetlb;
		int times;
	} rows[] = {
		{ "twice", 0, 1, 0, S_IFREG, 0, 2 },
		{ "no pagemap", 4096, 1, 0, S_IFREG, 0, 1 },
		{ "size", INT64_MAX, 1, 0, S_IFREG, 0, 1 },
		{ "size", UINT64_MAX, 1, 0, S_IFREG, 0, 1 },
		{ "seals", 0, 1, 0x40, S_IFREG, 0, 1 },
		{ "mode", 0, 1, 0, S_IFDIR, 0, 1 },
		{ "mode", 0, 1, 0, S_IFREG | 0x80000, 0, 1 },
		{ "huge", 0, 1, 0, S_IFREG, 1, 1 },
		{ "huge", 0, 1, 0, S_IFREG, 4 | 1U << 25, 1 },
		{ MEMFD_DEV_ZERO, 1UL << 21, 1, 0, S_IFREG, 4, 1 },
		{ MEMFD_ANON_HUGE, 1UL << 21, 1, 0, S_IFREG, 0, 1 },
		{ "id", 0, 1UL << 40, 0, S_IFREG, 0, 1 },
		{ MEMFD_DEV_ZERO, 0, 1, 0, S_IFREG, 0, 1 },
		{ MEMFD_DEV_ZERO, 100, 1, 0, S_IFREG, 0, 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		MemfdInodeEntry e = MEMFD_INODE_ENTRY__INIT;

		e.name = (char *)rows[i].name;
		e.size = rows[i].size;
		e.inode_id = rows[i].inode_id;
		e.shmid = 1;
		e.seals = rows[i].seals;
		e.has_mode = true;
		e.mode = rows[i].mode;
		e.has_hugetlb_flag = rows[i].hugetlb;
		e.hugetlb_flag = rows[i].hugetlb;
		write_inode(f, &e, rows[i].times);
		f->r.memfds = NULL;
		if (memfd_kind.load(&f->r) >= 0)
			fail_msg("row %zu (%s) was taken", i, rows[i].name);
	}
}

static void test_pages_behind_the_end(void **state)
{
	struct fixture *f = *state;
	MemfdInodeEntry e = MEMFD_INODE_ENTRY__INIT;
	struct page_sink *sink;
	char page[PAGE_SIZE] = {};

	assert_int_equal(page_sink_open(f->d.images, NULL, IMAGE_SHMEM_PAGEMAP, 1, 1, &sink), 0);
	assert_int_equal(page_sink_extent(sink, PAGE_SIZE, 1, PAGE_PRESENT), 0);
	assert_int_equal(page_sink_data(sink, page, sizeof(page)), 0);
	assert_int_equal(page_sink_close(sink), 0);
	e.name = (char *)"short";
	e.size = PAGE_SIZE;
	e.shmid = e.inode_id = 1;
	write_inode(f, &e, 1);
	assert_int_equal(memfd_kind.load(&f->r), -EINVAL);
}

static void test_hostile_memfd_file(void **state)
{
	struct fixture *f = *state;
	MemfdInodeEntry inode = MEMFD_INODE_ENTRY__INIT;
	MemfdFileEntry e = MEMFD_FILE_ENTRY__INIT;
	FownEntry fown = FOWN_ENTRY__INIT;
	FileEntry entry = FILE_ENTRY__INIT;
	struct file file = { .id = 1, .type = FD_TYPES__MEMFD, .entry = &entry, .fd = -1 };

	inode.name = (char *)"x";
	inode.inode_id = 1;
	write_inode(f, &inode, 1);
	assert_int_equal(memfd_kind.load(&f->r), 0);
	entry.memfd = &e;
	e.fown = &fown;
	e.inode_id = 2;
	assert_int_equal(memfd_kind.collect(&f->r, &file), -EINVAL);
	e.inode_id = 1;
	e.flags = O_RDWR | O_TRUNC;
	assert_int_equal(memfd_kind.collect(&f->r, &file), -EINVAL);
	e.flags = O_RDWR;
	e.pos = UINT64_MAX;
	assert_int_equal(memfd_kind.collect(&f->r, &file), -EINVAL);
	e.pos = 0;
	assert_int_equal(memfd_kind.collect(&f->r, &file), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_refusals_at_restore),
		cmocka_unit_test(test_vdso_layout),
		cmocka_unit_test(test_vdso_layout_found),
		cmocka_unit_test_setup_teardown(test_memfd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd_empty_and_sealed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_anonymous, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memfd_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unmapped_part_is_filled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_memfd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_behind_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_memfd_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
