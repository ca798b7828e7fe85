// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials, which each thread has of its own: ids, groups, capability sets,
 * securebits, no_new_privs.
 *
 * All is public in /proc but securebits, which only the thread can tell. The
 * restorer sets them last, in an order of its own (pie/restorer_creds.c), for
 * each step gives up what later ones would need.
 *
 * Nothing is given that the one who restores has not got: capabilities outside
 * of our own sets are refused before any task runs. So are labels of a security
 * module, unless the dumper has the same: then the tree takes the label of who
 * restores it, as with namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "sys/features.h"
#include "sys/proc.h"
#include "sys/proc_status.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define CAP_WORDS 2
#define GROUPS_MAX 65536		/* NGROUPS_MAX */
#define SECUREBITS_ALL 0xfffu
#define LABEL_MAX 4096

/* The label of a thread, empty when there is none or no security module. */
static int read_label(int pid, int tid, char label[LABEL_MAX])
{
	_cleanup_close_ int fd = proc_open(pid, O_RDONLY | O_CLOEXEC, "task/%d/attr/current", tid);
	ssize_t len;

	label[0] = 0;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return log_errno(fd, "pid %d: cannot open the security label of thread %d", pid,
				 tid);
	len = read_all(fd, label, LABEL_MAX - 1);
	if (len == -EINVAL || len == -EOPNOTSUPP)
		return 0;
	if (len < 0)
		return log_errno(len, "pid %d: cannot read the security label of thread %d", pid,
				 tid);
	label[len] = 0;
	label[strcspn(label, "\n")] = 0;
	return 0;
}

static int check_label(const struct task *t, const struct thread *th)
{
	char theirs[LABEL_MAX], ours[LABEL_MAX];
	int r = read_label(t->pid, th->tid, theirs);

	if (r < 0 || !theirs[0])
		return r;
	r = read_label(getpid(), getpid(), ours);
	if (r < 0 || !strcmp(theirs, ours))
		return r;
	return log_errno(-ENOTSUP, "pid %d: thread %d has the security label \"%s\", ours is "
			 "\"%s\": other labels than ours are not covered", t->pid, th->tid, theirs,
			 ours);
}

static void set_caps(struct dump *d, uint64_t set, size_t *n, uint32_t **words)
{
	*words = arena_new_array(d->arena, uint32_t, CAP_WORDS);
	*n = CAP_WORDS;
	(*words)[0] = set;
	(*words)[1] = set >> 32;
}

static void set_ids(CredsEntry *creds, const struct proc_status *status)
{
	creds->uid = status->uid[0];
	creds->euid = status->uid[1];
	creds->suid = status->uid[2];
	creds->fsuid = status->uid[3];
	creds->gid = status->gid[0];
	creds->egid = status->gid[1];
	creds->sgid = status->gid[2];
	creds->fsgid = status->gid[3];
}

/* Nothing but the ids of a zombie matters: waitid() tells its parent. */
static int creds_dump_task(struct dump *d, struct task *t)
{
	_cleanup_(proc_status_fini) struct proc_status status = {};
	CredsEntry *creds;
	int r;

	if (task_is_live(t))
		return 0;
	r = proc_status_read(t->pid, 0, &status);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read the ids of the zombie", t->pid);
	creds = arena_message(d->arena, CredsEntry, creds_entry__init);
	set_ids(creds, &status);
	task_core(t)->tc->zombie_creds = creds;
	return 0;
}

static int creds_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	const struct proc_status *status = th->dump->status;
	CredsEntry *creds;

	if (!task_is_live(t))
		return 0;
	creds = arena_message(d->arena, CredsEntry, creds_entry__init);
	set_ids(creds, status);
	creds->groups = status->groups;
	creds->n_groups = status->n_groups;
	set_caps(d, status->cap_inh, &creds->n_cap_inh, &creds->cap_inh);
	set_caps(d, status->cap_prm, &creds->n_cap_prm, &creds->cap_prm);
	set_caps(d, status->cap_eff, &creds->n_cap_eff, &creds->cap_eff);
	set_caps(d, status->cap_bnd, &creds->n_cap_bnd, &creds->cap_bnd);
	set_caps(d, status->cap_amb, &creds->n_cap_amb, &creds->cap_amb);
	/* Of a leader that has ended nobody sees them any more. */
	if (thread_runs(t, th))
		creds->secbits = th->dump->facts->securebits;
	if (status->no_new_privs) {
		creds->has_no_new_privs = true;
		creds->no_new_privs = 1;
	}
	th->core->thread_core->creds = creds;
	return check_label(t, th);
}

