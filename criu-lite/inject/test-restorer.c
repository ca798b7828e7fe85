// SPDX-License-Identifier: GPL-2.0-only
/*
 * The restorer and the release, on a task that restores itself: a child writes
 * its own memory to a file, plans its own mappings from /proc/self/maps, and
 * jumps into the restorer, which takes all of it away and brings it back. The
 * test is its coordinator. What the child then finds is its exit code
 * (test-restored.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/abi/restorer.h"
#include "inject/enter.h"
#include "inject/release.h"
#include "inject/test-restored.h"
#include "pie/blob.h"
#include "sys/features.h"
#include "sys/proc_auxv.h"
#include "sys/proc_maps.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "sys/syscall.h"
#include "sys/uffd.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/macro.h"

#define AREA_HEAP (1024 * 1024)
#define TASK_SIZE 0x7ffffffff000UL
#define MAX_VMAS 256
#define MAX_KEEP 8

#define MUST(x) ({ long v_ = (long)(x); if (v_ < 0) { perror(#x); _exit(2); } v_; })

/* What the test changes of the plan. */
struct variant {
	bool lazy;
	bool count_timer_ids;		/* as on a kernel without PR_TIMER_CREATE_RESTORE_IDS */
	bool bad_fd;			/* one mapping has a descriptor that is not there */
	bool bad_tid;			/* a thread wants the tid of its leader */
	bool strict;			/* in seccomp's strict mode, all threads */
	/* Filters that kill for any call: one for all, one on top for a thread. */
	bool deadly;
	bool bad_filter;		/* one that the kernel does not take */
	bool there;			/* what has marks of its own is mapped and filled before, */
	bool aside;			/* but elsewhere */
	bool no_place;			/* one such mapping belongs where another one is */
};

/* Between the coordinator and the task. */
struct shared {
	struct restore_sync sync;
	uint64_t area_start, area_end;
	int tids[RESTORED_THREADS];
	uint64_t lazy;
	int uffd;
};

static struct shared *shared;
static int shared_fd;

static int service_fd(int fd)
{
	int service = MUST(fcntl(fd, F_DUPFD, RESTORED_SERVICE_BASE));

	close(fd);
	return service;
}

/*
 * The task
 */

static bool is_vdso(const struct proc_vma *vma)
{
	return vma->name && (!strcmp(vma->name, "[vdso]") || !strncmp(vma->name, "[vvar", 5));
}

/* Ours alone, or above the end of user space. */
static bool is_skipped(const struct proc_vma *vma)
{
	return vma->start >= TASK_SIZE || vma->shared;
}

static bool is_file(const struct proc_vma *vma)
{
	return vma->name && vma->name[0] == '/';
}

/* Code is what the file has; all else is read back, also what is hidden. */
static bool is_read(const struct proc_vma *vma)
{
	return !(vma->prot & PROT_EXEC);
}

static void save(const struct proc_vma *vma, int fd, uint64_t offset)
{
	int mem = MUST(open("/proc/self/mem", O_RDONLY));
	char page[PAGE_SIZE];

	for (uint64_t at = vma->start; at < vma->end; at += PAGE_SIZE) {
		MUST(pread(mem, page, PAGE_SIZE, at));
		MUST(pwrite(fd, page, PAGE_SIZE, offset + at - vma->start));
	}
	close(mem);
}

static void *take(struct restorer_args *args, size_t size)
{
	void *p = (void *)args->heap_next;

	args->heap_next += ALIGN_UP(size, 16);
	return p;
}

static void plan_vdso(struct restorer_args *args, const struct proc_vma *vma)
{
	struct restorer_vdso_piece *p = &args->mm.vdso[args->mm.n_vdso++];

	args->heap_next = ALIGN_UP(args->heap_next, PAGE_SIZE);
	p->from = p->to = vma->start;
	p->len = vma->end - vma->start;
	p->park = (uintptr_t)take(args, p->len);
}

static void plan_vma(struct restorer_args *args, const struct proc_vma *from, int image)
{
	struct restorer_vma *vma = &args->mm.vmas[args->mm.n_vmas++];
	struct restorer_read *read;

	vma->start = from->start;
	vma->len = from->end - from->start;
	vma->offset = from->pgoff;
	vma->prot = from->prot;
	vma->flags = MAP_PRIVATE | (is_file(from) ? 0 : MAP_ANONYMOUS);
	vma->fd = is_file(from) ? service_fd(MUST(open(from->name, O_RDONLY))) : -1;
	if (from->name && !strcmp(from->name, "[stack]"))
		vma->flags |= MAP_GROWSDOWN;
	if (restored_vma(from, vma) || !is_read(from))
		return;
	read = &args->mm.reads[args->mm.n_reads++];
	read->addr = vma->start;
	read->len = vma->len;
	read->fd = image;
	read->offset = lseek(image, 0, SEEK_END);
	save(from, image, read->offset);
}

