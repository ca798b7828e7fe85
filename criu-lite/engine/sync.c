// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control block of a restore.
 *
 * Two futexes: `open`, on which tasks wait for the coordinator, and `bell`,
 * on which the coordinator waits for tasks. The coordinator looks at a task's
 * death only when its wait runs into a short timeout, so that a restore that
 * goes well never polls.
 */
#include "engine/sync.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/restore.h"
#include "util/log.h"
#include "util/macro.h"

static const char *const stage_names[RESTORE_STAGE_COUNT] = {
	[RESTORE_STAGE_FORK] = "fork",
	[RESTORE_STAGE_STATE] = "state",
	[RESTORE_STAGE_FILES] = "files",
	[RESTORE_STAGE_MEMORY] = "memory",
	[RESTORE_STAGE_CREDS] = "credentials",
};

static const char *const step_names[RESTORER_STEP_COUNT] = {
	[RESTORER_STEP_TASK] = "prepare",
	[RESTORER_STEP_VDSO] = "move the vdso",
	[RESTORER_STEP_UNMAP] = "unmap the old memory",
	[RESTORER_STEP_MAP] = "map the VMA at",
	[RESTORER_STEP_READ] = "read pages to",
	[RESTORER_STEP_PROTECT] = "protect the VMA at",
	[RESTORER_STEP_ADVISE] = "advise on the VMA at",
	[RESTORER_STEP_LOCK] = "lock the VMA at",
	[RESTORER_STEP_NAME] = "name the VMA at",
	[RESTORER_STEP_MBIND] = "bind to its NUMA nodes the VMA at",
	[RESTORER_STEP_ARM] = "register with userfaultfd the VMA at",
	[RESTORER_STEP_SEAL] = "seal the VMA at",
	[RESTORER_STEP_MM_LAYOUT] = "set the memory layout",
	[RESTORER_STEP_THREAD] = "make thread",
	[RESTORER_STEP_SIGACTION] = "set the action of signal",
	[RESTORER_STEP_SIGNALS] = "queue pending signal",
	[RESTORER_STEP_SIGALTSTACK] = "set the alternate signal stack",
	[RESTORER_STEP_ROBUST_LIST] = "set the robust list",
	[RESTORER_STEP_RSEQ] = "register rseq",
	[RESTORER_STEP_SCHED] = "set scheduling",
	[RESTORER_STEP_MEMPOLICY] = "set the NUMA policy of thread",
	[RESTORER_STEP_PROCESSORS] = "set the processors of thread",
	[RESTORER_STEP_IO_PRIORITY] = "set I/O priority",
	[RESTORER_STEP_TIMER] = "make timer",
	[RESTORER_STEP_RLIMIT] = "set resource limit",
	[RESTORER_STEP_CREDS] = "set credentials",
	[RESTORER_STEP_MEMFD_SEAL] = "seal the memfd of service descriptor",
	[RESTORER_STEP_CLOSE] = "close service descriptors",
	[RESTORER_STEP_PERSONALITY] = "set the personality",
	[RESTORER_STEP_PRCTL] = "set the attribute of prctl option",
	[RESTORER_STEP_MEMBARRIER] = "register for membarrier command",
	[RESTORER_STEP_SECCOMP] = "set up seccomp of thread",
	[RESTORER_STEP_PARENT] = "go on without its parent",
};

static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* The block has a page of its own, as the restorer maps it; the areas follow. */
int sync_new(struct restore *r)
{
	struct restore_area *areas;
	struct task *t;
	size_t size = PAGE_SIZE, n = 0;
	void *map;
	int fd = memfd_create("criu-lite-sync", MFD_CLOEXEC);

	if (fd < 0)
		return log_errno(-errno, "control block: cannot create");
	fd = restore_service_fd(r, fd);
	if (fd < 0)
		return fd;
	TAILQ_FOREACH(t, &r->tasks, link)
		size += sizeof(*areas);
	if (ftruncate(fd, size) < 0)
		return log_errno(-errno, "control block: cannot size");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return log_errno(-errno, "control block: cannot map");
	r->sync = map;
	r->sync_fd = fd;
	areas = (void *)((char *)map + PAGE_SIZE);
	TAILQ_FOREACH(t, &r->tasks, link)
		t->restore->area = &areas[n++];
	return 0;
}