/* Which words of an entry are which set. Writers before ambient capabilities have no such. */
static const struct cap_set {
	const char *name;
	size_t n, words;		/* offsets in CredsEntry */
	size_t set;			/* offset in struct restorer_creds */
	bool optional;
} cap_set_table[] = {
	{ "inheritable", offsetof(CredsEntry, n_cap_inh), offsetof(CredsEntry, cap_inh),
	  offsetof(struct restorer_creds, cap_inh), false },
	{ "permitted", offsetof(CredsEntry, n_cap_prm), offsetof(CredsEntry, cap_prm),
	  offsetof(struct restorer_creds, cap_prm), false },
	{ "effective", offsetof(CredsEntry, n_cap_eff), offsetof(CredsEntry, cap_eff),
	  offsetof(struct restorer_creds, cap_eff), false },
	{ "bounding", offsetof(CredsEntry, n_cap_bnd), offsetof(CredsEntry, cap_bnd),
	  offsetof(struct restorer_creds, cap_bnd), false },
	{ "ambient", offsetof(CredsEntry, n_cap_amb), offsetof(CredsEntry, cap_amb),
	  offsetof(struct restorer_creds, cap_amb), true },
};

static size_t count_words(const struct cap_set *set, const CredsEntry *creds)
{
	return *(const size_t *)((const char *)creds + set->n);
}

static uint64_t get_caps(const struct cap_set *set, const CredsEntry *creds)
{
	const uint32_t *words = *(uint32_t *const *)((const char *)creds + set->words);

	return count_words(set, creds) ? words[0] | (uint64_t)words[1] << 32 : 0;
}

static int lowest(uint64_t set)
{
	return __builtin_ctzll(set);
}

static int check_sets(const struct restore *r, int tid, const CredsEntry *creds)
{
	uint32_t last = r->features->last_cap;
	uint64_t known = last < 63 ? (1ULL << (last + 1)) - 1 : UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(cap_set_table); i++) {
		const struct cap_set *set = &cap_set_table[i];
		size_t n = count_words(set, creds);

		if (n != CAP_WORDS && !(set->optional && !n))
			return log_errno(-EINVAL, "core-%d: %s capabilities in %zu words, not %d",
					 tid, set->name, n, CAP_WORDS);
		if (get_caps(set, creds) & ~known)
			return log_errno(-ENOTSUP, "core-%d: capability %d (%s) is unknown to this "
					 "kernel", tid, lowest(get_caps(set, creds) & ~known),
					 set->name);
	}
	return 0;
}

static void fill_sets(const CredsEntry *creds, struct restorer_creds *args)
{
	for (size_t i = 0; i < ARRAY_SIZE(cap_set_table); i++)
		*(uint64_t *)((char *)args + cap_set_table[i].set) =
			get_caps(&cap_set_table[i], creds);
}

/* What the kernel will allow a task that starts with all that we have. */
static int check_subsets(int tid, const CredsEntry *creds, const struct proc_status *own)
{
	struct restorer_creds want = {};

	fill_sets(creds, &want);
	if (want.cap_eff & ~want.cap_prm)
		return log_errno(-EINVAL, "core-%d: capability %d is effective but not permitted",
				 tid, lowest(want.cap_eff & ~want.cap_prm));
	if (want.cap_amb & ~(want.cap_prm & want.cap_inh))
		return log_errno(-EINVAL, "core-%d: capability %d is ambient but not permitted and "
				 "inheritable", tid,
				 lowest(want.cap_amb & ~(want.cap_prm & want.cap_inh)));
	if (want.cap_prm & ~own->cap_prm)
		return log_errno(-EPERM, "core-%d: it has capability %d, which we have not: "
				 "restore with more privileges", tid,
				 lowest(want.cap_prm & ~own->cap_prm));
	if (want.cap_bnd & ~own->cap_bnd)
		return log_errno(-EPERM, "core-%d: it has capability %d in its bounding set, we "
				 "have not: restore with more privileges", tid,
				 lowest(want.cap_bnd & ~own->cap_bnd));
	if (want.cap_inh & ~(own->cap_inh | own->cap_bnd))
		return log_errno(-EPERM, "core-%d: it has the inheritable capability %d, which we "
				 "can't give: restore with more privileges", tid,
				 lowest(want.cap_inh & ~(own->cap_inh | own->cap_bnd)));
	return 0;
}