/* The mappings that test-restored.c looks at. */
static bool is_marked(uint64_t start)
{
	const struct restored_memory *m = &restored_memory;

	return start == (uintptr_t)m->hidden || start == (uintptr_t)m->advised ||
	       start == (uintptr_t)m->growing || start == (uintptr_t)m->locked;
}

/* Writable until the restorer has it, whatever it will be. */
static uint64_t make_there(const struct restorer_vma *vma, bool aside)
{
	void *here = (void *)vma->start, *copy;

	MUST(mprotect(here, vma->len, PROT_READ | PROT_WRITE));
	if (!aside)
		return vma->start;
	copy = mmap(NULL, vma->len, PROT_READ | PROT_WRITE, vma->flags & ~MAP_LOCKED, -1, 0);
	MUST(copy == MAP_FAILED ? -1 : 0);
	return (uintptr_t)memcpy(copy, here, vma->len);
}

static int compare_keep(const void *a, const void *b)
{
	const struct restorer_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Takes the reads of what is there out of the plan. */
static void plan_there(struct restorer_args *args, const struct variant *v)
{
	struct restorer_mm *mm = &args->mm;
	uint64_t n = 0;

	for (uint64_t i = 0; i < mm->n_vmas; i++) {
		struct restorer_vma *vma = &mm->vmas[i];

		if (!is_marked(vma->start))
			continue;
		vma->from = make_there(vma, v->aside);
		vma->how |= RESTORER_VMA_THERE;
		mm->keep[mm->n_keep].start = vma->from;
		mm->keep[mm->n_keep++].len = vma->len;
		if (v->no_place)
			vma->start = mm->vmas[0].start;
	}
	qsort(mm->keep, mm->n_keep, sizeof(*mm->keep), compare_keep);
	for (uint64_t i = 0; i < mm->n_reads; i++)
		if (!is_marked(mm->reads[i].addr))
			mm->reads[n++] = mm->reads[i];
	mm->n_reads = n;
}

static void plan_layout(struct restorer_args *args)
{
	struct proc_auxv *auxv = take(args, sizeof(*auxv));
	uint64_t *l = args->mm.layout;
	struct proc_stat stat;

	MUST(proc_stat_read(getpid(), 0, &stat));
	MUST(proc_auxv_read(getpid(), auxv));
	l[0] = stat.start_code;
	l[1] = stat.end_code;
	l[2] = stat.start_data;
	l[3] = stat.end_data;
	l[4] = stat.start_brk;
	l[5] = (uintptr_t)sbrk(0);
	l[6] = stat.start_stack;
	l[7] = stat.arg_start;
	l[8] = stat.arg_end;
	l[9] = stat.env_start;
	l[10] = stat.env_end;
	args->mm.auxv = auxv->words;
	args->mm.auxv_size = auxv->n_words * sizeof(uint64_t);
	args->mm.exe_fd = service_fd(MUST(open("/proc/self/exe", O_RDONLY)));
	args->mm.thp_disabled = 1;
	args->mm.task_size = TASK_SIZE;
}

/* From here on the memory of the image and ours differ: nothing may matter that changes. */
static void plan_memory(struct restorer_args *args, const struct proc_maps *maps)
{
	int image = service_fd(MUST(memfd_create("image", 0)));

	args->mm.vmas = take(args, MAX_VMAS * sizeof(*args->mm.vmas));
	args->mm.reads = take(args, MAX_VMAS * sizeof(*args->mm.reads));
	args->mm.vdso = take(args, 8 * sizeof(*args->mm.vdso));
	plan_layout(args);
	for (size_t i = 0; i < maps->n_vmas && i < MAX_VMAS; i++) {
		if (is_skipped(&maps->vmas[i]))
			continue;
		if (is_vdso(&maps->vmas[i]))
			plan_vdso(args, &maps->vmas[i]);
		else
			plan_vma(args, &maps->vmas[i], image);
	}
}

/* | blob | heap | control block | */
static struct restorer_args *map_area(void)
{
	size_t code = ALIGN_UP(pie_restorer_end - pie_restorer_start, PAGE_SIZE);
	size_t size = code + AREA_HEAP + PAGE_SIZE;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct restorer_args *args = (void *)(area + code);

	MUST(area == MAP_FAILED ? -1 : 0);
	memcpy(area, pie_restorer_start, pie_restorer_end - pie_restorer_start);
	MUST(mprotect(area, code, PROT_READ | PROT_EXEC));
	args->sync = mmap(area + code + AREA_HEAP, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, shared_fd, 0);
	args->area_start = shared->area_start = restored_memory.area_start = (uintptr_t)area;
	args->area_end = shared->area_end = args->area_start + size;
	args->heap_next = ALIGN_UP((uintptr_t)(args + 1), 16);
	args->heap_end = (uintptr_t)area + code + AREA_HEAP;
	args->mm.keep = take(args, MAX_KEEP * sizeof(*args->mm.keep));
	args->mm.keep->start = args->area_start;
	args->mm.keep->len = size;
	args->mm.n_keep = 1;
	return args;
}

static void make_uffd(struct restorer_args *args)
{
	int fd = MUST(uffd_open(UFFD_FEATURE_EVENT_FORK, NULL));

	args->mm.uffd = shared->uffd = service_fd(fd);
	shared->lazy = (uintptr_t)restored_memory.lazy;
}

/* A program of one instruction. */
static struct restorer_filter filter(struct restorer_args *args, uint16_t code, uint32_t k)
{
	struct sock_filter *insn = take(args, sizeof(*insn));

	*insn = (struct sock_filter)BPF_STMT(code, k);
	return (struct restorer_filter){ .program = { 1, insn } };
}

static void plan_seccomp(struct restorer_args *args, const struct variant *v)
{
	struct restorer_filter *filters = take(args, 2 * sizeof(*filters));

	args->seccomp = 1;
	if (v->strict) {
		for (int i = 0; i < RESTORED_THREADS; i++)
			args->threads[i].seccomp_strict = 1;
		return;
	}
	filters[0] = filter(args, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filters[1] = filter(args, v->bad_filter ? BPF_LD : BPF_RET | BPF_K, 0);
	args->filters = &filters[0];
	args->n_filters = 1;
	args->threads[1].filters = &filters[1];
	args->threads[1].n_filters = 1;
}

static void apply_variant(struct restorer_args *args, const struct variant *v)
{
	struct kernel_features features;

	MUST(features_probe(&features));
	args->timer_restore_ids = features.timer_restore_ids && !v->count_timer_ids;
	args->mm.uffd = -1;
	if (v->lazy)
		make_uffd(args);
	if (v->strict || v->deadly || v->bad_filter)
		plan_seccomp(args, v);
	if (v->bad_tid)
		args->threads[2].tid = args->threads[0].tid;
}

__attribute__((noreturn))
static void run_task(const struct variant *v)
{
	struct arena *arena = arena_new();
	struct restorer_args *args;
	struct proc_maps maps = {};
	void *volatile small[2];
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	shared_fd = service_fd(shared_fd);
	/* The heap must neither grow nor shrink once its size is known. */
	mallopt(M_TOP_PAD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	small[0] = malloc(100000);
	small[1] = malloc(100000);
	free(small[0]);
	free(small[1]);
	restored_prepare(v->lazy);
	MUST(proc_maps_read(getpid(), &maps));
	args = map_area();
	restored_plan(arena, args);
	apply_variant(args, v);
	for (int i = 0; i < RESTORED_THREADS; i++)
		shared->tids[i] = args->threads[i].tid;
	if (__rseq_size)
		MUST(syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32,
			     RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
	plan_memory(args, &maps);
	if (v->there)
		plan_there(args, v);
	if (v->bad_fd)
		args->mm.vmas[2].fd = 9999;
	restorer_enter(args);
}

/*
 * The coordinator
 */

/* The task would have to save the sanitizer's shadow of its memory, terabytes. */
static void need_no_shadow(void)
{
#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: built with the address sanitizer\n");
	skip();
#endif
}

static pid_t start(const struct variant *v)
{
	pid_t pid;

	need_no_shadow();
	shared_fd = memfd_create("control", 0);
	assert_true(shared_fd >= 0);
	assert_int_equal(ftruncate(shared_fd, PAGE_SIZE), 0);
	shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_task(v);
	return pid;
}

static void end(void)
{
	munmap(shared, PAGE_SIZE);
	close(shared_fd);
}

/* False: a task failed. */
static bool collect(enum restore_stage stage, uint32_t n)
{
	struct restore_sync *sync = &shared->sync;

	for (;;) {
		uint32_t bell = __atomic_load_n(&sync->bell, __ATOMIC_SEQ_CST);
		const struct timespec limit = { .tv_sec = 10 };

		if (__atomic_load_n(&sync->failed, __ATOMIC_SEQ_CST))
			return false;
		if (__atomic_load_n(&sync->arrived[stage], __ATOMIC_SEQ_CST) >= n)
			return true;
		if (syscall(SYS_futex, &sync->bell, FUTEX_WAIT, bell, &limit, NULL, 0) < 0)
			assert_int_not_equal(errno, ETIMEDOUT);
	}
}

static void open_stage(enum restore_stage stage)
{
	__atomic_store_n(&shared->sync.open, stage + 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->sync.open, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void must_collect(enum restore_stage stage)
{
	const struct restore_sync *sync = &shared->sync;

	if (!collect(stage, RESTORED_THREADS))
		fail_msg("step %u failed: errno %d, argument %#lx", sync->fail_step,
			 sync->fail_errno, (unsigned long)sync->fail_arg);
}

static void bring_to_end(void)
{
	must_collect(RESTORE_STAGE_MEMORY);
	open_stage(RESTORE_STAGE_MEMORY);
	must_collect(RESTORE_STAGE_CREDS);
}

static int release_seccomp(pid_t pid, bool stop, bool seccomp)
{
	const struct release_task task = {
		.pid = pid,
		.tids = shared->tids,
		.n_tids = RESTORED_THREADS,
		.area_start = shared->area_start,
		.area_end = shared->area_end,
		.seccomp = seccomp,
		.stop_signal = stop ? SIGSTOP : 0,
	};

	return release_tree(&task, 1, &shared->sync);
}

static int release(pid_t pid, bool stop)
{
	return release_seccomp(pid, stop, false);
}

static void expect_success(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	end();
}

static void expect_failure(pid_t pid, enum restorer_step step, int err, uint64_t arg)
{
	int status;

	assert_false(collect(RESTORE_STAGE_MEMORY, RESTORED_THREADS));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status));
	assert_int_equal(shared->sync.fail_pid, pid);
	assert_int_equal(shared->sync.fail_step, step);
	assert_int_equal(shared->sync.fail_errno, err);
	if (arg)
		assert_int_equal(shared->sync.fail_arg, arg);
	end();
}

static void test_restores(void **state)
{
	pid_t pid = start(&(struct variant){});

	bring_to_end();
	assert_int_equal(release(pid, false), 0);
	expect_success(pid);
}

static void test_counts_timer_ids(void **state)
{
	pid_t pid = start(&(struct variant){ .count_timer_ids = true });

	bring_to_end();
	assert_int_equal(release(pid, false), 0);
	expect_success(pid);
}

static void test_leaves_stopped(void **state)
{
	pid_t pid = start(&(struct variant){});
	int status;

	bring_to_end();
	assert_int_equal(release(pid, true), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	assert_int_equal(kill(pid, SIGCONT), 0);
	expect_success(pid);
}

static void test_takes_what_is_there(void **state)
{
	const struct variant variants[] = { { .there = true }, { .there = true, .aside = true } };

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		pid_t pid = start(&variants[i]);

		bring_to_end();
		assert_int_equal(release(pid, false), 0);
		expect_success(pid);
	}
}

/* Moving must not replace what is where it belongs. */
static void test_moves_over_nothing(void **state)
{
	pid_t pid = start(&(struct variant){ .there = true, .aside = true, .no_place = true });

	expect_failure(pid, RESTORER_STEP_MAP, -EEXIST, 0);
}

/* Brings every page that the task misses. */
static void serve(int uffd)
{
	static char page[PAGE_SIZE] __attribute__((aligned(4096)));
	struct pollfd fd = { .fd = uffd, .events = POLLIN };

	memset(page, RESTORED_LAZY_BYTE, sizeof(page));
	for (int i = 0; i < RESTORED_LAZY_PAGES; i++) {
		struct uffdio_copy copy = { .src = (uintptr_t)page, .len = PAGE_SIZE };
		struct uffd_msg msg;

		assert_int_equal(poll(&fd, 1, 10000), 1);
		assert_int_equal(read(uffd, &msg, sizeof(msg)), sizeof(msg));
		assert_int_equal(msg.event, UFFD_EVENT_PAGEFAULT);
		assert_in_range(msg.arg.pagefault.address, shared->lazy,
				shared->lazy + RESTORED_LAZY_PAGES * PAGE_SIZE - 1);
		copy.dst = msg.arg.pagefault.address & PAGE_MASK;
		assert_int_equal(ioctl(uffd, UFFDIO_COPY, &copy), 0);
	}
}

static void test_arms(void **state)
{
	pid_t pid = start(&(struct variant){ .lazy = true });
	_cleanup_close_ int uffd = -1, pidfd = -1;

	must_collect(RESTORE_STAGE_MEMORY);
	pidfd = sys_pidfd_open(pid, 0);
	uffd = sys_pidfd_getfd(pidfd, shared->uffd);
	assert_true(uffd >= 0);
	bring_to_end();
	assert_int_equal(release(pid, false), 0);
	serve(uffd);
	expect_success(pid);
}

static void test_names_failed_mapping(void **state)
{
	pid_t pid = start(&(struct variant){ .bad_fd = true });

	expect_failure(pid, RESTORER_STEP_MAP, -EBADF, 0);
}

static void test_names_taken_tid(void **state)
{
	pid_t pid = start(&(struct variant){ .bad_tid = true });

	expect_failure(pid, RESTORER_STEP_THREAD, -EEXIST, pid);
}

static void check_seccomp(pid_t pid, int thread, uint32_t mode, uint32_t filters)
{
	struct proc_status status = {};

	assert_int_equal(proc_status_read(pid, shared->tids[thread], &status), 0);
	assert_int_equal(status.seccomp, mode);
	assert_int_equal(status.seccomp_filters, filters);
	proc_status_fini(&status);
}

/* The restorer is not in its memory any more, though it may not make a single call. */
static void check_left(pid_t pid)
{
	struct proc_maps maps = {};

	assert_int_equal(proc_maps_read(pid, &maps), 0);
	for (size_t i = 0; i < maps.n_vmas; i++)
		assert_true(maps.vmas[i].end <= shared->area_start ||
			    maps.vmas[i].start >= shared->area_end);
	proc_maps_fini(&maps);
}

static void test_seccomp(void **state)
{
	const struct variant variants[] = { { .strict = true }, { .deadly = true } };

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		pid_t pid = start(&variants[i]);
		int status;

		bring_to_end();
		assert_int_equal(release_seccomp(pid, true, true), 0);
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
		assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		for (int j = 0; j < RESTORED_THREADS; j++)
			check_seccomp(pid, j, variants[i].strict ? SECCOMP_MODE_STRICT :
				      SECCOMP_MODE_FILTER,
				      variants[i].strict ? 0 : 1 + (j == 1));
		check_left(pid);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		end();
	}
}

/* The last step of all can fail too, and says which it was. */
static void test_names_bad_filter(void **state)
{
	pid_t pid = start(&(struct variant){ .bad_filter = true });

	bring_to_end();
	assert_int_equal(release_seccomp(pid, false, true), -ESRCH);
	assert_true(shared->sync.failed);
	assert_int_equal(shared->sync.fail_step, RESTORER_STEP_SECCOMP);
	assert_int_equal(shared->sync.fail_errno, -EINVAL);
	assert_int_equal(shared->sync.fail_arg, shared->tids[1]);
	kill(pid, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	end();
}

/* One thread less, and nobody gets anywhere. */
static void test_ended_task_is_an_error(void **state)
{
	pid_t pid = start(&(struct variant){});

	bring_to_end();
	kill(pid, SIGKILL);
	assert_int_equal(release(pid, false), -ESRCH);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	assert_int_equal(errno, ECHILD);
	end();
}

/* A coordinator that is gone opens nothing any more: its tasks end as well. */
static void test_ends_with_its_maker(void **state)
{
	pid_t *pid = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			  0);
	pid_t maker;
	int status;

	need_no_shadow();
	assert_ptr_not_equal(pid, MAP_FAILED);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	maker = fork();
	if (maker == 0) {
		*pid = start(&(struct variant){});
		bring_to_end();
		_exit(0);
	}
	assert_int_equal(waitpid(maker, &status, 0), maker);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(*pid, &status, 0), *pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 127);
	munmap(pid, PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restores),
		cmocka_unit_test(test_counts_timer_ids),
		cmocka_unit_test(test_leaves_stopped),
		cmocka_unit_test(test_arms),
		cmocka_unit_test(test_takes_what_is_there),
		cmocka_unit_test(test_moves_over_nothing),
		cmocka_unit_test(test_names_failed_mapping),
		cmocka_unit_test(test_names_taken_tid),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_names_bad_filter),
		cmocka_unit_test(test_ended_task_is_an_error),
		cmocka_unit_test(test_ends_with_its_maker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
