// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan of a restore.
 *
 * A session can only be inherited or founded. A task that leads its session
 * founds it with setsid(); every other task must be made by a parent that is
 * in that session at that moment. A parent that founds a session has been in
 * another one before, the one it was born in, and may have had children then:
 *
 *	born in 10 ---- makes children of session 10 ---- setsid() ----
 *		makes children of its own session
 *
 * So the session a leader must be born in follows from its children, from the
 * leaves up; whether its parent can give it that is checked at the parent.
 *
 * What came to its parent as an orphan may be of a session that its parent was never in:
 * of one that another child of the parent founded, or founded and left. That child, or
 * a helper in its place, makes it as a child of the parent's (CLONE_PARENT).
 *
 * A process group needs a task with its id to begin. When that task is gone,
 * a helper stands in until all members have joined; when it has moved on to another
 * group, it does so again when all members have joined.
 */
#include "engine/plan.h"

#include <errno.h>

#include "core/dump.h"
#include "core/restore.h"
#include "sys/proc_stat.h"
#include "util/arena.h"
#include "util/log.h"

#define SESSION_ANY (-1)
#define PID_MAX (1 << 22)

static bool leads_session(const struct task *t)
{
	return t->sid == t->pid;
}

static int check_ids(const struct task *t, bool shell_job)
{
	if (t->pid < 1 || t->pid > PID_MAX || t->ppid < 0 || t->ppid > PID_MAX ||
	    t->pgid < 0 || t->pgid > PID_MAX || t->sid < 0 || t->sid > PID_MAX)
		return log_errno(-EINVAL, "pstree: pid %d: pid, ppid, pgid or sid out of range",
				 t->pid);
	if (leads_session(t) && t->pgid != t->pid)
		return log_errno(-EINVAL, "pstree: pid %d: leads session and not its process group",
				 t->pid);
	/* All members of a group are of its session. */
	if (t->sid && !t->pgid)
		return log_errno(-EINVAL, "pstree: pid %d: its process group came from outside, "
				 "but not its session %d", t->pid, t->sid);
	if (!shell_job && (!t->sid || !t->pgid))
		return log_errno(-EINVAL, "pstree: pid %d: its session or process group came from "
				 "outside: restore with --shell-job", t->pid);
	for (size_t i = 1; i < t->n_threads; i++)
		if (t->threads[i].tid < 1 || t->threads[i].tid > PID_MAX)
			return log_errno(-EINVAL, "pstree: pid %d: thread id %d out of range",
					 t->pid, t->threads[i].tid);
	return 0;
}

/* Pids and tids are one number space. O(n log n) is not worth it: trees are small. */
static int check_unique(const struct task_list *tasks, const struct task *t)
{
	const struct task *other;

	TAILQ_FOREACH(other, tasks, link) {
		if (other == t)
			break;
		for (size_t i = 0; i < t->n_threads; i++)
			for (size_t k = 0; k < other->n_threads; k++)
				if (t->threads[i].tid == other->threads[k].tid)
					return log_errno(-EINVAL, "pstree: id %d is there twice",
							 t->threads[i].tid);
	}
	return 0;
}

int plan_tree(struct task_list *tasks, bool shell_job)
{
	struct task *root = TAILQ_FIRST(tasks), *t;
	int r;

	if (!root)
		return log_errno(-EINVAL, "pstree: no task");
	TAILQ_FOREACH(t, tasks, link) {
		TAILQ_INIT(&t->children);
		r = check_ids(t, shell_job);
		if (r < 0)
			return r;
		r = check_unique(tasks, t);
		if (r < 0)
			return r;
		if (t == root) {
			if (t->ppid)
				return log_errno(-EINVAL, "pstree: pid %d: the first task must be "
						 "the root, but has parent %d", t->pid, t->ppid);
			continue;
		}
		t->parent = t->ppid ? task_find(tasks, t->ppid) : NULL;
		/* Only a task that was visited already has its list of children. */
		if (!t->parent || t->parent == t || !t->parent->children.tqh_last)
			return log_errno(-EINVAL, "pstree: pid %d: no parent %d before it", t->pid,
					 t->ppid);
		if (!task_is_live(t->parent))
			return log_errno(-EINVAL, "pstree: pid %d: its parent %d is a zombie",
					 t->pid, t->ppid);
		TAILQ_INSERT_TAIL(&t->parent->children, t, sibling);
	}
	return 0;
}

static int exit_signal_of(const struct task *t)
{
	return t->dump ? (int)t->dump->stat->exit_signal : task_exit_signal(t);
}

static struct task_birth *birth_of(struct task *t)
{
	return &t->restore->birth;
}

static struct task *add_helper(struct task_list *tasks, struct arena *arena, int pid, int sid,
			       struct task *parent)
{
	struct task *helper = arena_new_object(arena, struct task);