static void ring(struct restore_sync *sync)
{
	__atomic_add_fetch(&sync->bell, 1, __ATOMIC_SEQ_CST);
	futex(&sync->bell, FUTEX_WAKE, INT32_MAX, NULL);
}

void sync_arrive(struct restore_sync *sync, enum restore_stage stage)
{
	__atomic_add_fetch(&sync->arrived[stage], 1, __ATOMIC_SEQ_CST);
	ring(sync);
}

int sync_wait(struct restore_sync *sync, enum restore_stage stage)
{
	for (;;) {
		uint32_t open = __atomic_load_n(&sync->open, __ATOMIC_SEQ_CST);

		if (__atomic_load_n(&sync->failed, __ATOMIC_SEQ_CST))
			return -ECANCELED;
		if (open > stage)
			return 0;
		futex(&sync->open, FUTEX_WAIT, open, NULL);
	}
}

void sync_fail(struct restore_sync *sync, int pid, int err)
{
	uint32_t unset = 0;

	if (__atomic_compare_exchange_n(&sync->claimed, &unset, 1, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		sync->fail_pid = pid;
		sync->fail_errno = err;
		sync->fail_step = RESTORER_STEP_TASK;
		__atomic_store_n(&sync->failed, 1, __ATOMIC_SEQ_CST);
	}
	futex(&sync->open, FUTEX_WAKE, INT32_MAX, NULL);
	ring(sync);
}

void sync_open(struct restore_sync *sync, enum restore_stage stage)
{
	/* It may have been opened before, with one behind it. */
	if (sync->open > stage)
		return;
	__atomic_store_n(&sync->open, stage + 1, __ATOMIC_SEQ_CST);
	futex(&sync->open, FUTEX_WAKE, INT32_MAX, NULL);
}

static int report_failure(const struct restore_sync *sync, enum restore_stage stage)
{
	uint32_t step = sync->fail_step;

	/* A task that failed in our own code has said why itself. */
	if (step != RESTORER_STEP_TASK && step < RESTORER_STEP_COUNT)
		log_errno(sync->fail_errno, "pid %d: cannot %s %#lx", sync->fail_pid,
			  step_names[step], (unsigned long)sync->fail_arg);
	else
		log_error("pid %d failed in stage %s", sync->fail_pid, stage_names[stage]);
	return -ECANCELED;
}

int sync_check(const struct restore_sync *sync, enum restore_stage stage)
{
	return __atomic_load_n(&sync->failed, __ATOMIC_SEQ_CST) ? report_failure(sync, stage) : 0;
}

int sync_collect(struct restore_sync *sync, enum restore_stage stage, uint32_t n,
		 int (*check)(void *arg), void *arg)
{
	const struct timespec soon = { .tv_nsec = 50 * 1000 * 1000 };

	for (;;) {
		uint32_t bell = __atomic_load_n(&sync->bell, __ATOMIC_SEQ_CST);
		int r;

		if (__atomic_load_n(&sync->failed, __ATOMIC_SEQ_CST))
			return report_failure(sync, stage);
		if (__atomic_load_n(&sync->arrived[stage], __ATOMIC_SEQ_CST) >= n)
			return 0;
		if (futex(&sync->bell, FUTEX_WAIT, bell, &soon) == 0 || errno != ETIMEDOUT)
			continue;
		r = check(arg);
		/* Who failed since says more than that it ended. */
		if (r < 0 && __atomic_load_n(&sync->failed, __ATOMIC_SEQ_CST))
			return report_failure(sync, stage);
		if (r < 0)
			return r;
	}
}
