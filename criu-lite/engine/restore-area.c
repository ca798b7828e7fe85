// SPDX-License-Identifier: GPL-2.0-only
/*
 * The area of the restorer (inject/abi/restorer.h draws it).
 *
 * How large it must be follows from the images alone; where it can lie only
 * the task knows, which has our memory now and will have its own.
 */
#include "engine/restore-area.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/kind.h"
#include "core/restore.h"
#include "engine/memory-restore.h"
#include "inject/abi/restorer.h"
#include "inject/arch/x86_64/sigframe.h"
#include "inject/enter.h"
#include "pie/blob.h"
#include "sys/features.h"
#include "util/log.h"
#include "util/macro.h"

/* The restorer's own stack in each thread: its deepest call takes a tenth. */
#define STACK_SIZE (16 * 1024)
/* Signal actions, auxiliary vector, limits and the like. */
#define TASK_ROOM (32 * 1024)
/* What libc registers: struct rseq as it began, and three pointers. */
#define RSEQ_AREA_SIZE 32
#define ROBUST_HEAD_SIZE 24
/* Per element of what the kinds copy: rounded up. */
#define SIGINFO_ROOM 144
#define TIMER_ROOM 96

static uint64_t thread_room(const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	uint64_t room = STACK_SIZE + SIGFRAME_ROOM + 64;

	if (tc->signals_p)
		room += tc->signals_p->n_signals * SIGINFO_ROOM;
	if (tc->creds)
		room += tc->creds->n_groups * sizeof(uint32_t) + 16;
	return room + sizeof(struct restorer_thread);
}

static uint64_t heap_room(const struct restore *r, const struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	uint64_t room = TASK_ROOM + memory_restore_room(r, t);

	for (size_t i = 0; i < t->n_threads; i++)
		room += thread_room(&t->threads[i]);
	if (tc->signals_s)
		room += tc->signals_s->n_signals * SIGINFO_ROOM;
	if (tc->timers)
		room += tc->timers->n_posix * TIMER_ROOM;
	room += t->restore->kinds_room;
	return ALIGN_UP(room, PAGE_SIZE);
}

/*
 *	| blob | heap: args, arrays, stacks, frames, parked vdso | sync |
 */
static int map_area(struct restore *r, struct task *t, struct restorer_args **args)
{
	size_t blob_size = pie_restorer_end - pie_restorer_start;
	uint64_t code = ALIGN_UP(blob_size, PAGE_SIZE), heap = heap_room(r, t);
	uint64_t size = code + heap + PAGE_SIZE, start;
	struct restorer_args *a;
	void *map;
	int ret;

	ret = memory_restore_find_area(r, t, size, &start);
	if (ret < 0)
		return ret;
	map = mmap((void *)start, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (map == MAP_FAILED)
		return log_errno(-errno, "pid %d: cannot map the restorer at %#lx", t->pid, start);
	memcpy(map, pie_restorer_start, blob_size);
	if (mprotect(map, code, PROT_READ | PROT_EXEC) < 0)
		return log_errno(-errno, "pid %d: cannot make the restorer executable", t->pid);
	if (mmap((char *)map + code + heap, PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, r->sync_fd, 0) == MAP_FAILED)
		return log_errno(-errno, "pid %d: cannot map the control block", t->pid);
	a = (void *)(start + code);
	a->area_start = start;
	a->area_end = start + size;
	a->sync = (void *)(start + code + heap);
	a->heap_next = start + code + ALIGN_UP(sizeof(*a), 16);
	a->heap_end = start + code + heap;
	t->restore->area->start = a->area_start;
	t->restore->area->end = a->area_end;
	*args = a;
	return 0;
}

static int plan_thread(struct restore *r, struct task *t, size_t i, struct restorer_args *args)
{
	struct restorer_thread *th = &args->threads[i];
	void *stack = restorer_alloc(args, STACK_SIZE);

	if (!stack)
		return -ENOMEM;
	th->args = args;
	th->tid = t->threads[i].tid;
	th->stack_top = (uintptr_t)stack + STACK_SIZE;
	for (const struct task_kind *const *k = r->kinds->tasks; *k; k++) {
		int ret = (*k)->plan_thread ?
			(*k)->plan_thread(r, t, &t->threads[i], th) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int plan_task(struct restore *r, struct task *t, struct restorer_args *args)
{
	int ret;

	args->threads = restorer_alloc(args, t->n_threads * sizeof(*args->threads));
	if (!args->threads)
		return -ENOMEM;
	args->n_threads = t->n_threads;
	args->service_base = r->service_base;
	args->service_last = r->service_last;
	args->close_service = !task_shares_files(t);
	args->timer_restore_ids = r->features->timer_restore_ids;
	for (const struct task_kind *const *k = r->kinds->tasks; *k; k++) {
		ret = (*k)->plan ? (*k)->plan(r, t, args) : 0;
		if (ret < 0)
			return ret;
	}
	for (size_t i = 0; i < t->n_threads; i++) {
		ret = plan_thread(r, t, i, args);
		if (ret < 0)
			return ret;
	}
	return memory_restore_plan(r, t, args);
}

/*
 * What libc told the kernel of this thread's memory. It would be written to
 * when the memory is gone: the rseq area at the next preemption, the others at
 * the thread's end.
 */
static int withdraw_own(const struct task *t)
{
	const char *self = __builtin_thread_pointer();

	if (__rseq_size && syscall(SYS_rseq, self + __rseq_offset, RSEQ_AREA_SIZE,
				   RSEQ_FLAG_UNREGISTER, RSEQ_SIG) < 0)
		return log_errno(-errno, "pid %d: cannot withdraw our rseq area", t->pid);
	if (syscall(SYS_set_robust_list, NULL, ROBUST_HEAD_SIZE) < 0)
		return log_errno(-errno, "pid %d: cannot withdraw our robust list", t->pid);
	syscall(SYS_set_tid_address, NULL);
	return 0;
}

int restore_area_enter(struct restore *r, struct task *t)
{
	struct restorer_args *args = NULL;
	int ret;

	ret = map_area(r, t, &args);
	if (ret < 0)
		return ret;
	ret = plan_task(r, t, args);
	if (ret < 0)
		return ret;
	ret = withdraw_own(t);
	if (ret < 0)
		return ret;
	restorer_enter(args);
}