	helper->restore = arena_new_object(arena, struct task_restore);
	helper->threads = arena_new_array(arena, struct thread, 1);
	helper->n_threads = 1;
	helper->pid = helper->pgid = helper->threads[0].tid = pid;
	helper->sid = sid;
	helper->ppid = parent->pid;
	helper->parent = parent;
	helper->state = TASK_HELPER;
	birth_of(helper)->maker = parent;
	birth_of(helper)->session = sid == pid ? SESSION_ANY : sid;
	helper->restore->pidfd = helper->restore->uffd = -1;
	TAILQ_INIT(&helper->children);
	TAILQ_INSERT_TAIL(tasks, helper, link);
	TAILQ_INSERT_TAIL(&parent->children, helper, sibling);
	return helper;
}

/* For a helper: who has the id is no leader of anything, but may be a thread. */
static int check_id_is_free(const struct task_list *tasks, int id)
{
	const struct task *t;

	TAILQ_FOREACH(t, tasks, link)
		for (size_t i = 0; i < t->n_threads; i++)
			if (t->threads[i].tid == id)
				return log_errno(-EINVAL, "pstree: pid %d: a session or process "
						 "group has the id of its thread %d", t->pid, id);
	return 0;
}

/*
 * For @t, of a session that its parent can't give it: who founds that session is a child
 * of the same parent, or gone.
 */
static int make_by_founder(struct task_list *tasks, struct arena *arena, struct task *t)
{
	int sid = birth_of(t)->session;
	struct task *founder = task_find(tasks, sid);
	int r;

	if (!sid)
		return log_errno(-ENOTSUP, "pid %d: its session, from outside of the tree, can't "
				 "come from its parent %d, of session %d: not covered", t->pid,
				 t->parent->pid, t->parent->sid);
	if (!founder) {
		r = check_id_is_free(tasks, sid);
		if (r < 0)
			return r;
		founder = add_helper(tasks, arena, sid, sid, t->parent);
		log_info("pid %d: a helper founds session %d", t->pid, sid);
	}
	if (founder->parent != t->parent || !leads_session(founder) || founder == t)
		return log_errno(-ENOTSUP, "pid %d: its session %d can't come from its parent %d, "
				 "of session %d", t->pid, sid, t->parent->pid, t->parent->sid);
	birth_of(t)->maker = founder;
	return 0;
}

/* Whether the founder of @sid is such that it made children of the parent @t. */
static bool founded_below(struct task_list *tasks, int sid, const struct task *t)
{
	const struct task *founder = sid > 0 ? task_find(tasks, sid) : NULL;

	return sid > 0 && (!founder || founder->parent == t);
}

/*
 * The session that @t must be born in, for the sake of its children; those
 * that it can't make in their session come from who founded it.
 */
static int find_session(struct task_list *tasks, struct arena *arena, struct task *t)
{
	struct task_birth *birth = birth_of(t);
	struct task *child;
	int r;

	birth->session = leads_session(t) ? SESSION_ANY : t->sid;
	TAILQ_FOREACH(child, &t->children, sibling) {
		int want = birth_of(child)->session;

		if (want == SESSION_ANY || want == t->sid)
			continue;
		if (founded_below(tasks, want, t) || !leads_session(t)) {
			r = make_by_founder(tasks, arena, child);
			if (r < 0)
				return r;
			continue;
		}
		if (birth->session != SESSION_ANY && birth->session != want)
			return log_errno(-ENOTSUP, "pid %d: its session %d can't come from its "
					 "parent %d, of session %d", child->pid, want, t->pid,
					 t->sid);
		birth_of(child)->before_setsid = true;
		birth->session = want;
	}
	return 0;
}

/* A task that can make a helper of session @sid: its leader, or another member. */
static struct task *session_parent(struct task_list *tasks, int sid)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, link)
		if (task_is_live(t) && t->sid == sid)
			return t;
	return NULL;
}

static int add_group_helper(struct task_list *tasks, struct arena *arena, struct task *member)
{
	struct task *parent = session_parent(tasks, member->sid);
	int r = check_id_is_free(tasks, member->pgid);

	if (r < 0)
		return r;
	if (!parent)
		return log_errno(-ENOTSUP, "pid %d: process group %d has no leader, and no task "
				 "of session %d can make one", member->pid, member->pgid,
				 member->sid);
	add_helper(tasks, arena, member->pgid, member->sid, parent);
	log_info("pid %d: a helper holds process group %d", member->pid, member->pgid);
	return 0;
}

