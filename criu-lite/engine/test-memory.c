// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a real process: dumped, read again, planned, and compared page by
 * page. The process is a child with one mapping of each sort:
 *
 *	anonymous	|..11.z1..|	1 written, z read only (zero page)
 *	hidden		|11|		PROT_NONE after it was written
 *	file		|c1c|		private; page 1 changed
 *	shared		|.1.|		anonymous
 *	sparse		|1 ...1 TiB... 1|
 *	guarded		|1GG1|		with a guard region, where there are such
 *
 * Only what hands out memory is replaced: instead of a parasite this process
 * reads /proc/PID/mem.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "core/restore.h"
#include "engine/memory-dump.h"
#include "engine/memory-restore.h"
#include "image/dir.h"
#include "image/reader.h"
#include "image/vma.h"
#include "image/writer.h"
#include "images/pagemap.pb-c.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/kinds.h"
#include "kinds/mm/kinds.h"
#include "pages/pagemap.h"
#include "sys/features.h"
#include "sys/proc_maps.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/macro.h"

#define SPARSE_LEN (1UL << 40)
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Where the child has what; in memory shared with it. */
struct places {
	char *anon, *hidden, *file, *shared, *sparse, *guarded, *locked, *stack_like;
	bool guard;
	uint64_t sp;
};

struct fixture {
	char path[64], data[96];
	struct places *places;
	pid_t pid;
	int mem_fd;
	struct kernel_features features;
	struct options opts;
	struct dump d;
	struct restore r;
	struct task task;
	struct thread thread;
	struct task_dump task_dump;
	struct task_restore task_restore;
	struct proc_maps maps;
	CoreEntry core;
	ThreadInfoX86 info;
	UserX86RegsEntry regs;
	DumpStatsEntry stats;
};

/*
 * In place of inject/session.c.
 */

struct parasite {
	int mem_fd;
};

static struct parasite parasite_stand_in;

uint64_t parasite_area(const struct parasite *p)
{
	return 0;
}

int parasite_mem_fd(const struct parasite *p)
{
	return p->mem_fd;
}

/* The child has no pad. */
void parasite_scrub(const struct parasite *p, uint64_t addr, void *buf, size_t len)
{
}

int parasite_mempolicies(struct parasite *p, const uint64_t *addrs, size_t n,
			 struct mempolicy *policies)
{
	return 0;
}

