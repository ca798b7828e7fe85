// SPDX-License-Identifier: GPL-2.0-only
/*
 * The story of a restore, as its coordinator tells it.
 *
 *	read and check every image	nothing runs, nothing is made
 *	make the root task		it opens files, makes its children, ...
 *	pass the stages			all tasks exist; have their state;
 *					their files; their memory; all but
 *					their registers
 *	release				every thread leaves through its signal
 *					frame, all at once
 *
 * The coordinator is the subreaper of the tree until the release: whatever
 * fails, it kills the root, whose death takes the children along, and collects
 * every one of them, so that a failed restore leaves nothing.
 */
#include "engine/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/options.h"
#include "core/restore.h"
#include "engine/clocks.h"
#include "engine/cow.h"
#include "engine/fdtable.h"
#include "engine/huge.h"
#include "engine/interrupt.h"
#include "engine/lazy.h"
#include "engine/load.h"
#include "engine/memory-restore.h"
#include "engine/pidfile.h"
#include "engine/restore-task.h"
#include "engine/stats.h"
#include "engine/sync.h"
#include "image/dir.h"
#include "inject/release.h"
#include "sys/features.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

/* From here on the numbers below service_base belong to the tasks. */
static int move_own_descriptors(struct restore *r)
{
	int log = fcntl(log_fd(), F_DUPFD_CLOEXEC, r->service_base), err = -1;

	if (log < 0)
		return log_errno(-errno, "log: cannot move its descriptor");
	if (log_err_fd() >= 0) {
		err = fcntl(log_err_fd(), F_DUPFD_CLOEXEC, r->service_base);
		if (err < 0)
			return log_errno(-errno, "log: cannot move its descriptor");
	}
	log_set_fds(log, err);
	r->images->fd = restore_service_fd(r, r->images->fd);
	return r->images->fd < 0 ? r->images->fd : 0;
}

static uint32_t count_tasks(const struct restore *r, bool only_live)
{
	struct task *t;
	uint32_t n = 0;

	TAILQ_FOREACH(t, &r->tasks, link)
		n += !only_live || task_is_live(t);
	return n;
}

static uint32_t count_threads(const struct restore *r)
{
	struct task *t;
	uint32_t n = 0;

	TAILQ_FOREACH(t, &r->tasks, link)
		if (task_is_live(t))
			n += t->n_threads;
	return n;
}

