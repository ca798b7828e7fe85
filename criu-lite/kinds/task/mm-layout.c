// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel knows of an address space beyond its mappings: where code,
 * data, heap, stack, arguments and environment lie, the auxiliary vector, the
 * executable, and whether the process may dump core.
 *
 * The kernel only takes a layout that makes sense (PR_SET_MM_MAP): what it
 * would not take is refused at dump already.
 *
 * That no memory may become executable (PR_SET_MDWE) is kept in a field of ours.
 *
 * Refused are settings that the image has no room for: memory merged on demand
 * (PR_SET_MEMORY_MERGE), the finer values of PR_SET_THP_DISABLE, and native AIO.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <stddef.h>
#include <string.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "sys/proc_auxv.h"
#include "sys/proc_stat.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

/* Addresses end here at the latest: 57 bits, the upper half is the kernel's. */
#define USER_SPACE_END (1ULL << 56)

/* mm_entry.dumpable: core dumps are readable by root only. */
#define SUID_DUMP_ROOT 2
#define SYSCTL_MAX 16
/* Mappings that a restore has for the time being, beside all that the task has. */
#define SPARE_VMAS 16

/* PR_MDWE_REFUSE_EXEC_GAIN, and PR_MDWE_NO_INHERIT, which is nothing without it. */
#define MDWE_REFUSE 1
#define MDWE_ALL 3

/* In the order of struct prctl_mm_map. */
static const struct {
	const char *name;
	size_t field;
} layout_table[] = {
	{ "start_code", offsetof(MmEntry, mm_start_code) },
	{ "end_code", offsetof(MmEntry, mm_end_code) },
	{ "start_data", offsetof(MmEntry, mm_start_data) },
	{ "end_data", offsetof(MmEntry, mm_end_data) },
	{ "start_brk", offsetof(MmEntry, mm_start_brk) },
	{ "brk", offsetof(MmEntry, mm_brk) },
	{ "start_stack", offsetof(MmEntry, mm_start_stack) },
	{ "arg_start", offsetof(MmEntry, mm_arg_start) },
	{ "arg_end", offsetof(MmEntry, mm_arg_end) },
	{ "env_start", offsetof(MmEntry, mm_env_start) },
	{ "env_end", offsetof(MmEntry, mm_env_end) },
};

_Static_assert(ARRAY_SIZE(layout_table) == ARRAY_SIZE(((struct restorer_mm *)0)->layout),
	       "one row for each address of the layout");

static uint64_t layout_at(const MmEntry *mm, size_t i)
{
	return *(const uint64_t *)((const char *)mm + layout_table[i].field);
}

static int check_order(int pid, const char *what, uint64_t start, uint64_t end, int err)
{
	if (start <= end)
		return 0;
	return log_errno(err, "mm-%d: %s from %#lx to %#lx: the kernel takes no such layout", pid,
			 what, (unsigned long)start, (unsigned long)end);
}

/* @err is what it is to be wrong: -ENOTSUP at dump, -EINVAL of an image. */
static int check_layout(int pid, const MmEntry *mm, int err)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(layout_table); i++)
		if (layout_at(mm, i) < PAGE_SIZE || layout_at(mm, i) >= USER_SPACE_END)
			return log_errno(err, "mm-%d: %s is %#lx: the kernel takes no such layout",
					 pid, layout_table[i].name,
					 (unsigned long)layout_at(mm, i));
	/* Alone of all these, code must not be empty. */
	r = check_order(pid, "code", mm->mm_start_code + 1, mm->mm_end_code, err);
	if (r >= 0)
		r = check_order(pid, "data", mm->mm_start_data, mm->mm_end_data, err);
	if (r >= 0)
		r = check_order(pid, "heap", mm->mm_start_brk, mm->mm_brk, err);
	if (r >= 0)
		r = check_order(pid, "arguments", mm->mm_arg_start, mm->mm_arg_end, err);
	if (r >= 0)
		r = check_order(pid, "environment", mm->mm_env_start, mm->mm_env_end, err);
	return r;
}

