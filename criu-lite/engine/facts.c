// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc tells of the frozen tasks, and which kernel objects they share.
 *
 * Read before any parasite is there, so that none of it shows.
 */
#include "engine/collect.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "sys/proc_limits.h"
#include "sys/proc_maps.h"
#include "sys/proc_status.h"
#include "sys/proc_timers.h"
#include "sys/sockdiag.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Namespace ids are the order in which a dumper meets its own (spec/images.md, 1.6). */
enum own_ns_id {
	OWN_PID_NS = 1,
	OWN_NET_NS,
	OWN_IPC_NS,
	OWN_UTS_NS,
	OWN_TIME_NS,
	OWN_MNT_NS,
	OWN_USER_NS,
	OWN_CGROUP_NS,
	FIRST_FOREIGN_NS,
};

static int read_status(struct dump *d, pid_t pid, pid_t tid, struct proc_status **out)
{
	struct proc_status status = {}, *copy;
	int r = proc_status_read(pid, tid, &status);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read the status of thread %d", pid, tid);
	copy = arena_memdup(d->arena, &status, sizeof(status));
	copy->groups = arena_memdup(d->arena, status.groups, status.n_groups * sizeof(uint32_t));
	proc_status_fini(&status);
	*out = copy;
	return 0;
}

static int read_maps(struct dump *d, struct task *t)
{
	struct proc_maps maps = {};
	int r = proc_smaps_read(task_proc(t), &maps);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its mappings", t->pid);
	t->dump->vmas = arena_memdup(d->arena, maps.vmas, maps.n_vmas * sizeof(*maps.vmas));
	t->dump->n_vmas = maps.n_vmas;
	for (size_t i = 0; i < maps.n_vmas; i++)
		if (maps.vmas[i].name)
			t->dump->vmas[i].name = arena_strdup(d->arena, maps.vmas[i].name);
	proc_maps_fini(&maps);
	return 0;
}

static int read_timers(struct dump *d, struct task *t)
{
	_cleanup_free_ struct proc_timer *timers = NULL;
	int r = proc_timers_read(t->pid, &timers, &t->dump->n_timers);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read its timers", t->pid);
	t->dump->timers = arena_memdup(d->arena, timers, t->dump->n_timers * sizeof(*timers));
	return 0;
}

static int read_task(struct dump *d, struct task *t)
{
	struct task_dump *td = t->dump;
	int r;

	for (size_t i = 0; i < t->n_threads; i++) {
		r = read_status(d, t->pid, t->threads[i].tid, &t->threads[i].dump->status);
		if (r < 0)
			return r;
	}
	td->status = task_runner(t)->dump->status;
	td->limits = arena_new_object(d->arena, struct proc_limits);
	r = proc_limits_read(t->pid, td->limits);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read its limits", t->pid);
	r = read_maps(d, t);
	if (r < 0)
		return r;
	r = read_timers(d, t);
	if (r < 0)
		return r;
	return fd_info_collect(d, t);
}

