// SPDX-License-Identifier: GPL-2.0-only
/*
 * Namespaces: a task must live in those of the dumper, and is restored into
 * those of who restores it. Each thread can have some of its own, so all are
 * asked.
 *
 * A time namespace of its own is fine, for a restored tree always has one
 * (engine/clocks.c). The namespace that children would be born into must be
 * the one that the task lives in.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/task/kinds.h"
#include "util/log.h"
#include "util/macro.h"

/* Links in /proc/PID/ns, and whose must lead to the same place. */
static const struct ns_link {
	const char *name;
	const char *as;			/* of the task itself; NULL: @name, of the dumper */
} link_table[] = {
	{ "cgroup", NULL },
	{ "ipc", NULL },
	{ "mnt", NULL },
	{ "net", NULL },
	{ "pid", NULL },
	{ "pid_for_children", "pid" },
	{ "time_for_children", "time" },
	{ "user", NULL },
	{ "uts", NULL },
};

/* *@ino is 0 where the kernel has no such namespace. */
static int find_ns(int pid, int tid, const char *name, ino_t *ino)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/%s", pid, tid, name);
	*ino = 0;
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : log_errno(-errno, "%s: cannot look", path);
	*ino = st.st_ino;
	return 0;
}

static int check_link(const struct task *t, const struct thread *th, const struct ns_link *link)
{
	ino_t here, there;
	int r = find_ns(t->pid, th->tid, link->name, &here);

	if (r < 0)
		return r;
	r = link->as ? find_ns(t->pid, th->tid, link->as, &there) :
	    find_ns(getpid(), getpid(), link->name, &there);
	if (r < 0 || here == there)
		return r;
	if (link->as)
		return log_errno(-ENOTSUP, "pid %d: thread %d: its children would be born into "
				 "another %s namespace: not covered", t->pid, th->tid, link->as);
	return log_errno(-ENOTSUP, "pid %d: thread %d is in another %s namespace than we are: not "
			 "covered; dump from inside of it", t->pid, th->tid, link->name);
}

static int check_thread(const struct task *t, const struct thread *th)
{
	for (size_t i = 0; i < ARRAY_SIZE(link_table); i++) {
		int r = check_link(t, th, &link_table[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int namespaces_admit(struct dump *d, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		/* A leader that has ended is in none. */
		int r = thread_runs(t, &t->threads[i]) ? check_thread(t, &t->threads[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Ids of namespaces in an image, the time namespace apart. */
static const struct id_field {
	const char *name;
	size_t has, id;			/* offsets in TaskKobjIdsEntry */
} id_table[] = {
	{ "cgroup", offsetof(TaskKobjIdsEntry, has_cgroup_ns_id),
	  offsetof(TaskKobjIdsEntry, cgroup_ns_id) },
	{ "ipc", offsetof(TaskKobjIdsEntry, has_ipc_ns_id),
	  offsetof(TaskKobjIdsEntry, ipc_ns_id) },
	{ "mnt", offsetof(TaskKobjIdsEntry, has_mnt_ns_id),
	  offsetof(TaskKobjIdsEntry, mnt_ns_id) },
	{ "net", offsetof(TaskKobjIdsEntry, has_net_ns_id),
	  offsetof(TaskKobjIdsEntry, net_ns_id) },
	{ "pid", offsetof(TaskKobjIdsEntry, has_pid_ns_id),
	  offsetof(TaskKobjIdsEntry, pid_ns_id) },
	{ "user", offsetof(TaskKobjIdsEntry, has_user_ns_id),
	  offsetof(TaskKobjIdsEntry, user_ns_id) },
	{ "uts", offsetof(TaskKobjIdsEntry, has_uts_ns_id),
	  offsetof(TaskKobjIdsEntry, uts_ns_id) },
};

/* 0: the writer did not know such namespaces, which is the parent's. */
static uint32_t get_id(const TaskKobjIdsEntry *ids, const struct id_field *field)
{
	if (!*(const protobuf_c_boolean *)((const char *)ids + field->has))
		return 0;
	return *(const uint32_t *)((const char *)ids + field->id);
}

static int check_time_ns(const struct restore *r, const struct task *t)
{
	const TaskKobjIdsEntry *root = TAILQ_FIRST(&r->tasks)->ids;

	if (!t->ids->has_time_ns_id || !root->has_time_ns_id ||
	    t->ids->time_ns_id == root->time_ns_id)
		return 0;
	return log_errno(-ENOTSUP, "ids-%d: another time namespace than that of the root task: "
			 "not covered", t->pid);
}

static int namespaces_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(id_table); i++) {
		uint32_t id = get_id(t->ids, &id_table[i]);
		uint32_t dumper = get_id(r->inventory->root_ids, &id_table[i]);

		if (id && dumper && id != dumper)
			return log_errno(-ENOTSUP, "ids-%d: it was dumped with a %s namespace of "
					 "its own: not covered", t->pid, id_table[i].name);
	}
	return check_time_ns(r, t);
}

const struct task_kind task_namespaces_kind = {
	.name = "namespaces",
	.test = "task/tree",
	.admit = namespaces_admit,
	.check = namespaces_check,
};
