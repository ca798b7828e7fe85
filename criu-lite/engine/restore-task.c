// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restored task, while it still runs our code.
 *
 * It is a copy of its maker: same memory, same service descriptors. It makes
 * its children before anything of its own is in place, so that they inherit
 * nothing but what all share, and the memory that they had from it; then
 * sessions, groups, the kinds' state, the descriptor table; at last it leaves
 * for the restorer, which replaces the memory this code runs in.
 *
 * All signals are blocked from the maker on: the restorer's signal frame loads
 * the mask that the task was dumped with. Until then the task dies with its
 * parent (PR_SET_PDEATHSIG), so that no failure leaves half a tree behind.
 *
 * Raw clone3 leaves glibc's idea of the thread id behind; nothing here uses it.
 */
#include "engine/restore-task.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "engine/cow.h"
#include "engine/fdtable.h"
#include "engine/memory-restore.h"
#include "engine/restore-area.h"
#include "engine/sync.h"
#include "sys/syscall.h"
#include "util/log.h"

/* Exit code of a task that gave up; nobody but the coordinator sees it. */
#define EXIT_FAILED 127

/* Whatever becomes of the restore, no half tree is left behind. */
static int die_with(const struct task *t, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return log_errno(-errno, "pid %d: cannot tie its life to its parent's", t->pid);
	/* It may have ended just before. */
	if (getppid() != parent)
		return log_errno(-ECHILD, "pid %d: its parent, pid %d, has ended", t->pid, parent);
	return 0;
}

static int open_files(struct restore *r)
{
	int ret = restore_files_open(r);

	/* Mappings may need a file in another mode than its descriptors. */
	return ret < 0 ? ret : memory_restore_open(r);
}

