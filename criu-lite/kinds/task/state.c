// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a task is: alive, stopped or a zombie, and the settings of its process
 * that are one number each: personality, audit login uid, OOM score, which
 * memory a core dump has, whether it adopts orphans, membarrier registrations.
 *
 * First in the table: its dump makes the messages that the other kinds fill,
 * and asks each thread for what only that thread can tell. A zombie has a
 * task part with the status that wait() will give, and nothing else.
 *
 * A leader can end (pthread_exit() of the main thread) while other threads run on. It
 * is a zombie that nobody can wait for yet: it keeps its id, name, credentials and
 * mask, which /proc tells, and the code that it ended with. What it asked to get at its
 * parent's death nobody can find out; it is lost.
 *
 * Refused at dump: personality bits that this format's readers don't know, or that not
 * all threads have; a zombie that dumped core, because only a second core dump could
 * give it the same status again.
 *
 * The PF_* flags are there for people to read; they are not restored.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "kinds/task/kinds.h"
#include "sys/proc.h"
#include "sys/proc_stat.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/scan.h"

/* The cgroup set of the dumper, and with it of all tasks (inventory.root_cg_set). */
#define OWN_CG_SET 1

/* Execution domains and the bits that the kernel has ever defined. */
#define PERSONALITY_DOMAINS 0x1fu
#define PERSONALITY_FLAGS 0x0ffe0000u

#define MEMBARRIER_REGISTRATIONS                                                          \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |                                       \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |                                      \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |                            \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)

#define OOM_SCORE_ADJ_MAX 1000

/* Anonymous memory, ELF headers, huge pages; and all bits that the kernel has ever defined. */
#define COREDUMP_FILTER_DEFAULT 0x33u
#define COREDUMP_FILTER_ALL 0x1ffu

static bool personality_known(uint32_t value)
{
	return !(value & ~(PERSONALITY_DOMAINS | PERSONALITY_FLAGS));
}

/* A file of /proc/PID that is one number; -ENOENT: the kernel has no such file. */
static int read_number(int pid, const char *name, int base, int64_t *value)
{
	_cleanup_free_ char *text = NULL;
	const char *cursor;
	uint64_t hex;
	bool ok;
	int r = proc_read(pid, &text, NULL, "%s", name);

	if (r < 0)
		return r;
	cursor = text;
	if (base == 10) {
		ok = scan_i64(&cursor, value);
	} else {
		ok = scan_u64(&cursor, base, &hex);
		*value = hex;
	}
	if (!ok)
		return log_errno(-EINVAL, "pid %d: %s is not a number: \"%s\"", pid, name, text);
	return 0;
}

static int dump_personality(const struct task *t, TaskCoreEntry *tc)
{
	int64_t value;
	int r = read_number(task_proc(t), "personality", 16, &value);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its personality", t->pid);
	if (!personality_known(value))
		return log_errno(-ENOTSUP, "pid %d: personality %#lx has bits that are not covered",
				 t->pid, (unsigned long)value);
	tc->personality = value;
	return 0;
}

/* Kernels may be without audit: then there is nothing to keep. */
static int dump_loginuid(const struct task *t, TaskCoreEntry *tc)
{
	int64_t value;
	int r = read_number(task_proc(t), "loginuid", 10, &value);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return log_errno(r, "pid %d: cannot read its loginuid", t->pid);
	tc->has_loginuid = true;
	tc->loginuid = value;
	return 0;
}

static int dump_oom_score_adj(const struct task *t, TaskCoreEntry *tc)
{
	int64_t value;
	int r = read_number(task_proc(t), "oom_score_adj", 10, &value);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its oom_score_adj", t->pid);
	tc->has_oom_score_adj = true;
	tc->oom_score_adj = value;
	return 0;
}

/* Kernels may be without core dumps: then there is nothing to keep. */
static int dump_coredump_filter(const struct task *t)
{
	int64_t value;
	int r = read_number(task_proc(t), "coredump_filter", 16, &value);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return log_errno(r, "pid %d: cannot read its coredump_filter", t->pid);
	if (value & ~(int64_t)COREDUMP_FILTER_ALL)
		return log_errno(-ENOTSUP, "pid %d: coredump_filter %#lx has bits that are not "
				 "covered", t->pid, (unsigned long)value);
	t->mm->has_coredump_filter = value != COREDUMP_FILTER_DEFAULT;
	t->mm->coredump_filter = value;
	return 0;
}

