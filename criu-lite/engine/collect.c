// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree of a dump: freezing it and letting it go.
 *
 * From the root down: when all threads of a task stand still it makes no more
 * children, so its list of children is final, and the children's turn comes.
 * A task that ends meanwhile is a zombie of its parent's, which has been
 * frozen, or gone with its parent.
 */
#include "engine/collect.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/dump.h"
#include "core/options.h"
#include "engine/freeze.h"
#include "engine/traced.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "sys/proc_stat.h"
#include "sys/proc_tasks.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

static struct task *new_task(struct dump *d, struct task *parent, int pid)
{
	struct task *t = arena_new_object(d->arena, struct task);

	t->dump = arena_new_object(d->arena, struct task_dump);
	t->dump->stat = arena_new_object(d->arena, struct proc_stat);
	t->dump->pidfd = t->dump->runner_pidfd = -1;
	t->pid = pid;
	t->parent = parent;
	t->state = TASK_ALIVE;
	TAILQ_INIT(&t->children);
	TAILQ_INSERT_TAIL(&d->tasks, t, link);
	if (parent)
		TAILQ_INSERT_TAIL(&parent->children, t, sibling);
	return t;
}

static int freeze_children(struct dump *d, struct task *t);

static int freeze_below(struct dump *d, struct task *parent, int pid)
{
	struct task *t = new_task(d, parent, pid);
	int r = freeze_task(d, t);

	if (r > 0) {
		if (!parent)
			return log_errno(-ESRCH, "pid %d: no such process", pid);
		TAILQ_REMOVE(&d->tasks, t, link);
		TAILQ_REMOVE(&parent->children, t, sibling);
		return 0;
	}
	if (r < 0)
		return r;
	return task_is_live(t) ? freeze_children(d, t) : 0;
}

static int freeze_children(struct dump *d, struct task *t)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n;
	int r = proc_children_read(t->pid, &pids, &n);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its children", t->pid);
	for (size_t i = 0; i < n; i++) {
		if (task_find(&d->tasks, pids[i]))
			continue;
		r = freeze_below(d, t, pids[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Children whose parent ended while we were at it may have come to a task that
 * was looked at before (a subreaper): look again until nothing changes.
 */
static int freeze_adopted(struct dump *d)
{
	struct task *t, *last;
	int r;

	do {
		last = TAILQ_LAST(&d->tasks, task_list);
		TAILQ_FOREACH(t, &d->tasks, link) {
			r = task_is_live(t) ? freeze_children(d, t) : 0;
			if (r < 0)
				return r;
		}
	} while (last != TAILQ_LAST(&d->tasks, task_list));
	return 0;
}

/* Sessions and groups that begin outside the tree are the shell's (--shell-job). */
static int check_shell_job(struct dump *d)
{
	struct task *root = TAILQ_FIRST(&d->tasks), *t;
	int outside = root->sid;

	if (outside == root->pid)
		return 0;
	if (!d->opts->shell_job)
		return log_errno(-ENOTSUP, "pid %d: its session %d is led from outside of the "
				 "tree: use --shell-job, or start it with setsid", root->pid,
				 outside);
	TAILQ_FOREACH(t, &d->tasks, link) {
		if (t->sid != outside)
			continue;
		t->sid = 0;
		if (!task_find(&d->tasks, t->pgid))
			t->pgid = 0;
	}
	return 0;
}

int collect_tree(struct dump *d)
{
	int r = traced_check_tree(d->opts->pid);

	if (r < 0)
		return r;
	r = freeze_below(d, NULL, d->opts->pid);
	if (r < 0)
		return r;
	r = freeze_adopted(d);
	if (r < 0)
		return r;
	if (!task_is_live(TAILQ_FIRST(&d->tasks)))
		return log_errno(-ESRCH, "pid %d is a zombie: there is nothing to dump",
				 d->opts->pid);
	return check_shell_job(d);
}

int collect_parasites(struct dump *d)
{
	struct task *t;
	int r;

	TAILQ_FOREACH(t, &d->tasks, link) {
		if (!task_is_live(t))
			continue;
		r = parasite_inject(task_runner(t)->dump->tracee, &t->dump->parasite);
		if (r < 0)
			return r;
		r = parasite_misc(t->dump->parasite, &t->dump->misc);
		if (r < 0)
			return r;
	}
	return 0;
}

static int end_task(struct task *t, enum collect_end end)
{
	int sig = end == COLLECT_END_KILL ? SIGKILL : SIGSTOP, r;

	if (end == COLLECT_END_RUN || t->dump->pidfd < 0)
		return 0;
	r = sys_pidfd_send_signal(t->dump->pidfd, sig, NULL);
	if (r < 0 && r != -ESRCH)
		return log_errno(r, "pid %d: cannot send it signal %d", t->pid, sig);
	return 0;
}

static int end_tasks(struct dump *d, enum collect_end end)
{
	struct task *t;
	int r = 0;

	TAILQ_FOREACH(t, &d->tasks, link) {
		int one = end_task(t, end);

		r = r < 0 ? r : one;
	}
	return r;
}

/*
 * All are told before any runs on: no parent sees its child end and acts on it. A
 * process of its own tells them: were it us, and were we killed after the first
 * one, half a tree would go on.
 */
static int end_tree(struct dump *d, enum collect_end end)
{
	pid_t pid;
	int status;

	if (end == COLLECT_END_RUN)
		return 0;
	pid = fork();
	if (pid < 0)
		return end_tasks(d, end);
	if (pid == 0)
		_exit(end_tasks(d, end) < 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return log_errno(-errno, "cannot wait for the end of the tree");
	/* It was killed itself, or has said why not. */
	return WIFSIGNALED(status) ? end_tasks(d, end) : status ? -EIO : 0;
}

/* The kernel tells the parent of a killed task only when its tracer knows. */
static void collect_dead_threads(struct task *t)
{
	for (size_t i = t->n_threads; i-- > 0;)
		while (waitpid(t->threads[i].tid, NULL, __WALL) < 0 && errno == EINTR)
			;
}

/* From the end, as they were stopped: see stop_threads(). */
static int detach_threads(struct task *t)
{
	int r = 0;

	for (size_t i = t->n_threads; i-- > 0;) {
		struct tracee *tracee = t->threads[i].dump ? t->threads[i].dump->tracee : NULL;
		int one = tracee ? tracee_detach(tracee) : 0;

		r = r < 0 ? r : one;
	}
	return r;
}

int collect_cure(struct dump *d)
{
	struct task *t;
	int r = 0;

	TAILQ_FOREACH(t, &d->tasks, link) {
		int one = parasite_cure(take_ptr(t->dump->parasite));

		if (one < 0 && one != -ESRCH)
			r = one;
	}
	return r;
}

int collect_thaw(struct dump *d, enum collect_end end)
{
	int r = collect_cure(d), one;
	struct task *t;

	one = end_tree(d, end);
	r = r < 0 ? r : one;
	TAILQ_FOREACH(t, &d->tasks, link) {
		if (end == COLLECT_END_KILL && task_is_live(t)) {
			collect_dead_threads(t);
			continue;
		}
		one = detach_threads(t);
		r = r < 0 ? r : one;
	}
	return r;
}
