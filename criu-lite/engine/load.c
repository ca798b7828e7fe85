// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads an image directory and checks all of it.
 *
 * Messages live until the process ends: a restored task needs them until its
 * memory is replaced, and the coordinator until all tasks run.
 */
#include "engine/load.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/file.h"
#include "core/kind.h"
#include "core/options.h"
#include "core/restore.h"
#include "engine/clocks.h"
#include "engine/cow.h"
#include "engine/memory-restore.h"
#include "engine/older.h"
#include "engine/plan.h"
#include "engine/uncovered.h"
#include "image/dir.h"
#include "image/list.h"
#include "image/reader.h"
#include "images/pstree.pb-c.h"
#include "util/arena.h"
#include "util/log.h"

/* More threads or tasks than a kernel can number are no tree. */
#define MAX_THREADS (1 << 22)
#define MAX_SIGNAL 64

static int load_inventory(struct restore *r)
{
	int ret = image_read_inventory(r->images, &r->inventory);

	if (ret == -ENOENT)
		return log_errno(ret, "%s: no inventory.img: the dump is not complete",
				 r->images->path);
	if (ret < 0)
		return ret;
	ret = image_list_check(r->images, r->inventory, r->opts->allow_edited);
	if (ret < 0)
		return ret;
	if (!r->inventory->has_fdinfo_per_id || !r->inventory->fdinfo_per_id)
		return log_errno(-EINVAL, "inventory: not a full dump (fdinfo_per_id is not set)");
	if (!r->inventory->root_ids)
		return log_errno(-EINVAL, "inventory: no root_ids");
	if (r->inventory->has_tcp_close && r->inventory->tcp_close)
		return log_errno(-ENOTSUP, "inventory: dumped with tcp-close: not covered");
	return 0;
}

/* A required image of one task: a missing file is an error of its own. */
static int load_single(struct restore *r, enum image_type type, int key, void *message)
{
	int ret = image_read_single(r->images, type, key, message);

	if (ret == -ENOENT)
		return log_errno(ret, "pid %d: its %s image is missing", key,
				 image_desc(type)->symbol);
	return ret;
}

/* A zombie is made by ending as it ended: by exit, or by a signal that ends. */
static int check_zombie(const struct task *t)
{
	uint32_t status = task_core(t)->tc->exit_code;
	const char *comm = task_core(t)->tc->comm;
	int signo = status & 0x7f;

	if (strlen(comm) > 15)
		return log_errno(-EINVAL, "core-%d: a name of %zu bytes", t->pid, strlen(comm));
	if (status >> 16 || (signo && status >> 8) || status & 0x80 || signo == SIGSTOP ||
	    signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU || signo == SIGCHLD ||
	    signo == SIGCONT || signo == SIGURG || signo == SIGWINCH || signo > MAX_SIGNAL)
		return log_errno(-EINVAL, "core-%d: a zombie can't have the wait status %#x",
				 t->pid, status);
	return 0;
}

/* It ends by exit(), and somebody must run on. */
static int check_ended_leader(const struct task *t)
{
	if (!t->leader_ended)
		return 0;
	if (t->n_threads < 2)
		return log_errno(-EINVAL,
				 "core-%d: its leader has ended and it has no other thread",
				 t->pid);
	if (task_core(t)->tc->exit_code & ~0xff00u)
		return log_errno(-EINVAL, "core-%d: a leader can't have ended with the status %#x",
				 t->pid, task_core(t)->tc->exit_code);
	return 0;
}

static int check_exit_signal(const struct task *t)
{
	const TaskCoreEntry *tc = task_core(t)->tc;

	if (tc->has_exit_signal && tc->exit_signal > MAX_SIGNAL)
		return log_errno(-EINVAL, "core-%d: tells its parent of its end by signal %u",
				 t->pid, tc->exit_signal);
	return 0;
}

static int load_core(struct restore *r, struct task *t, size_t i)
{
	struct thread *th = &t->threads[i];
	CoreEntry *core;
	int ret = load_single(r, IMAGE_CORE, th->tid, &core);

	if (ret < 0)
		return ret;
	th->core = core;
	if (core->mtype != CORE_ENTRY__MARCH__X86_64)
		return log_errno(-ENOTSUP, "core-%d: machine type %d is not x86_64", th->tid,
				 core->mtype);
	if (!core->tc != (i > 0))
		return log_errno(-EINVAL, "core-%d: task part %s", th->tid,
				 core->tc ? "in a thread that is not the leader" : "is missing");
	if (!i) {
		t->state = core->tc->task_state;
		if (t->state != TASK_ALIVE && t->state != TASK_DEAD && t->state != TASK_STOPPED)
			return log_errno(-EINVAL, "core-%d: task state %u is unknown", th->tid,
					 core->tc->task_state);
	}
	if (t->state == TASK_DEAD)
		return check_zombie(t);
	if (!i)
		t->leader_ended = core->tc->has_leader_ended && core->tc->leader_ended;
	if (thread_runs(t, th) == !core->thread_info || !core->thread_core)
		return log_errno(-EINVAL, "core-%d: registers or thread state are missing, or "
				 "those of an ended leader are there", th->tid);
	return 0;
}