static int check_group(struct task_list *tasks, struct arena *arena, struct task *t)
{
	struct task *leader;

	if (!t->pgid || t->pgid == t->pid)
		return 0;
	leader = task_find(tasks, t->pgid);
	if (!leader)
		return add_group_helper(tasks, arena, t);
	if (leader->sid != t->sid)
		return log_errno(-EINVAL, "pstree: pid %d: process group %d is that of pid %d, of "
				 "another session", t->pid, t->pgid, leader->pid);
	birth_of(leader)->leaves_group = leader->pgid != leader->pid;
	return 0;
}

/* All who leave their group do it at once, so that each needs one who stays to go to. */
static int check_leaving(const struct task_list *tasks, struct task *t)
{
	struct task *other;

	if (!birth_of(t)->leaves_group)
		return 0;
	TAILQ_FOREACH(other, tasks, link)
		if (t->pgid && other->pgid == t->pgid && !birth_of(other)->leaves_group)
			return 0;
	return log_errno(-ENOTSUP, "pid %d: left its process group to members that stay, for group "
			 "%d, which has none: not covered", t->pid, t->pgid);
}

/* Each task must come from the root in the end; and what it shares, from its parent. */
static int check_maker(struct task *t)
{
	struct task *maker = birth_of(t)->maker, *fast = maker;

	if (maker != t->parent && (task_shares_files(t) || task_shares_fs(t)))
		return log_errno(-ENOTSUP, "pid %d: is of another session than its parent %d, and "
				 "shares its descriptor table or file system context: not covered",
				 t->pid, t->parent->pid);
	if (maker != t->parent && exit_signal_of(t) != exit_signal_of(maker))
		return log_errno(-ENOTSUP, "pid %d: is of another session than its parent %d, and "
				 "ends with another signal than its sibling %d: not covered",
				 t->pid, t->parent->pid, maker->pid);
	/* Two at a time: they meet in a circle. */
	while (fast && birth_of(fast)->maker) {
		maker = birth_of(maker)->maker;
		fast = birth_of(birth_of(fast)->maker)->maker;
		if (maker == fast && maker)
			return log_errno(-EINVAL, "pstree: pid %d: the sessions of its ancestors "
					 "need each other", t->pid);
	}
	return 0;
}

/* Births in the order of the list: a maker finds those it makes in it. */
static void list_births(struct task_list *tasks)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, link)
		TAILQ_INIT(&birth_of(t)->makes);
	TAILQ_FOREACH(t, tasks, link)
		if (birth_of(t)->maker)
			TAILQ_INSERT_TAIL(&birth_of(birth_of(t)->maker)->makes, t, made);
}

int plan_births(struct task_list *tasks, struct arena *arena)
{
	struct task *t, *last;
	int r;

	TAILQ_FOREACH(t, tasks, link)
		*birth_of(t) = (struct task_birth){ .maker = t->parent };
	/* Children come after their parents, so backwards is from the leaves up. */
	TAILQ_FOREACH_REVERSE(t, tasks, task_list, link) {
		if (t->state == TASK_HELPER)
			continue;
		r = find_session(tasks, arena, t);
		if (r < 0)
			return r;
	}
	t = TAILQ_FIRST(tasks);
	if (birth_of(t)->session > 0)
		return log_errno(-ENOTSUP, "pid %d: session %d has no leader in the tree", t->pid,
				 birth_of(t)->session);
	last = TAILQ_LAST(tasks, task_list);
	TAILQ_FOREACH(t, tasks, link) {
		r = check_group(tasks, arena, t);
		if (r < 0)
			return r;
		if (t == last)
			break;
	}
	TAILQ_FOREACH(t, tasks, link) {
		r = check_leaving(tasks, t);
		if (r >= 0)
			r = check_maker(t);
		if (r < 0)
			return r;
	}
	list_births(tasks);
	return 0;
}

/* A tree of its own, for births are noted in the tasks. */
static void copy_tree(const struct task_list *from, struct task_list *to, struct arena *arena)
{
	const struct task *t;

	TAILQ_INIT(to);
	TAILQ_FOREACH(t, from, link) {
		struct task *copy = arena_memdup(arena, t, sizeof(*t));

		copy->restore = arena_new_object(arena, struct task_restore);
		copy->children = (struct task_list){};
		copy->ppid = t->parent ? t->parent->pid : 0;
		copy->parent = NULL;
		TAILQ_INSERT_TAIL(to, copy, link);
	}
}

int plan_check(const struct task_list *tasks, bool shell_job)
{
	struct arena *arena = arena_new();
	struct task_list copy;
	int r;

	copy_tree(tasks, &copy, arena);
	r = plan_tree(&copy, shell_job);
	if (r >= 0)
		r = plan_births(&copy, arena);
	arena_free(arena);
	return r < 0 ? log_errno(-ENOTSUP, "the tree could not be restored with its sessions and "
				 "process groups") : 0;
}