static int dump_zombie(const struct task *t, TaskCoreEntry *tc)
{
	if (WCOREDUMP(t->dump->stat->exit_code))
		return log_errno(-ENOTSUP, "pid %d: a zombie that dumped core: not covered; let "
				 "its parent, pid %d, collect it before the dump", t->pid, t->ppid);
	tc->exit_code = t->dump->stat->exit_code;
	return 0;
}

static int dump_ended_leader(const struct task *t, TaskCoreEntry *tc)
{
	struct proc_stat leader;
	int r = proc_stat_read(t->pid, t->pid, &leader);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read the status of its leader", t->pid);
	if (leader.exit_code & ~0xff00u)
		return log_errno(-ENOTSUP, "pid %d: its leader has ended by a signal (status %#x) "
				 "and other threads run on: not covered", t->pid, leader.exit_code);
	tc->has_leader_ended = tc->leader_ended = true;
	tc->exit_code = leader.exit_code;
	return 0;
}

static int dump_live(const struct task *t, TaskCoreEntry *tc)
{
	const struct parasite_misc *misc = t->dump->misc;
	int r;

	if (t->state == TASK_STOPPED) {
		tc->has_stop_signo = true;
		tc->stop_signo = t->dump->stop_signal;
		/* The kernel forgets the status of a stop when the parent has waited for it. */
		if (!t->dump->stat->exit_code)
			tc->has_stop_reported = tc->stop_reported = true;
	}
	tc->has_child_subreaper = true;
	tc->child_subreaper = misc->child_subreaper;
	if (misc->membarrier) {
		if (misc->membarrier & ~MEMBARRIER_REGISTRATIONS)
			return log_errno(-ENOTSUP, "pid %d: membarrier registrations %#x have bits "
					 "that are not covered", t->pid, misc->membarrier);
		tc->has_membarrier_registration_mask = true;
		tc->membarrier_registration_mask = misc->membarrier;
	}
	r = t->leader_ended ? dump_ended_leader(t, tc) : 0;
	if (r >= 0)
		r = dump_personality(t, tc);
	if (r >= 0)
		r = dump_loginuid(t, tc);
	if (r >= 0)
		r = dump_coredump_filter(t);
	return r < 0 ? r : dump_oom_score_adj(t, tc);
}

static CoreEntry *new_core(struct dump *d, const struct task *t)
{
	CoreEntry *core = arena_message(d->arena, CoreEntry, core_entry__init);

	core->mtype = CORE_ENTRY__MARCH__X86_64;
	if (!task_is_live(t))
		return core;
	core->thread_core = arena_message(d->arena, ThreadCoreEntry, thread_core_entry__init);
	core->thread_core->has_cg_set = true;
	core->thread_core->cg_set = OWN_CG_SET;
	return core;
}

static int state_dump_task(struct dump *d, struct task *t)
{
	TaskCoreEntry *tc = arena_message(d->arena, TaskCoreEntry, task_core_entry__init);

	for (size_t i = 0; i < t->n_threads; i++)
		t->threads[i].core = new_core(d, t);
	task_core(t)->tc = tc;
	tc->task_state = t->state;
	tc->flags = t->dump->stat->flags;
	/* The root gets another parent, to whom it is as any child. */
	if (t->parent && t->dump->stat->exit_signal != SIGCHLD) {
		tc->has_exit_signal = true;
		tc->exit_signal = t->dump->stat->exit_signal;
	}
	if (!task_is_live(t))
		return dump_zombie(t, tc);
	t->mm = arena_message(d->arena, MmEntry, mm_entry__init);
	t->fs = arena_message(d->arena, FsEntry, fs_entry__init);
	return dump_live(t, tc);
}

/* The image has one for all threads. */
static int check_personality(const struct task *t, const struct thread *th)
{
	int64_t value;
	int r;

	if (th == task_runner(t))
		return 0;
	r = read_number(th->tid, "personality", 16, &value);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read the personality of thread %d", t->pid,
				 th->tid);
	if (value != task_core(t)->tc->personality)
		return log_errno(-ENOTSUP, "pid %d: thread %d: has a personality of its own, %#lx "
				 "and not %#x: not covered; set it before the thread is made",
				 t->pid, th->tid, (unsigned long)value,
				 task_core(t)->tc->personality);
	return 0;
}

static int state_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	int r;

	if (!thread_runs(t, th))
		return 0;
	r = check_personality(t, th);
	if (r < 0)
		return r;
	th->dump->facts = arena_new_object(d->arena, struct thread_facts);
	return parasite_thread_facts(t->dump->parasite, th->dump->tracee, th->dump->facts);
}

static int check_stop(const struct task *t, const TaskCoreEntry *tc)
{
	if (t->state != TASK_STOPPED || !tc->has_stop_signo)
		return 0;
	switch (tc->stop_signo) {
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return 0;
	}
	return log_errno(-EINVAL, "core-%d: signal %u stops no task", t->pid, tc->stop_signo);
}