static int load_ids(struct restore *r, struct task *t)
{
	int ret = image_read_single(r->images, IMAGE_IDS, t->pid, (void *)&t->ids);

	if (ret != -ENOENT)
		return ret;
	/* Before ids-PID existed they stood in the core (spec/images.md, section 20). */
	t->ids = task_core(t)->ids;
	if (!t->ids)
		return log_errno(ret, "pid %d: its IDS image is missing", t->pid);
	return 0;
}

static int load_task(struct restore *r, struct task *t)
{
	int ret = load_core(r, t, 0);

	if (ret >= 0)
		ret = check_exit_signal(t);
	if (ret < 0)
		return ret;
	if (!task_is_live(t)) {
		t->n_threads = 1;
		return 0;
	}
	ret = check_ended_leader(t);
	if (ret < 0)
		return ret;
	for (size_t i = 1; i < t->n_threads; i++) {
		ret = load_core(r, t, i);
		if (ret < 0)
			return ret;
	}
	ret = load_ids(r, t);
	if (ret < 0)
		return ret;
	ret = load_single(r, IMAGE_MM, t->pid, &t->mm);
	if (ret < 0)
		return ret;
	ret = load_single(r, IMAGE_FS, t->pid, &t->fs);
	return ret < 0 ? ret : older_complete(r, t);
}

static int add_task(struct restore *r, const PstreeEntry *entry)
{
	struct task *t = arena_new_object(r->arena, struct task);

	t->restore = arena_new_object(r->arena, struct task_restore);
	t->restore->pidfd = t->restore->uffd = -1;
	t->pid = entry->pid;
	t->ppid = entry->ppid;
	t->pgid = entry->pgid;
	t->sid = entry->sid;
	if (entry->n_threads > MAX_THREADS)
		return log_errno(-EINVAL, "pstree: pid %d: %zu threads", t->pid,
				 entry->n_threads);
	t->n_threads = entry->n_threads ? entry->n_threads : 1;
	t->threads = arena_new_array(r->arena, struct thread, t->n_threads);
	for (size_t i = 1; i < t->n_threads; i++)
		t->threads[i].tid = entry->threads[i];
	/* A zombie's first thread id is 0 in images of CRIU's: the pid is what counts. */
	t->threads[0].tid = t->pid;
	TAILQ_INSERT_TAIL(&r->tasks, t, link);
	return load_task(r, t);
}

static int load_pstree(struct restore *r)
{
	struct image_reader *reader;
	ProtobufCMessage *msg;
	int ret;

	ret = image_reader_open(r->images, IMAGE_PSTREE, 0, &reader);
	if (ret == -ENOENT)
		return log_errno(ret, "pstree.img is missing");
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ret = add_task(r, (PstreeEntry *)msg);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret < 0)
			break;
	}
	image_reader_free(reader);
	return ret;
}

/* Inventory, pstree and, for each task, ids, core, mm and fs. */
int load_tree(struct restore *r)
{
	int ret = load_inventory(r);

	if (ret < 0)
		return ret;
	ret = load_pstree(r);
	if (ret < 0)
		return ret;
	ret = plan_tree(&r->tasks, r->opts->shell_job);
	if (ret < 0)
		return ret;
	return plan_births(&r->tasks, r->arena);
}

static int load_state(struct restore *r, struct task *t)
{
	for (const struct task_kind *const *k = r->kinds->tasks; *k; k++) {
		int ret = (*k)->check ? (*k)->check(r, t) : 0;

		if (ret < 0)
			return ret;
	}
	return memory_restore_load(r, t);
}

int load_rest(struct restore *r)
{
	struct task *t;
	int ret;

	ret = clocks_load(r);
	if (ret < 0)
		return ret;
	ret = uncovered_check(r);
	if (ret < 0)
		return ret;
	ret = restore_files_load(r);
	if (ret < 0)
		return ret;
	TAILQ_FOREACH(t, &r->tasks, link) {
		ret = task_is_live(t) ? load_state(r, t) : 0;
		if (ret < 0)
			return ret;
	}
	return cow_init(r);
}

int load_images(struct restore *r)
{
	int ret = load_tree(r);

	return ret < 0 ? ret : load_rest(r);
}

int load_page_crcs(struct restore *r)
{
	return image_list_check_page_crcs(r->images, r->inventory, r->opts->allow_edited);
}