/* The kernel counts mappings, and a restore needs some of its own. */
static int check_vma_count(int pid, uint64_t n)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	uint64_t max;
	int r = read_file(AT_FDCWD, "/proc/sys/vm/max_map_count", SYSCTL_MAX, &text, NULL);

	if (r < 0)
		return log_errno(r, "cannot read vm.max_map_count");
	p = text;
	if (!scan_u64(&p, 10, &max))
		return log_errno(-EINVAL, "vm.max_map_count is \"%s\"", text);
	if (n + SPARE_VMAS <= max)
		return 0;
	return log_errno(-ENOTSUP, "pid %d: it has %lu mappings, and a restore needs %d more than "
			 "that: raise vm.max_map_count, which is %lu", pid, (unsigned long)n,
			 SPARE_VMAS, (unsigned long)max);
}

static int mm_layout_admit(struct dump *d, struct task *t)
{
	return check_vma_count(t->pid, t->dump->n_vmas);
}

static int dump_auxv(struct dump *d, struct task *t)
{
	struct proc_auxv auxv;
	int r = proc_auxv_read(task_proc(t), &auxv);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its auxiliary vector", t->pid);
	t->mm->mm_saved_auxv = arena_memdup(d->arena, auxv.words,
					    auxv.n_words * sizeof(*auxv.words));
	t->mm->n_mm_saved_auxv = auxv.n_words;
	return 0;
}

static int check_settings(const struct task *t, const struct parasite_misc *misc)
{
	if (misc->mdwe & ~MDWE_ALL)
		return log_errno(-ENOTSUP, "pid %d: PR_SET_MDWE with unknown flags (%d): not "
				 "covered", t->pid, misc->mdwe);
	if (misc->memory_merge)
		return log_errno(-ENOTSUP, "pid %d: its memory is merged (PR_SET_MEMORY_MERGE): "
				 "not covered", t->pid);
	if (misc->thp_disabled < 0 || misc->thp_disabled > 1)
		return log_errno(-ENOTSUP, "pid %d: PR_SET_THP_DISABLE with flags (%d): not "
				 "covered", t->pid, misc->thp_disabled);
	if (misc->dumpable < 0 || misc->dumpable > 2)
		return log_errno(-ENOTSUP, "pid %d: dumpable is %d: not covered", t->pid,
				 misc->dumpable);
	return 0;
}

static void fill_layout(MmEntry *mm, const struct proc_stat *stat, uint64_t brk)
{
	mm->mm_start_code = stat->start_code;
	mm->mm_end_code = stat->end_code;
	mm->mm_start_data = stat->start_data;
	mm->mm_end_data = stat->end_data;
	mm->mm_start_stack = stat->start_stack;
	mm->mm_start_brk = stat->start_brk;
	mm->mm_brk = brk;
	mm->mm_arg_start = stat->arg_start;
	mm->mm_arg_end = stat->arg_end;
	mm->mm_env_start = stat->env_start;
	mm->mm_env_end = stat->env_end;
}

static int mm_layout_dump_task(struct dump *d, struct task *t)
{
	const struct parasite_misc *misc = t->dump->misc;
	MmEntry *mm = t->mm;
	struct proc_stat stat;
	int r;

	if (!task_is_live(t))
		return 0;
	r = check_settings(t, misc);
	if (r < 0)
		return r;
	/* Not that of the leader, which may have ended. */
	r = proc_stat_read(task_proc(t), 0, &stat);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read its memory layout", t->pid);
	fill_layout(mm, &stat, misc->brk);
	r = check_layout(t->pid, mm, -ENOTSUP);
	if (r < 0)
		return r;
	mm->has_dumpable = true;
	mm->dumpable = misc->dumpable;
	mm->has_mdwe = misc->mdwe;
	mm->mdwe = misc->mdwe;
	mm->has_thp_disabled = true;
	mm->thp_disabled = misc->thp_disabled;
	r = dump_auxv(d, t);
	if (r < 0)
		return r;
	return dump_path_file(d, t, "exe", 0, &mm->exe_file_id);
}