static int state_check(struct restore *r, struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	uint32_t membarrier = tc->has_membarrier_registration_mask ?
		tc->membarrier_registration_mask : 0;

	/* Some writers store the hexadecimal digits as if they were decimal. */
	if (!personality_known(tc->personality))
		return log_errno(-EINVAL, "core-%d: personality %#x has unknown bits", t->pid,
				 tc->personality);
	if (membarrier & ~MEMBARRIER_REGISTRATIONS)
		return log_errno(-EINVAL, "core-%d: unknown membarrier registrations %#x", t->pid,
				 membarrier);
	if (tc->has_oom_score_adj && (tc->oom_score_adj < -OOM_SCORE_ADJ_MAX ||
				      tc->oom_score_adj > OOM_SCORE_ADJ_MAX))
		return log_errno(-EINVAL, "core-%d: oom_score_adj %d", t->pid, tc->oom_score_adj);
	if (t->mm && t->mm->has_coredump_filter && t->mm->coredump_filter & ~COREDUMP_FILTER_ALL)
		return log_errno(-EINVAL, "mm-%d: coredump_filter %#x has unknown bits", t->pid,
				 t->mm->coredump_filter);
	return check_stop(t, tc);
}

/* Writes a number to a file of our own in /proc, unless it says that already. */
static int write_number(const char *name, int base, int64_t value)
{
	_cleanup_close_ int fd = -1;
	char text[32];
	int64_t now;
	int r, len;

	r = read_number(getpid(), name, base, &now);
	if (r < 0 || now == value)
		return r;
	fd = proc_open(getpid(), O_WRONLY | O_CLOEXEC, "%s", name);
	if (fd < 0)
		return fd;
	len = snprintf(text, sizeof(text), base == 10 ? "%ld" : "%#lx", (long)value);
	return write_all(fd, text, len);
}

static int apply_loginuid(const struct task *t, const TaskCoreEntry *tc)
{
	int r;

	if (!tc->has_loginuid)
		return 0;
	r = write_number("loginuid", 10, tc->loginuid);
	if (r == -ENOENT && tc->loginuid == UINT32_MAX)
		return 0;
	/* An audit policy can make it immutable for everybody: no reason to give up. */
	if (r == -EPERM || r == -ENOENT) {
		log_warn("pid %d: its loginuid %u is not restored: %s", t->pid, tc->loginuid,
			 r == -EPERM ? "we may not change ours" : "this kernel has none");
		return 0;
	}
	return r < 0 ? log_errno(r, "pid %d: cannot set its loginuid to %u", t->pid,
				 tc->loginuid) : 0;
}

static int apply_oom_score_adj(const struct task *t, const TaskCoreEntry *tc)
{
	int r = tc->has_oom_score_adj ? write_number("oom_score_adj", 10, tc->oom_score_adj) : 0;

	if (r < 0)
		return log_errno(r, "pid %d: cannot set its oom_score_adj to %d%s", t->pid,
				 tc->oom_score_adj, r == -EACCES ?
				 ": to lower it needs CAP_SYS_RESOURCE" : "");
	return 0;
}

/* It belongs to the memory, but the restorer only replaces what is mapped there. */
static int apply_coredump_filter(const struct task *t)
{
	const uint32_t value = t->mm->has_coredump_filter ? t->mm->coredump_filter :
		COREDUMP_FILTER_DEFAULT;
	int r = write_number("coredump_filter", 16, value);

	if (r == -ENOENT && value == COREDUMP_FILTER_DEFAULT)
		return 0;
	return r < 0 ? log_errno(r, "pid %d: cannot set its coredump_filter to %#x", t->pid,
				 value) : 0;
}

static int state_apply(struct restore *r, struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	int ret = apply_loginuid(t, tc);

	if (ret >= 0)
		ret = apply_oom_score_adj(t, tc);
	return ret < 0 ? ret : apply_coredump_filter(t);
}

static int state_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	const TaskCoreEntry *tc = task_core(t)->tc;

	args->personality = tc->personality;
	args->child_subreaper = tc->has_child_subreaper && tc->child_subreaper;
	if (tc->has_membarrier_registration_mask)
		args->membarrier = tc->membarrier_registration_mask;
	return 0;
}

const struct task_kind task_state_kind = {
	.name = "task state",
	.test = "task/zombie",
	.dump_task = state_dump_task,
	.dump_thread = state_dump_thread,
	.check = state_check,
	.apply = state_apply,
	.plan = state_plan,
};