int parasite_pages(struct parasite *p, const struct iovec *iov, size_t n, int out_fd)
{
	char page[PAGE_SIZE];

	for (size_t i = 0; i < n; i++) {
		for (size_t at = 0; at < iov[i].iov_len; at += PAGE_SIZE) {
			int ret;

			if (pread_all(p->mem_fd, page, PAGE_SIZE, (off_t)iov[i].iov_base + at) !=
			    (ssize_t)PAGE_SIZE)
				return -EFAULT;
			ret = write_all(out_fd, page, PAGE_SIZE);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

/*
 * The child.
 */

static char *map_some(size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE_SIZE, prot, flags, -1, 0);

	if (p == MAP_FAILED)
		_exit(2);
	return p;
}

static void fill(char *page, char with)
{
	memset(page, with, PAGE_SIZE);
}

__attribute__((noreturn))
static void child(struct places *p, const char *data, int ready)
{
	const int rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	volatile char seen;
	int fd = open(data, O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	p->anon = map_some(9, rw, anon);
	fill(p->anon + 2 * PAGE_SIZE, 'a');
	fill(p->anon + 3 * PAGE_SIZE, 'b');
	seen = p->anon[5 * PAGE_SIZE];
	fill(p->anon + 6 * PAGE_SIZE, 'c');
	madvise(p->anon, 9 * PAGE_SIZE, MADV_DONTFORK);

	p->hidden = map_some(2, rw, anon);
	fill(p->hidden, 'd');
	fill(p->hidden + PAGE_SIZE, 'e');
	mprotect(p->hidden, 2 * PAGE_SIZE, PROT_NONE);

	p->file = mmap(NULL, 3 * PAGE_SIZE, rw, MAP_PRIVATE, fd, 0);
	seen = p->file[0];
	fill(p->file + PAGE_SIZE, 'f');

	p->shared = map_some(3, rw, MAP_SHARED | MAP_ANONYMOUS);
	fill(p->shared + PAGE_SIZE, 'g');

	p->sparse = mmap(NULL, SPARSE_LEN, rw, anon | MAP_NORESERVE, -1, 0);
	fill(p->sparse, 'h');
	fill(p->sparse + SPARSE_LEN - PAGE_SIZE, 'i');

	p->guarded = map_some(4, rw, anon);
	fill(p->guarded, 'j');
	fill(p->guarded + 3 * PAGE_SIZE, 'k');
	p->guard = madvise(p->guarded + PAGE_SIZE, 2 * PAGE_SIZE, MADV_GUARD_INSTALL) == 0;

	p->locked = map_some(1, rw, anon);
	fill(p->locked, 'l');
	/* Not mlock(): a sanitizer makes it do nothing. */
	syscall(SYS_mlock, p->locked, PAGE_SIZE);

	p->stack_like = map_some(3, rw, anon | MAP_GROWSDOWN);
	for (int i = 0; i < 3; i++)
		fill(p->stack_like + i * PAGE_SIZE, 'm' + i);
	p->sp = (uint64_t)p->stack_like + PAGE_SIZE + 100;
	(void)seen;
	if (write(ready, "", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void make_child(struct fixture *f)
{
	char page[3 * PAGE_SIZE], byte;
	int fd, ready[2], status;

	snprintf(f->data, sizeof(f->data), "%s/data", f->path);
	fd = open(f->data, O_RDWR | O_CREAT, 0600);
	memset(page, '#', sizeof(page));
	assert_int_equal(write_all(fd, page, sizeof(page)), 0);
	close(fd);
	f->places = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	assert_int_equal(pipe(ready), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (!f->pid)
		child(f->places, f->data, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	/* Its stack still changes on the way to pause(). */
	assert_int_equal(kill(f->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(f->pid, &status, WUNTRACED), f->pid);
	assert_true(WIFSTOPPED(status));
}

static const struct file_kind *const file_table[] = { &memfd_kind, &regular_kind, NULL };
/* As in kinds/table.c, which brings all other kinds along. */
static const struct vma_kind *const vma_table[] = {
	&vma_vdso_kind, &vma_vvar_kind, &vma_vsyscall_kind, &vma_refused_kind,
	&vma_memfd_shared_kind, &vma_memfd_private_kind, &vma_anon_kind,
	&vma_file_shared_kind, &vma_file_private_kind, &vma_anon_shared_kind, NULL,
};
static const struct kind_table test_kinds = { .files = file_table, .vmas = vma_table };

static void setup_dump(struct fixture *f)
{
	char mem[64];

	snprintf(mem, sizeof(mem), "/proc/%d/mem", f->pid);
	parasite_stand_in.mem_fd = f->mem_fd = open(mem, O_RDWR);
	assert_true(f->mem_fd >= 0);
	assert_int_equal(proc_smaps_read(f->pid, &f->maps), 0);
	dump_stats_entry__init(&f->stats);
	f->d.stats = &f->stats;
	f->d.features = f->r.features = &f->features;
	f->d.opts = f->r.opts = &f->opts;
	f->d.kinds = f->r.kinds = &test_kinds;
	f->d.arena = f->r.arena = arena_new();
	TAILQ_INIT(&f->d.tasks);
	TAILQ_INIT(&f->r.tasks);
	assert_int_equal(image_dir_open(f->path, &f->d.images), 0);
	f->r.images = f->d.images;
	f->r.handoff = -1;
	f->r.service_base = f->r.next_service = 500;
	f->r.service_last = INT_MAX;

	f->task_dump.vmas = f->maps.vmas;
	f->task_dump.n_vmas = f->maps.n_vmas;
	f->task_dump.parasite = &parasite_stand_in;
	core_entry__init(&f->core);
	thread_info_x86__init(&f->info);
	user_x86_regs_entry__init(&f->regs);
	f->core.thread_info = &f->info;
	f->info.gpregs = &f->regs;
	f->regs.sp = f->places->sp;
	f->thread.tid = f->task.pid = f->pid;
	f->thread.core = &f->core;
	f->task.threads = &f->thread;
	f->task.n_threads = 1;
	f->task.state = TASK_ALIVE;
	f->task.dump = &f->task_dump;
	f->task.restore = &f->task_restore;
	TAILQ_INSERT_TAIL(&f->d.tasks, &f->task, link);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/test-memory-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	assert_int_equal(features_probe(&f->features), 0);
	make_child(f);
	setup_dump(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	fd_info_close_all(&f->d);
	close(f->mem_fd);
	proc_maps_fini(&f->maps);
	image_dir_free(f->d.images);
	arena_free(f->d.arena);
	munmap(f->places, PAGE_SIZE);
	nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void dump_all(struct fixture *f)
{
	assert_int_equal(memory_dump_collect(&f->d, &f->task), 0);
	assert_int_equal(memory_dump_save(&f->d, &f->task), 0);
	assert_int_equal(memfd_kind.save(&f->d), 0);
}

static const VmaEntry *entry_at(const struct fixture *f, const void *addr)
{
	for (size_t i = 0; i < f->task.mm->n_vmas; i++) {
		const VmaEntry *e = f->task.mm->vmas[i];

		if (e->status != VMA_GUARD && e->start <= (uint64_t)addr &&
		    (uint64_t)addr < e->end)
			return e;
	}
	fail_msg("no VMA at %p", addr);
	return NULL;
}

static void test_entries(void **state)
{
	struct fixture *f = *state;
	const struct places *p = f->places;
	const MmEntry *mm;
	const VmaEntry *e;

	assert_int_equal(memory_dump_collect(&f->d, &f->task), 0);
	mm = f->task.mm;
	e = entry_at(f, p->anon);
	assert_int_equal(e->status, 0x201);
	assert_int_equal(e->flags, MAP_PRIVATE | MAP_ANONYMOUS);
	assert_int_equal(e->madv, 1 << MADV_DONTFORK);
	assert_int_equal(entry_at(f, p->hidden)->prot, PROT_NONE);
	e = entry_at(f, p->file);
	assert_int_equal(e->status, 0x41);
	assert_int_equal(e->fdflags, O_RDONLY);
	assert_true(e->shmid > 0);
	e = entry_at(f, p->shared);
	assert_int_equal(e->status, 0x4081);
	assert_int_equal(e->flags, MAP_SHARED);
	assert_int_equal(e->fdflags, O_RDWR);
	assert_true(entry_at(f, p->sparse)->flags & MAP_NORESERVE);
	assert_true(entry_at(f, p->locked)->flags & MAP_LOCKED);
	assert_true(entry_at(f, p->stack_like)->flags & MAP_GROWSDOWN);
	if (p->guard && f->features.pagemap_guard) {
		e = mm->vmas[mm->n_vmas - 1];
		assert_int_equal(e->status, VMA_GUARD);
		assert_ptr_equal(e->start, p->guarded + PAGE_SIZE);
		assert_int_equal(e->end - e->start, 2 * PAGE_SIZE);
	}
}

/* Mappings of one file share its id. */
/* Names as a kernel that has them shows them; this one may not. */
static void test_names(void **state)
{
	struct fixture *f = *state;
	const struct { char *at, *shown; const char *name; } rows[] = {
		{ f->places->anon, "[anon:Go: heap]", "Go: heap" },
		{ f->places->shared, "[anon_shmem:ring]", "ring" },
		{ f->places->locked, "[heap]", NULL },
	};
	char *names[ARRAY_SIZE(rows)];
	struct proc_vma *vmas[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		vmas[i] = (struct proc_vma *)proc_maps_find(&f->maps, (uint64_t)rows[i].at);
		names[i] = vmas[i]->name;
		vmas[i]->name = rows[i].shown;
	}
	assert_int_equal(memory_dump_collect(&f->d, &f->task), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *name = entry_at(f, rows[i].at)->anon_name;

		vmas[i]->name = names[i];
		assert_true(!!name == !!rows[i].name);
		if (name)
			assert_string_equal(name, rows[i].name);
	}
}

static void test_files_once(void **state)
{
	struct fixture *f = *state;
	size_t mapped = 0;

	assert_int_equal(memory_dump_collect(&f->d, &f->task), 0);
	for (size_t i = 0; i < f->task.mm->n_vmas; i++)
		mapped += !!(f->task.mm->vmas[i]->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED));
	assert_true(f->d.n_descriptions > 1);
	assert_true(f->d.n_descriptions < mapped);
}

static void load_files(struct fixture *f)
{
	static struct task *nobody;

	f->r.n_files = f->d.n_descriptions;
	f->r.files = arena_new_array(f->r.arena, struct file, f->r.n_files);
	assert_int_equal(memfd_kind.load(&f->r), 0);
	for (size_t i = 0; i < f->r.n_files; i++) {
		FileEntry *e = f->d.descriptions[i]->entry;

		f->r.files[i] = (struct file){ .id = e->id, .type = e->type, .entry = e,
			.kind = f->d.descriptions[i]->kind, .fd = -1, .owner = nobody };
		if (e->type == FD_TYPES__MEMFD)
			assert_int_equal(memfd_kind.collect(&f->r, &f->r.files[i]), 0);
	}
	if (!TAILQ_FIRST(&f->r.tasks))
		TAILQ_INSERT_TAIL(&f->r.tasks, &f->task, link);
}

/* The content that the plan gives the page at @addr; false: no read covers it. */
static bool planned_page(const struct restorer_mm *mm, uint64_t addr, char *page)
{
	for (size_t i = 0; i < mm->n_reads; i++) {
		const struct restorer_read *read = &mm->reads[i];

		if (addr < read->addr || addr >= read->addr + read->len)
			continue;
		assert_int_equal(pread_all(read->fd, page, PAGE_SIZE,
					   read->offset + (addr - read->addr)), PAGE_SIZE);
		return true;
	}
	return false;
}

static void check_page(struct fixture *f, const struct restorer_mm *mm, const char *addr,
		       char with)
{
	char page[PAGE_SIZE], expected[PAGE_SIZE];
	bool there = planned_page(mm, (uint64_t)addr, page);

	if (with) {
		assert_true(there);
		memset(expected, with, PAGE_SIZE);
		assert_memory_equal(page, expected, PAGE_SIZE);
	} else {
		assert_false(there);
	}
}

static struct restorer_args *new_args(struct fixture *f)
{
	uint64_t size = memory_restore_room(&f->r, &f->task);
	struct restorer_args *args = arena_new_object(f->r.arena, struct restorer_args);

	/* What the room promises is enough to the last byte. */
	args->heap_next = (uint64_t)arena_alloc(f->r.arena, size);
	args->heap_end = args->heap_next + size;
	return args;
}

static void open_files(struct fixture *f)
{
	for (size_t i = 0; i < f->r.n_files; i++) {
		struct file *file = &f->r.files[i];

		if (file->type == FD_TYPES__MEMFD)
			assert_int_equal(memfd_kind.open(&f->r, file), 0);
		else
			file->fd = 0;
	}
	assert_int_equal(memory_restore_open(&f->r), 0);
}

static void test_dump_and_plan(void **state)
{
	struct fixture *f = *state;
	const struct places *p = f->places;
	struct restorer_args *args;
	struct restorer_mm *mm;
	char *map;

	dump_all(f);
	load_files(f);
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	open_files(f);
	args = new_args(f);
	mm = &args->mm;
	assert_int_equal(memory_restore_plan(&f->r, &f->task, args), 0);
	assert_int_equal(mm->n_reads, f->task_restore.n_reads);

	for (int i = 0; i < 9; i++)
		check_page(f, mm, p->anon + i * PAGE_SIZE, "\0\0ab\0\0c\0\0"[i]);
	check_page(f, mm, p->hidden, 'd');
	check_page(f, mm, p->hidden + PAGE_SIZE, 'e');
	for (int i = 0; i < 3; i++)
		check_page(f, mm, p->file + i * PAGE_SIZE, "\0f\0"[i]);
	for (int i = 0; i < 3; i++)
		check_page(f, mm, p->shared + i * PAGE_SIZE, 0);
	check_page(f, mm, p->sparse, 'h');
	check_page(f, mm, p->sparse + SPARSE_LEN - PAGE_SIZE, 'i');
	for (int i = 0; i < 4; i++)
		check_page(f, mm, p->guarded + i * PAGE_SIZE, "j\0\0k"[i]);
	check_page(f, mm, p->locked, 'l');
	assert_int_equal(mm->n_guards, p->guard && f->features.pagemap_guard);
	assert_true(mm->n_vdso >= 2);
	assert_int_equal(mm->uffd, -1);

	/* Shared memory is filled before any task maps it. */
	for (size_t i = 0; i < mm->n_vmas; i++) {
		if ((char *)mm->vmas[i].start != p->shared)
			continue;
		map = mmap(NULL, 3 * PAGE_SIZE, PROT_READ, mm->vmas[i].flags, mm->vmas[i].fd,
			   mm->vmas[i].offset);
		assert_true(map != MAP_FAILED);
		assert_int_equal(map[0], 0);
		assert_int_equal(map[2 * PAGE_SIZE - 1], 'g');
		munmap(map, 3 * PAGE_SIZE);
	}
}

/* Every present private page of the child, whatever it is, comes back as it is. */
static void test_everything(void **state)
{
	struct fixture *f = *state;
	struct restorer_args *args;
	char page[PAGE_SIZE], was[PAGE_SIZE];
	uint64_t compared = 0;

	dump_all(f);
	load_files(f);
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	open_files(f);
	args = new_args(f);
	assert_int_equal(memory_restore_plan(&f->r, &f->task, args), 0);
	for (size_t i = 0; i < args->mm.n_vmas; i++) {
		const struct restorer_vma *v = &args->mm.vmas[i];

		if (v->fd >= 0 || v->len > (1UL << 30))
			continue;
		for (uint64_t at = v->start; at < v->start + v->len; at += PAGE_SIZE) {
			/* Guard regions can't be read. */
			if (pread_all(f->mem_fd, was, PAGE_SIZE, at) != (ssize_t)PAGE_SIZE)
				continue;
			if (!planned_page(&args->mm, at, page))
				memset(page, 0, PAGE_SIZE);
			assert_memory_equal(page, was, PAGE_SIZE);
			compared++;
		}
	}
	assert_true(compared > 20);
}

/* Lazy pages are marked; the page of the stack pointer is not. */
static void test_lazy_flags(void **state)
{
	struct fixture *f = *state;
	_cleanup_(image_dir_cleanup) struct image_dir *dir = NULL;
	const char *stack = f->places->stack_like;
	PagemapEntry *e;
	bool lazy[3] = {}, present[3] = {};
	struct image_reader *reader;
	ProtobufCMessage *msg;

	dump_all(f);
	assert_int_equal(image_reader_open(f->d.images, IMAGE_PAGEMAP, f->pid, &reader), 0);
	assert_int_equal(image_reader_next(reader, &msg), 1);
	image_message_free(msg);
	while (image_reader_next(reader, &msg) > 0) {
		e = (PagemapEntry *)msg;
		for (int i = 0; i < 3; i++) {
			uint64_t at = (uint64_t)stack + i * PAGE_SIZE;

			if (at < e->vaddr || at >= e->vaddr + e->nr_pages * PAGE_SIZE)
				continue;
			lazy[i] = e->flags & PAGE_LAZY;
			present[i] = e->flags & PAGE_PRESENT;
		}
		image_message_free(msg);
	}
	image_reader_free(reader);
	assert_true(present[0] && present[1] && present[2]);
	assert_true(lazy[0] && !lazy[1] && lazy[2]);
}

static void test_find_area(void **state)
{
	struct fixture *f = *state;
	uint64_t size = 1UL << 24, addr;
	void *map;

	dump_all(f);
	load_files(f);
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	assert_int_equal(memory_restore_find_area(&f->r, &f->task, size, &addr), 0);
	map = mmap((void *)addr, size, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(map, addr);
	munmap(map, size);
	for (size_t i = 0; i < f->task.mm->n_vmas; i++)
		assert_true(f->task.mm->vmas[i]->end <= addr ||
			    f->task.mm->vmas[i]->start >= addr + size);
}

/* A lazy restore plans no read for what it arms. */
static void test_lazy_room(void **state)
{
	struct fixture *f = *state;
	size_t eager;

	dump_all(f);
	load_files(f);
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	eager = f->task_restore.n_reads;
	f->opts.lazy_pages = true;
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	assert_true(f->task_restore.n_reads < eager);
	/* What is locked and what is a file's is read at once. */
	assert_true(f->task_restore.n_reads >= 2);
}

static void test_hostile_vmas(void **state)
{
	struct fixture *f = *state;
	VmaEntry *e, saved;

	dump_all(f);
	load_files(f);
	e = (VmaEntry *)entry_at(f, f->places->anon);
	saved = *e;

	/* Pages of a mapping that is not there any more. */
	e->end = e->start + PAGE_SIZE;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
	*e = saved;
	/* A shared mapping has no pages of its own. */
	e->status = 0x4081;
	e->flags = MAP_SHARED;
	e->shmid = entry_at(f, f->places->shared)->shmid;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
	*e = saved;
	e->status = 0x41;
	e->flags = MAP_PRIVATE;
	e->shmid = 0xffffff;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
	e->shmid = 1UL << 33;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
	*e = saved;
	e->status = 0x501;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -ENOTSUP);
	*e = saved;
	e->end -= 1;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
	*e = saved;
	f->task.mm->n_vmas = 0;
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
}

/* Another kernel's vdso: one byte of its saved code differs. */
static void test_foreign_vdso(void **state)
{
	struct fixture *f = *state;
	const struct page_extent *ext = NULL;
	_cleanup_close_ int fd = -1;
	char byte;

	dump_all(f);
	load_files(f);
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	for (size_t i = 0; i < f->task.mm->n_vmas; i++)
		if (f->task.mm->vmas[i]->status & VMA_VDSO)
			ext = page_map_find(f->task_restore.pages, f->task.mm->vmas[i]->start);
	assert_non_null(ext);
	fd = image_open_raw(f->d.images, IMAGE_PAGES,
			    f->task_restore.pages->files[ext->file].pages_id, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, ext->offset + 5), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, ext->offset + 5), 1);
	assert_int_equal(memory_restore_load(&f->r, &f->task), -ENOTSUP);
}

static void write_pagemap(struct fixture *f, uint64_t addr, uint64_t pages, uint32_t flags)
{
	PagemapHead head = PAGEMAP_HEAD__INIT;
	PagemapEntry e = PAGEMAP_ENTRY__INIT;
	struct image_writer *w;

	head.pages_id = 1;
	e.vaddr = addr;
	e.has_nr_pages = e.has_flags = true;
	e.nr_pages = pages;
	e.flags = flags;
	assert_int_equal(image_writer_open(f->d.images, IMAGE_PAGEMAP, f->pid, &w), 0);
	assert_int_equal(image_write(w, &head.base), 0);
	assert_int_equal(image_write(w, &e.base), 0);
	assert_int_equal(image_writer_close(w), 0);
}

static void test_hostile_pagemaps(void **state)
{
	struct fixture *f = *state;
	char name[128];

	dump_all(f);
	load_files(f);
	/* The pages file is as long as the page maps below say, but for one. */
	snprintf(name, sizeof(name), "%s/pages-1.img", f->path);
	assert_int_equal(truncate(name, PAGE_SIZE), 0);
	/* No vdso to compare with. */
	write_pagemap(f, (uint64_t)f->places->anon, 1, PAGE_PRESENT);
	assert_int_equal(memory_restore_load(&f->r, &f->task), -ENOTSUP);
	/* Without a vdso, pages where nothing is mapped. */
	for (size_t i = 0; i < f->task.mm->n_vmas; i++)
		if (f->task.mm->vmas[i]->status & VMA_VDSO)
			f->task.mm->vmas[i]->status = VMA_REGULAR | VMA_ANON_PRIVATE;
	assert_int_equal(memory_restore_load(&f->r, &f->task), 0);
	write_pagemap(f, 0x10000, 1, PAGE_PRESENT);
	assert_int_equal(memory_restore_load(&f->r, &f->task), -EINVAL);
	/* Left with the dump. */
	write_pagemap(f, (uint64_t)f->places->anon, 1, PAGE_LAZY);
	assert_int_equal(memory_restore_load(&f->r, &f->task), -ENOTSUP);
	/* More than the pages file has. */
	write_pagemap(f, (uint64_t)f->places->sparse, SPARSE_LEN / PAGE_SIZE, PAGE_PRESENT);
	assert_true(memory_restore_load(&f->r, &f->task) < 0);
	snprintf(name, sizeof(name), "%s/pagemap-%d.img", f->path, f->pid);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(memory_restore_load(&f->r, &f->task), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dump_and_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lazy_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find_area, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lazy_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_vmas, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_vdso, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_pagemaps, setup, teardown),
	};

	if (geteuid()) {
		fputs("SKIP: only root may follow /proc/PID/map_files\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