/* The words that mean something: up to the end mark and with it. 0: there is none. */
static size_t auxv_length(const MmEntry *mm)
{
	for (size_t i = 0; i + 1 < mm->n_mm_saved_auxv; i += 2)
		if (mm->mm_saved_auxv[i] == AT_NULL)
			return i + 2;
	return 0;
}

/*
 * 2 can't be asked for: it comes with a change of ids where fs.suid_dumpable
 * says so (proc_sys_fs(5)).
 */
static int check_dumpable(const struct task *t, const MmEntry *mm)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!mm->has_dumpable || mm->dumpable == 0 || mm->dumpable == 1)
		return 0;
	if (mm->dumpable != SUID_DUMP_ROOT)
		return log_errno(-EINVAL, "mm-%d: dumpable is %d", t->pid, mm->dumpable);
	r = read_file(AT_FDCWD, "/proc/sys/fs/suid_dumpable", SYSCTL_MAX, &text, NULL);
	if (r < 0)
		return log_errno(r, "cannot read fs.suid_dumpable");
	if (strcmp(text, "2\n"))
		return log_errno(-ENOTSUP, "mm-%d: dumpable is 2, which a task only gets where "
				 "sysctl fs.suid_dumpable is 2: set it", t->pid);
	return 0;
}

static int mm_layout_check(struct restore *r, struct task *t)
{
	const MmEntry *mm = t->mm;
	const struct file *exe;
	uint64_t n = 0;
	int ret;

	/* Guard regions are entries, but no mappings. */
	for (size_t i = 0; i < mm->n_vmas; i++)
		n += mm->vmas[i]->status != VMA_GUARD;
	ret = check_vma_count(t->pid, n);
	if (ret < 0)
		return ret;
	if (mm->n_aios)
		return log_errno(-ENOTSUP, "mm-%d: native AIO is not covered", t->pid);
	if (mm->n_mm_saved_auxv > PROC_AUXV_MAX || !auxv_length(mm))
		return log_errno(-EINVAL, "mm-%d: an auxiliary vector of %zu words %s", t->pid,
				 mm->n_mm_saved_auxv, mm->n_mm_saved_auxv > PROC_AUXV_MAX ?
				 "is too long" : "has no end");
	if (mm->has_mdwe && (mm->mdwe & ~MDWE_ALL || !(mm->mdwe & MDWE_REFUSE)))
		return log_errno(-EINVAL, "mm-%d: mdwe is %u", t->pid, mm->mdwe);
	ret = check_dumpable(t, mm);
	if (ret < 0)
		return ret;
	exe = restore_file_find(r, FD_TYPES__REG, mm->exe_file_id);
	if (!exe || exe->path_only)
		return log_errno(-EINVAL, "mm-%d: there is no file %#x, its executable", t->pid,
				 mm->exe_file_id);
	return check_layout(t->pid, mm, -EINVAL);
}

static int mm_layout_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	const struct file *exe = restore_file_find(r, FD_TYPES__REG, t->mm->exe_file_id);
	size_t n = auxv_length(t->mm);

	for (size_t i = 0; i < ARRAY_SIZE(layout_table); i++)
		args->mm.layout[i] = layout_at(t->mm, i);
	args->mm.auxv = restorer_alloc(args, n * sizeof(*args->mm.auxv));
	if (!args->mm.auxv)
		return -ENOMEM;
	memcpy(args->mm.auxv, t->mm->mm_saved_auxv, n * sizeof(*args->mm.auxv));
	args->mm.auxv_size = n * sizeof(*args->mm.auxv);
	args->mm.exe_fd = exe->fd;
	args->mm.thp_disabled = t->mm->has_thp_disabled && t->mm->thp_disabled;
	args->mdwe = t->mm->has_mdwe ? t->mm->mdwe : 0;
	args->dumpable = t->mm->has_dumpable ? t->mm->dumpable : 1;
	return 0;
}

const struct task_kind task_mm_layout_kind = {
	.name = "memory layout",
	.test = "task/mm-layout",
	.admit = mm_layout_admit,
	.dump_task = mm_layout_dump_task,
	.check = mm_layout_check,
	.plan = mm_layout_plan,
};