int collect_facts(struct dump *d)
{
	struct task *t;
	int r = sockdiag_read(SOCKDIAG_ALL, &d->socks);

	if (r < 0)
		return r;
	TAILQ_FOREACH(t, &d->tasks, link) {
		if (!task_is_live(t))
			continue;
		r = read_task(d, t);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The namespaces, as kinds/task checked them: all ours, but time may differ. */
static void set_ns_ids(TaskKobjIdsEntry *ids, uint32_t time_ns)
{
	ids->has_pid_ns_id = ids->has_net_ns_id = ids->has_ipc_ns_id = true;
	ids->has_uts_ns_id = ids->has_mnt_ns_id = ids->has_user_ns_id = true;
	ids->has_cgroup_ns_id = ids->has_time_ns_id = true;
	ids->pid_ns_id = OWN_PID_NS;
	ids->net_ns_id = OWN_NET_NS;
	ids->ipc_ns_id = OWN_IPC_NS;
	ids->uts_ns_id = OWN_UTS_NS;
	ids->mnt_ns_id = OWN_MNT_NS;
	ids->user_ns_id = OWN_USER_NS;
	ids->cgroup_ns_id = OWN_CGROUP_NS;
	ids->time_ns_id = time_ns;
}

static int find_ids(struct dump *d, int pid, TaskKobjIdsEntry **out)
{
	struct {
		struct kobj_set *set;
		uint32_t *id;
	} rows[4];
	TaskKobjIdsEntry *ids = arena_message(d->arena, TaskKobjIdsEntry,
					      task_kobj_ids_entry__init);
	bool is_new;

	rows[0].set = &d->vm_ids, rows[0].id = &ids->vm_id;
	rows[1].set = &d->files_ids, rows[1].id = &ids->files_id;
	rows[2].set = &d->fs_ids, rows[2].id = &ids->fs_id;
	rows[3].set = &d->sighand_ids, rows[3].id = &ids->sighand_id;
	for (size_t i = 0; i < 4; i++) {
		struct kobj *obj = kobj_find(rows[i].set, pid, 0, 0, &is_new);

		if (!obj)
			return rows[i].set->err;
		*rows[i].id = obj->id;
	}
	*out = ids;
	return 0;
}

/* Sharing is restored by making the child share with its parent, and no other way. */
static int check_sharing(struct dump *d, const struct task *t)
{
	const struct task *other;

	TAILQ_FOREACH(other, &d->tasks, link) {
		if (other == t)
			break;
		if (!other->ids)
			continue;
		if (other->ids->vm_id == t->ids->vm_id)
			return log_errno(-ENOTSUP, "pid %d shares its memory with pid %d (vfork or "
					 "CLONE_VM): not covered", t->pid, other->pid);
		if (other->ids->sighand_id == t->ids->sighand_id)
			return log_errno(-ENOTSUP, "pid %d shares its signal handlers with pid %d: "
					 "not covered", t->pid, other->pid);
		if (other->ids->files_id == t->ids->files_id && !task_shares_files(t))
			return log_errno(-ENOTSUP, "pid %d shares its descriptor table with pid "
					 "%d, which is not its parent: not covered", t->pid,
					 other->pid);
		if (other->ids->fs_id == t->ids->fs_id && !task_shares_fs(t))
			return log_errno(-ENOTSUP, "pid %d shares its file system context with pid "
					 "%d, which is not its parent: not covered", t->pid,
					 other->pid);
	}
	return 0;
}

/* All threads use one descriptor table and one file system context, by clone() or by restore. */
static int check_threads_share(const struct task *t)
{
	static const struct {
		enum kcmp_type type;
		const char *what;
	} table[] = {
		{ KCMP_FILES, "descriptor table" },
		{ KCMP_FS, "file system context (umask, working directory, root)" },
	};
	int first = task_runner(t)->tid;

	for (const struct thread *th = task_runner(t) + 1; th < t->threads + t->n_threads; th++) {
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			int r = sys_kcmp(first, th->tid, table[i].type, 0, 0);

			if (r < 0)
				return log_errno(r, "pid %d: cannot compare threads %d and %d",
						 t->pid, first, th->tid);
			if (r)
				return log_errno(-ENOTSUP, "pid %d: thread %d has a %s of its own: "
						 "not covered", t->pid, th->tid, table[i].what);
		}
	}
	return 0;
}

static int time_ns_of(int pid, ino_t *ino)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/time", pid);
	if (stat(path, &st) < 0) {
		*ino = 0;
		return errno == ENOENT ? 0 : log_errno(-errno, "%s: cannot look", path);
	}
	*ino = st.st_ino;
	return 0;
}

/* All tasks of a tree have one time namespace: ours or another. */
static int find_time_ns(struct dump *d, uint32_t *id)
{
	ino_t ours, first = 0, ino;
	struct task *t;
	int r = time_ns_of(getpid(), &ours);

	if (r < 0)
		return r;
	TAILQ_FOREACH(t, &d->tasks, link) {
		if (!task_is_live(t))
			continue;
		r = time_ns_of(task_proc(t), &ino);
		if (r < 0)
			return r;
		if (!first)
			first = ino;
		if (ino != first)
			return log_errno(-ENOTSUP, "pid %d: its time namespace is not that of the "
					 "root task: not covered", t->pid);
	}
	*id = first == ours ? OWN_TIME_NS : FIRST_FOREIGN_NS;
	return 0;
}

int collect_ids(struct dump *d)
{
	struct task *t;
	uint32_t time_ns = OWN_TIME_NS;
	int r;

	kobj_set_init(&d->vm_ids, KCMP_VM, d->arena);
	kobj_set_init(&d->files_ids, KCMP_FILES, d->arena);
	kobj_set_init(&d->fs_ids, KCMP_FS, d->arena);
	kobj_set_init(&d->sighand_ids, KCMP_SIGHAND, d->arena);
	r = find_time_ns(d, &time_ns);
	if (r < 0)
		return r;
	/* Our own objects come first: id 1 is the dumper's. */
	r = find_ids(d, getpid(), &d->own_ids);
	if (r < 0)
		return r;
	set_ns_ids(d->own_ids, OWN_TIME_NS);
	TAILQ_FOREACH(t, &d->tasks, link) {
		if (!task_is_live(t))
			continue;
		r = find_ids(d, task_proc(t), &t->ids);
		if (r < 0)
			return r;
		r = check_threads_share(t);
		if (r < 0)
			return r;
		set_ns_ids(t->ids, time_ns);
		r = check_sharing(d, t);
		if (r < 0)
			return r;
	}
	return 0;
}
