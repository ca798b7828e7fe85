// SPDX-License-Identifier: GPL-2.0-only
/* A model of processes with their groups and sessions, for tests of engine/plan.h. */
#include "engine/test-plan-model.h"

#include "core/restore.h"

struct process *model_find(struct model *m, int pid)
{
	for (int i = 0; i < m->n; i++)
		if (m->p[i].pid == pid && !m->p[i].gone)
			return &m->p[i];
	return NULL;
}

/* A zombie holds its group too. */
static struct process *group_member(struct model *m, int pgid)
{
	for (int i = 0; i < m->n; i++)
		if (m->p[i].pgid == pgid && !m->p[i].gone)
			return &m->p[i];
	return NULL;
}

struct process *model_fork(struct model *m, const struct process *maker, int ppid, int pid)
{
	struct process *child = &m->p[m->n++];

	*child = (struct process){ .pid = pid, .ppid = ppid, .pgid = maker->pgid,
				   .sid = maker->sid };
	return child;
}

bool model_setsid(struct model *m, struct process *p)
{
	if (group_member(m, p->pid))
		return false;
	p->sid = p->pgid = p->pid;
	return true;
}

bool model_setpgid(struct model *m, struct process *p, int pgid)
{
	struct process *member = group_member(m, pgid);

	if (p->sid == p->pid)
		return false;
	if (pgid != p->pid && (!member || member->sid != p->sid))
		return false;
	p->pgid = pgid;
	return true;
}

static const char *run(struct model *m, struct task *t);

static const char *make(struct model *m, struct task *t, bool before_setsid)
{
	const char *fault;
	struct task *child;

	TAILQ_FOREACH(child, &t->restore->birth.makes, made) {
		if (child->restore->birth.before_setsid != before_setsid)
			continue;
		if (model_find(m, child->pid))
			return "a pid is taken";
		if (m->n == MODEL_MAX)
			return "the model is full";
		model_fork(m, model_find(m, t->pid), child->parent->pid, child->pid);
		fault = run(m, child);
		if (fault)
			return fault;
	}
	return NULL;
}

/* As found_family(). Restored tasks do this at the same time, for none needs another. */
static const char *run(struct model *m, struct task *t)
{
	struct process *p = model_find(m, t->pid);
	const char *fault = make(m, t, true);

	if (!fault && t->sid == t->pid && !model_setsid(m, p))
		return "setsid() fails";
	if (!fault)
		fault = make(m, t, false);
	if (!fault && ((t->pgid == t->pid && t->sid != t->pid) || t->restore->birth.leaves_group) &&
	    !model_setpgid(m, p, t->pid))
		return "a task can't found its group";
	return fault;
}

static bool join_groups(struct model *m, struct task_list *tasks, bool leaving)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, link) {
		struct process *p = model_find(m, t->pid);

		if (p && t->restore->birth.leaves_group == leaving && t->pgid &&
		    t->pgid != t->pid && p->pgid != t->pgid && !model_setpgid(m, p, t->pgid))
			return false;
	}
	return true;
}

static bool is_as_planned(const struct process *p, const struct task *t)
{
	return p->ppid == (t->ppid ? t->ppid : MODEL_INIT) &&
	       p->pgid == (t->pgid ? t->pgid : MODEL_OUTSIDE) &&
	       p->sid == (t->sid ? t->sid : MODEL_OUTSIDE);
}

static const char *compare(struct model *m, struct task_list *tasks)
{
	struct task *t;
	int n = 0;

	TAILQ_FOREACH(t, tasks, link) {
		const struct process *p = model_find(m, t->pid);

		if (t->state == TASK_HELPER && p)
			return "a helper has stayed";
		if (t->state == TASK_HELPER)
			continue;
		n++;
		if (!p)
			return "a task was not made";
		if (!is_as_planned(p, t))
			return "a task has another parent, group or session";
	}
	for (int i = 0; i < m->n; i++)
		n -= !m->p[i].gone;
	return n ? "there are other tasks" : NULL;
}

const char *model_restore(struct model *m, struct task_list *tasks)
{
	struct task *root = TAILQ_FIRST(tasks), *t;
	const char *fault;

	*m = (struct model){ .n = 1 };
	/* Of the group and session of who restores. */
	m->p[0] = (struct process){ .pid = root->pid, .ppid = MODEL_INIT,
				    .pgid = MODEL_OUTSIDE, .sid = MODEL_OUTSIDE };
	fault = run(m, root);
	if (fault)
		return fault;
	if (!join_groups(m, tasks, false) || !join_groups(m, tasks, true))
		return "a task can't join its group";
	TAILQ_FOREACH(t, tasks, link)
		if (t->state == TASK_HELPER && model_find(m, t->pid))
			model_find(m, t->pid)->gone = true;
	return compare(m, tasks);
}