static int check_ids(int tid, const CredsEntry *creds)
{
	const uint32_t ids[] = {
		creds->uid, creds->euid, creds->suid, creds->fsuid,
		creds->gid, creds->egid, creds->sgid, creds->fsgid,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] == UINT32_MAX)
			return log_errno(-EINVAL, "core-%d: -1 is no user or group id", tid);
	if (creds->n_groups > GROUPS_MAX)
		return log_errno(-EINVAL, "core-%d: %zu groups", tid, creds->n_groups);
	for (size_t i = 0; i < creds->n_groups; i++)
		if (creds->groups[i] == UINT32_MAX)
			return log_errno(-EINVAL, "core-%d: -1 is no group id", tid);
	return 0;
}

static int check_thread(const struct restore *r, const struct thread *th,
			const struct proc_status *own)
{
	const CredsEntry *creds = th->core->thread_core->creds;
	int ret;

	if (!creds)
		return log_errno(-EINVAL, "core-%d: no credentials", th->tid);
	if (creds->lsm_profile || creds->lsm_sockcreate)
		return log_errno(-ENOTSUP, "core-%d: security label \"%s\": not covered", th->tid,
				 creds->lsm_profile ? creds->lsm_profile : creds->lsm_sockcreate);
	if (creds->secbits & ~SECUREBITS_ALL)
		return log_errno(-EINVAL, "core-%d: unknown securebits %#x", th->tid,
				 creds->secbits);
	ret = check_ids(th->tid, creds);
	if (ret >= 0)
		ret = check_sets(r, th->tid, creds);
	return ret < 0 ? ret : check_subsets(th->tid, creds, own);
}

static int creds_check(struct restore *r, struct task *t)
{
	struct proc_status own = {};
	int ret = proc_status_read(getpid(), 0, &own);

	if (ret < 0)
		return log_errno(ret, "cannot read our own credentials");
	for (size_t i = 0; ret >= 0 && i < t->n_threads; i++)
		ret = check_thread(r, &t->threads[i], &own);
	proc_status_fini(&own);
	return ret;
}

static int creds_plan_thread(struct restore *r, struct task *t, struct thread *th,
			     struct restorer_thread *args)
{
	const CredsEntry *creds = th->core->thread_core->creds;
	struct restorer_creds *c = &args->creds;

	c->uid[0] = creds->uid;
	c->uid[1] = creds->euid;
	c->uid[2] = creds->suid;
	c->uid[3] = creds->fsuid;
	c->gid[0] = creds->gid;
	c->gid[1] = creds->egid;
	c->gid[2] = creds->sgid;
	c->gid[3] = creds->fsgid;
	fill_sets(creds, c);
	c->secbits = creds->secbits;
	c->no_new_privs = creds->has_no_new_privs && creds->no_new_privs;
	c->last_cap = r->features->last_cap;
	c->n_groups = creds->n_groups;
	if (!c->n_groups)
		return 0;
	c->groups = restorer_alloc(args->args, c->n_groups * sizeof(*c->groups));
	if (!c->groups)
		return -ENOMEM;
	memcpy(c->groups, creds->groups, c->n_groups * sizeof(*c->groups));
	return 0;
}

const struct task_kind task_creds_kind = {
	.name = "credentials",
	.test = "task/creds",
	.dump_task = creds_dump_task,
	.dump_thread = creds_dump_thread,
	.check = creds_check,
	.plan_thread = creds_plan_thread,
};
