// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of a task in files of its own, as older images have it.
 *
 * Signal handlers, queued signals, timers, limits, credentials and mappings had
 * an image each before core and mm took them in. Where the newer place is empty
 * the older file is read, and its entries hung up in the newer place: checks and
 * everything after them see one layout only.
 *
 *	sigacts-PID	task_core_entry.sigactions
 *	itimers-PID	task_core_entry.timers: real, virtual, profiling
 *	posix-timers-PID			and the rest
 *	rlimit-PID	task_core_entry.rlimits
 *	signal-s-PID	task_core_entry.signals_s
 *	signal-p-TID	thread_core_entry.signals_p
 *	creds-PID	thread_core_entry.creds, of all threads
 *	vmas-PID	mm_entry.vmas
 */
#include "engine/older.h"

#include <errno.h>

#include "core/restore.h"
#include "image/reader.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* All entries of a file; 0 of one that is not there. Messages live on: see engine/load.c. */
static int read_entries(struct restore *r, enum image_type type, int key,
			ProtobufCMessage ***entries, size_t *n)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	_cleanup_free_ ProtobufCMessage **list = NULL;
	ProtobufCMessage *msg;
	size_t n_list = 0, cap = 0;
	int ret = image_reader_open(r->images, type, key, &reader);

	*entries = NULL;
	*n = 0;
	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ProtobufCMessage **slot = array_push(&list, &n_list, &cap);

		if (!slot) {
			image_message_free(msg);
			return log_errno(-ENOMEM, "%s of %d: cannot keep %zu entries",
					 image_desc(type)->symbol, key, n_list);
		}
		*slot = msg;
	}
	if (ret < 0)
		return ret;
	*entries = arena_memdup(r->arena, list, n_list * sizeof(*list));
	*n = n_list;
	return 0;
}

static int complete_sigactions(struct restore *r, struct task *t)
{
	TaskCoreEntry *tc = task_core(t)->tc;

	if (tc->n_sigactions)
		return 0;
	return read_entries(r, IMAGE_SIGACT, t->pid, (ProtobufCMessage ***)&tc->sigactions,
			    &tc->n_sigactions);
}

static int complete_timers(struct restore *r, struct task *t)
{
	TaskCoreEntry *tc = task_core(t)->tc;
	TaskTimersEntry *timers;
	ProtobufCMessage **itimers;
	size_t n;
	int ret;

	if (tc->timers)
		return 0;
	ret = read_entries(r, IMAGE_ITIMERS, t->pid, &itimers, &n);
	if (ret < 0 || !n)
		return ret;
	if (n != 3)
		return log_errno(-EINVAL, "itimers-%d: %zu timers instead of three", t->pid, n);
	timers = arena_message(r->arena, TaskTimersEntry, task_timers_entry__init);
	timers->real = (ItimerEntry *)itimers[0];
	timers->virt = (ItimerEntry *)itimers[1];
	timers->prof = (ItimerEntry *)itimers[2];
	ret = read_entries(r, IMAGE_POSIX_TIMERS, t->pid, (ProtobufCMessage ***)&timers->posix,
			   &timers->n_posix);
	tc->timers = timers;
	return ret;
}

static int complete_rlimits(struct restore *r, struct task *t)
{
	TaskCoreEntry *tc = task_core(t)->tc;
	TaskRlimitsEntry *limits;
	int ret;

	if (tc->rlimits)
		return 0;
	limits = arena_message(r->arena, TaskRlimitsEntry, task_rlimits_entry__init);
	ret = read_entries(r, IMAGE_RLIMIT, t->pid, (ProtobufCMessage ***)&limits->rlimits,
			   &limits->n_rlimits);
	if (limits->n_rlimits)
		tc->rlimits = limits;
	return ret;
}

static int complete_queue(struct restore *r, enum image_type type, int key,
			  SignalQueueEntry **queue)
{
	SignalQueueEntry *q;
	int ret;

	if (*queue)
		return 0;
	q = arena_message(r->arena, SignalQueueEntry, signal_queue_entry__init);
	ret = read_entries(r, type, key, (ProtobufCMessage ***)&q->signals, &q->n_signals);
	if (q->n_signals)
		*queue = q;
	return ret;
}

static int complete_queues(struct restore *r, struct task *t)
{
	int ret = complete_queue(r, IMAGE_SIGNAL, t->pid, &task_core(t)->tc->signals_s);

	for (size_t i = 0; ret >= 0 && i < t->n_threads; i++)
		ret = complete_queue(r, IMAGE_PSIGNAL, t->threads[i].tid,
				     &t->threads[i].core->thread_core->signals_p);
	return ret;
}

/* Older than threads with credentials of their own. */
static int complete_creds(struct restore *r, struct task *t)
{
	ProtobufCMessage **creds;
	size_t n;
	int ret;

	if (task_core(t)->thread_core->creds)
		return 0;
	ret = read_entries(r, IMAGE_CREDS, t->pid, &creds, &n);
	if (ret < 0 || !n)
		return ret;
	if (n != 1)
		return log_errno(-EINVAL, "creds-%d: %zu entries instead of one", t->pid, n);
	for (size_t i = 0; i < t->n_threads; i++)
		if (!t->threads[i].core->thread_core->creds)
			t->threads[i].core->thread_core->creds = (CredsEntry *)creds[0];
	return 0;
}

static int complete_vmas(struct restore *r, struct task *t)
{
	if (t->mm->n_vmas)
		return 0;
	return read_entries(r, IMAGE_VMAS, t->pid, (ProtobufCMessage ***)&t->mm->vmas,
			    &t->mm->n_vmas);
}

int older_complete(struct restore *r, struct task *t)
{
	static int (*const part_table[])(struct restore *r, struct task *t) = {
		complete_creds,
		complete_queues,
		complete_rlimits,
		complete_sigactions,
		complete_timers,
		complete_vmas,
	};

	for (size_t i = 0; i < ARRAY_SIZE(part_table); i++) {
		int ret = part_table[i](r, t);

		if (ret < 0)
			return ret;
	}
	return 0;
}