/* Why a child of ours has ended; of another's nothing can be said. */
static int report_end(const struct task *t, int pidfd)
{
	siginfo_t info = {};

	if (waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
		return log_errno(-ECANCELED, "pid %d ended during its restore (%s %d)", t->pid,
				 info.si_code == CLD_EXITED ? "exit code" : "signal",
				 info.si_status);
	return log_errno(-ECANCELED, "pid %d ended during its restore", t->pid);
}

/* Also of a task that nobody has collected yet: its pidfd is readable from its end on. */
static int check_task(const struct task *t)
{
	_cleanup_close_ int own = -1;
	struct pollfd p = { .fd = t->restore->pidfd, .events = POLLIN };

	if (p.fd < 0) {
		if (!__atomic_load_n(&t->restore->area->made, __ATOMIC_SEQ_CST))
			return 0;
		/* For this look only: before its stage is passed, the pid may be another's. */
		own = sys_pidfd_open(t->pid, 0);
		if (own == -ESRCH)
			return log_errno(-ECANCELED, "pid %d ended during its restore", t->pid);
		if (own < 0)
			return log_errno(own, "pid %d: cannot look at the new task", t->pid);
		p.fd = own;
	}
	return poll(&p, 1, 0) > 0 ? report_end(t, p.fd) : 0;
}

/*
 * Whether it makes sense to wait on: asked when nobody arrived for a while.
 * From the moment when all have their files, zombies and helpers end by
 * themselves: their parents see to it that they do so as they should.
 */
static int check_alive(void *arg)
{
	struct restore *r = arg;
	const bool all = r->sync->open <= RESTORE_STAGE_FILES;
	struct task *t;
	int ret = interrupt_check("restore");

	TAILQ_FOREACH(t, &r->tasks, link) {
		if (ret < 0)
			return ret;
		if (all || task_is_live(t))
			ret = check_task(t);
	}
	return ret;
}

static int pass_stage(struct restore *r, enum restore_stage stage, uint32_t n)
{
	return sync_collect(r->sync, stage, n, check_alive, r);
}

/* All tasks exist, so their pids are theirs: from here they are held by pidfd. */
static int hold_tasks(struct restore *r)
{
	struct task *t;

	TAILQ_FOREACH(t, &r->tasks, link) {
		if (t->restore->pidfd >= 0)
			continue;
		t->restore->pidfd = sys_pidfd_open(t->pid, 0);
		if (t->restore->pidfd < 0)
			return log_errno(t->restore->pidfd, "pid %d: cannot hold the new task",
					 t->pid);
	}
	return 0;
}

static bool has_sigchld(const struct task *t)
{
	const SignalQueueEntry *queue = task_core(t)->tc->signals_s;

	for (size_t i = 0; queue && i < queue->n_signals; i++)
		if (((const siginfo_t *)queue->signals[i]->siginfo.data)->si_signo == SIGCHLD)
			return true;
	return false;
}

static int stop_signal(const struct restore *r, const struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;

	if (t->state == TASK_STOPPED)
		return tc->has_stop_signo ? tc->stop_signo : SIGSTOP;
	return r->opts->leave_stopped ? SIGSTOP : 0;
}

static struct release_task *find_release(struct release_task *list, size_t n, const struct task *t)
{
	for (size_t i = 0; t && i < n; i++)
		if (list[i].pid == t->pid)
			return &list[i];
	return NULL;
}

static int release(struct restore *r)
{
	struct release_task *list;
	struct task *t;
	size_t n = 0;
	int ret, failed;

	list = arena_new_array(r->arena, struct release_task, count_tasks(r, true));
	TAILQ_FOREACH(t, &r->tasks, link) {
		struct release_task *e = &list[n];

		if (!task_is_live(t))
			continue;
		e->parent = find_release(list, n++, t->parent);
		e->pid = t->pid;
		e->n_tids = t->n_threads;
		e->tids = arena_new_array(r->arena, int, t->n_threads);
		for (size_t i = 0; i < t->n_threads; i++)
			e->tids[i] = t->threads[i].tid;
		e->leader_ended = t->leader_ended;
		e->leader_mask = task_core(t)->tc->blk_sigset;
		e->area_start = t->restore->area->start;
		e->area_end = t->restore->area->end;
		e->seccomp = t->restore->seccomp;
		e->stop_signal = stop_signal(r, t);
		e->stop_reported = task_core(t)->tc->has_stop_reported &&
				   task_core(t)->tc->stop_reported;
		e->has_sigchld = has_sigchld(t);
	}
	ret = release_tree(list, n, r->sync);
	failed = ret < 0 ? sync_check(r->sync, RESTORE_STAGE_CREDS) : 0;
	return failed < 0 ? failed : ret;
}

static int drive(struct restore *r)
{
	struct task *root = TAILQ_FIRST(&r->tasks);
	uint32_t all = count_tasks(r, false), threads = count_threads(r);
	int ret;

	ret = restore_files_arrange(r);
	if (ret < 0)
		return ret;
	/* Who is alone waits for nobody: only its files and its memory are looked at. */
	if (all == 1)
		sync_open(r->sync, RESTORE_STAGE_STATE);
	ret = restore_task_make(r, root, &root->restore->pidfd);
	if (ret < 0)
		return ret;
	/* It has enough to do. */
	ret = load_page_crcs(r);
	if (ret < 0)
		return ret;
	ret = pass_stage(r, RESTORE_STAGE_FORK, all);
	if (ret < 0)
		return ret;
	ret = restore_files_clear(r);
	if (ret < 0)
		return ret;
	stats_mark(r->clock, STATS_FORKING);
	ret = hold_tasks(r);
	if (ret < 0)
		return ret;
	sync_open(r->sync, RESTORE_STAGE_FORK);
	ret = pass_stage(r, RESTORE_STAGE_STATE, all);
	if (ret < 0)
		return ret;
	sync_open(r->sync, RESTORE_STAGE_STATE);
	ret = pass_stage(r, RESTORE_STAGE_FILES, all);
	if (ret < 0)
		return ret;
	sync_open(r->sync, RESTORE_STAGE_FILES);
	ret = memory_restore_verify(r);
	if (ret < 0)
		return ret;
	ret = pass_stage(r, RESTORE_STAGE_MEMORY, threads);
	if (ret < 0)
		return ret;
	ret = lazy_await(r);
	if (ret < 0)
		return ret;
	ret = lazy_complete(r);
	if (ret < 0)
		return ret;
	sync_open(r->sync, RESTORE_STAGE_MEMORY);
	ret = pass_stage(r, RESTORE_STAGE_CREDS, threads);
	if (ret < 0)
		return ret;
	/* While a failure can still leave nothing. */
	ret = pidfile_write(r->opts, root->pid);
	if (ret < 0)
		return ret;
	ret = release(r);
	if (ret < 0)
		pidfile_remove(r->opts);
	return ret;
}

/*
 * The root's death takes the tree along, and orphans come to us: we are their
 * subreaper. Tasks that are past the point where they die with their parent
 * are killed one by one. With the names that were made for the tree their
 * keeper ends, so that all of our children do.
 */
static void destroy_tree(struct restore *r)
{
	struct task *t;

	__atomic_store_n(&r->sync->failed, 1, __ATOMIC_SEQ_CST);
	TAILQ_FOREACH(t, &r->tasks, link)
		if (t->restore->pidfd >= 0)
			sys_pidfd_send_signal(t->restore->pidfd, SIGKILL, NULL);
	(void)restore_files_clear(r);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

static void wait_for_root(struct restore *r)
{
	struct task *root = TAILQ_FIRST(&r->tasks);

	interrupt_allow();
	while (waitpid(root->pid, NULL, 0) < 0 && errno == EINTR)
		;
	log_info("pid %d: the restored root task ended", root->pid);
}

static int restore_tree(struct restore *r)
{
	int ret;

	ret = load_tree(r);
	if (ret < 0)
		return ret;
	ret = lazy_find(r);
	if (ret < 0)
		return ret;
	ret = load_rest(r);
	if (ret < 0)
		return ret;
	ret = huge_check(r);
	if (ret < 0)
		return ret;
	ret = fdtable_choose_base(r);
	if (ret < 0)
		return ret;
	ret = move_own_descriptors(r);
	if (ret < 0)
		return ret;
	ret = sync_new(r);
	if (ret < 0)
		return ret;
	ret = lazy_greet(r);
	if (ret < 0)
		return ret;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return log_errno(-errno, "cannot become the subreaper of the tree");
	ret = clocks_restore(r);
	if (ret < 0)
		return ret;
	ret = drive(r);
	if (ret < 0) {
		lazy_failed(r);
		destroy_tree(r);
		return ret;
	}
	lazy_running(r);
	/* The tree runs: a name that can't be removed is no reason to fail now. */
	(void)restore_files_finish(r);
	return 0;
}

int restore_run(const struct options *opts, const struct kind_table *kinds)
{
	struct kernel_features features;
	struct stats_clock clock;
	struct restore r = {
		.opts = opts,
		.kinds = kinds,
		.features = &features,
		.arena = arena_new(),
		.sync_fd = -1,
		.handoff = -1,
		.clock = &clock,
	};
	int ret;

	stats_begin(&clock);
	TAILQ_INIT(&r.tasks);
	ret = features_probe_restore(&features);
	if (ret < 0)
		return ret;
	ret = interrupt_block();
	if (ret < 0)
		return ret;
	ret = image_dir_open(opts->images_dir, &r.images);
	if (ret < 0)
		return ret;
	ret = restore_tree(&r);
	if (ret < 0) {
		log_error("Restoring FAILED.");
		return ret;
	}
	/* The tree runs: what there is to tell about it must not make this a failure. */
	if (stats_write_restore(&r) < 0)
		log_warn("no statistics of this restore");
	log_info("Restore finished successfully.");
	if (!opts->detach)
		wait_for_root(&r);
	return 0;
}