static int make_children(struct restore *r, struct task *t, bool before_setsid)
{
	struct task *child;

	TAILQ_FOREACH(child, &t->restore->birth.makes, made) {
		int ret;

		if (child->restore->birth.before_setsid != before_setsid)
			continue;
		ret = restore_task_make(r, child, NULL);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool founds_group(const struct task *t)
{
	return (t->pgid == t->pid && t->sid != t->pid) || t->restore->birth.leaves_group;
}

/* Children, session, and the group that the task leads itself. */
static int found_family(struct restore *r, struct task *t)
{
	int ret;

	ret = make_children(r, t, true);
	if (ret < 0)
		return ret;
	if (t->sid == t->pid && setsid() < 0)
		return log_errno(-errno, "pid %d: cannot found its session", t->pid);
	ret = make_children(r, t, false);
	if (ret < 0)
		return ret;
	if (founds_group(t) && setpgid(0, 0) < 0)
		return log_errno(-errno, "pid %d: cannot found its process group", t->pid);
	return 0;
}

static int join_group(struct task *t)
{
	if (!t->pgid || t->pgid == t->pid || getpgid(0) == t->pgid)
		return 0;
	if (setpgid(0, t->pgid) < 0)
		return log_errno(-errno, "pid %d: cannot join process group %d", t->pid, t->pgid);
	return 0;
}

static int apply_kinds(struct restore *r, struct task *t)
{
	for (const struct task_kind *const *k = r->kinds->tasks; *k; k++) {
		int ret = (*k)->apply ? (*k)->apply(r, t) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* What its parent gets at its end; 0: nothing. To us the root is as any child. */
static int exit_signal_of(const struct task *t)
{
	return t->parent ? task_exit_signal(t) : SIGCHLD;
}

/* Whether it ended by itself, as it was to; nobody else had a say in it. */
static int check_end(const struct task *child, const siginfo_t *info)
{
	uint32_t status = child->state == TASK_DEAD ? task_core(child)->tc->exit_code : 0;
	int signo = status & 0x7f;
	int want = signo ? signo : (int)(status >> 8 & 0xff);

	if ((info->si_code == CLD_EXITED) == !signo && info->si_status == want)
		return 0;
	return log_errno(-ECANCELED, "pid %d ended during its restore (%s %d)", child->pid,
			 info->si_code == CLD_EXITED ? "exit code" : "signal", info->si_status);
}

/* Waits for the ends of the children of @state. */
static int settle(struct task *t, enum task_state state, int flags)
{
	struct task *child;
	siginfo_t info;
	int ret;

	TAILQ_FOREACH(child, &t->children, sibling) {
		if (child->state != state)
			continue;
		if (waitid(P_PID, child->pid, &info, WEXITED | __WALL | flags) < 0)
			return log_errno(-errno, "pid %d: cannot wait for its child %d", t->pid,
					 child->pid);
		ret = check_end(child, &info);
		if (ret < 0)
			return ret;
		sys_take_signal(exit_signal_of(child));
	}
	return 0;
}

/*
 * Helpers end for good, and leave their children to us; then zombies, which
 * stay as such. Either's SIGCHLD, or what it sends instead, was not there at
 * the dump: a zombie's had been delivered, or is among the saved signals.
 */
static int settle_children(struct task *t)
{
	int ret = settle(t, TASK_HELPER, 0);

	return ret < 0 ? ret : settle(t, TASK_DEAD, WNOWAIT);
}

/* What can be seen of a zombie: its name, and its ids, which waitid() tells. */
static int dress_zombie(const struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;
	const CredsEntry *ids = tc->zombie_creds;

	if (prctl(PR_SET_NAME, tc->comm) < 0)
		return log_errno(-errno, "pid %d: cannot give the zombie its name", t->pid);
	if (ids && (setresgid(ids->gid, ids->egid, ids->sgid) < 0 ||
		    setresuid(ids->uid, ids->euid, ids->suid) < 0))
		return log_errno(-errno, "pid %d: cannot give the zombie its ids", t->pid);
	return 0;
}

/* A zombie ends as it ended: by exit code, or by signal. */
__attribute__((noreturn))
static void end_as_zombie(const struct task *t)
{
	uint32_t status = task_core(t)->tc->exit_code;
	int signo = status & 0x7f;

	if (signo) {
		const struct rlimit no_core = {};

		setrlimit(RLIMIT_CORE, &no_core);
		signal(signo, SIG_DFL);
		kill(getpid(), signo);
		sys_set_sigmask(~(1ULL << (signo - 1)), NULL);
	}
	_exit((status >> 8) & 0xff);
}

/*
 * Two stages: what applies state opens files for a moment, and whoever puts a
 * shared table together in the meantime would close them, or be closed by them.
 */
static int restore_own_state(struct restore *r, struct task *t)
{
	int ret;

	if (!t->restore->birth.leaves_group) {
		ret = join_group(t);
		if (ret < 0)
			return ret;
	}
	ret = task_is_live(t) ? apply_kinds(r, t) : 0;
	if (ret < 0)
		return ret;
	sync_arrive(r->sync, RESTORE_STAGE_STATE);
	ret = sync_wait(r->sync, RESTORE_STAGE_STATE);
	if (ret >= 0 && t->restore->birth.leaves_group)
		ret = join_group(t);
	if (ret < 0)
		return ret;
	return task_is_live(t) ? fdtable_assemble(r, t) : 0;
}

/* Returns only on failure. */
static int run_task(struct restore *r, struct task *t)
{
	int ret;

	if (!t->parent) {
		ret = open_files(r);
		if (ret < 0)
			return ret;
	}
	ret = cow_prepare(r, t);
	if (ret < 0)
		return ret;
	ret = found_family(r, t);
	if (ret < 0)
		return ret;
	sync_arrive(r->sync, RESTORE_STAGE_FORK);
	ret = sync_wait(r->sync, RESTORE_STAGE_FORK);
	if (ret < 0)
		return ret;
	ret = restore_own_state(r, t);
	if (ret < 0)
		return ret;
	sync_arrive(r->sync, RESTORE_STAGE_FILES);
	ret = sync_wait(r->sync, RESTORE_STAGE_FILES);
	if (ret < 0)
		return ret;
	if (t->state == TASK_HELPER)
		_exit(0);
	if (t->state == TASK_DEAD) {
		ret = dress_zombie(t);
		if (ret < 0)
			return ret;
		end_as_zombie(t);
	}
	ret = settle_children(t);
	if (ret < 0)
		return ret;
	return restore_area_enter(r, t);
}

__attribute__((noreturn))
static void task_main(struct restore *r, struct task *t, pid_t parent)
{
	int ret = die_with(t, parent);

	if (ret >= 0)
		ret = run_task(r, t);
	sync_fail(r->sync, t->pid, ret);
	_exit(EXIT_FAILED);
}

int restore_task_make(struct restore *r, struct task *t, int *pidfd)
{
	pid_t tid = t->pid;
	int fd = -1;
	struct clone_args args = {
		.exit_signal = exit_signal_of(t),
		.set_tid = (uintptr_t)&tid,
		.set_tid_size = 1,
	};
	const pid_t parent = t->parent ? t->parent->pid : getpid();
	uint64_t before;
	long pid;

	if (pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uintptr_t)&fd;
	}
	/* Its signal is then that of the maker. */
	if (t->parent && t->restore->birth.maker != t->parent) {
		args.flags |= CLONE_PARENT;
		args.exit_signal = 0;
	}
	if (task_shares_files(t))
		args.flags |= CLONE_FILES;
	if (task_shares_fs(t))
		args.flags |= CLONE_FS;
	/* The child has them blocked from its first instruction on, also those of the C library. */
	sys_set_sigmask(UINT64_MAX, &before);
	pid = sys_clone3(&args);
	if (pid == 0)
		task_main(r, t, parent);
	sys_set_sigmask(before, NULL);
	if (pid == -EEXIST)
		return log_errno(pid, "pid %d: the pid is taken by another task", t->pid);
	if (pid < 0)
		return log_errno(pid, "pid %d: cannot make the task", t->pid);
	__atomic_store_n(&t->restore->area->made, 1, __ATOMIC_SEQ_CST);
	if (pidfd)
		*pidfd = fd;
	return 0;
}
