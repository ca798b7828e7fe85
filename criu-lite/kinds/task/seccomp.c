// SPDX-License-Identifier: GPL-2.0-only
/*
 * seccomp(2), which each thread is under by itself: strict mode, or filters.
 *
 * A thread has a chain of filters; the one that was installed last is asked
 * first, and the strictest answer wins. Threads and children inherit the chain
 * and share it. Whether two threads share their filters or have equal ones
 * shows in one place: the kernel synchronizes threads (SECCOMP_FILTER_FLAG_TSYNC)
 * only where they share. No one can tell from outside, so equal filters of one
 * task are taken for shared, as they are in practice; what all threads have in
 * common is shared again. What only some of them have in common beyond that
 * each gets for itself, and so do the threads whose leader has ended.
 *
 * Saved are the programs as they were given to the kernel, and the LOG flag
 * (kinds/task/seccomp-image.c says how). They are installed as the last step of
 * all (pie/restorer_seccomp.c), with the privileges of the restorer, so that
 * no_new_privs is what it was.
 *
 * Refused at dump: a filter that asks a supervisor (SECCOMP_RET_USER_NOTIF), for
 * its listener belongs to whoever that is; strict mode and filters that don't
 * let a dump look at the task without risk (inject/seccomp.c).
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "image/reader.h"
#include "inject/abi/restorer.h"
#include "inject/seccomp.h"
#include "kinds/task/kinds.h"
#include "kinds/task/seccomp-image.h"
#include "sys/features.h"
#include "sys/proc_status.h"
#include "sys/seccomp_filter.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* What restorer_alloc() may add to each piece. */
#define ALLOC_ROOM 16

/* A leader that has ended makes no system calls. */
static bool is_filtered(const struct task *t, const struct thread *th)
{
	return thread_runs(t, th) && th->dump->status->seccomp == SECCOMP_MODE_FILTER;
}

/* What it asks its supervisor, nobody would answer. */
static int check_listener(const struct task *t, const struct thread *th)
{
	_cleanup_(tracee_filters_fini) struct tracee_filters filters = {};
	int r = tracee_filters_read(th->dump->tracee, &filters);

	for (size_t i = 0; r >= 0 && i < filters.n; i++)
		if (seccomp_program_returns(filters.items[i].insns, filters.items[i].n_insns,
					    SECCOMP_RET_USER_NOTIF))
			return log_errno(-ENOTSUP, "pid %d: seccomp filter %zu of thread %d asks a "
					 "supervisor (SECCOMP_RET_USER_NOTIF): not covered", t->pid,
					 i, th->tid);
	return r;
}

static int seccomp_admit(struct dump *d, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct thread *th = &t->threads[i];
		int r = is_filtered(t, th) ? check_listener(t, th) : 0;

		/* The first that runs is the parasite's host. */
		if (r >= 0 && thread_runs(t, th))
			r = tracee_admit(th->dump->tracee, th == task_runner(t));
		if (r < 0)
			return r;
	}
	return 0;
}

static bool same_filter(const struct tracee_filter *a, const struct tracee_filter *b)
{
	return a->n_insns == b->n_insns && a->flags == b->flags &&
	       !memcmp(a->insns, b->insns, a->n_insns * sizeof(*a->insns));
}

static bool same_filters(const struct tracee_filters *a, const struct tracee_filters *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_filter(&a->items[i], &b->items[i]))
			return false;
	return true;
}

/* The entry of @f behind entry @prev (-1: none). Returns its index, or -errno. */
static int save_filter(struct dump *d, const struct tracee_filter *f, int prev, uint32_t flags)
{
	size_t len = f->n_insns * sizeof(*f->insns);
	SeccompFilter **slot, *e;

	for (size_t i = 0; i < d->n_filters; i++) {
		e = d->filters[i];
		if ((e->has_prev ? (int)e->prev : -1) == prev && e->flags == (f->flags | flags) &&
		    e->filter.len == len && !memcmp(e->filter.data, f->insns, len))
			return i;
	}
	slot = array_push(&d->filters, &d->n_filters, &d->cap_filters);
	if (!slot)
		return log_errno(-ENOMEM, "seccomp filters: cannot keep %zu", d->n_filters);
	*slot = e = arena_message(d->arena, SeccompFilter, seccomp_filter__init);
	e->filter.data = arena_memdup(d->arena, f->insns, len);
	e->filter.len = len;
	e->has_prev = prev >= 0;
	e->prev = e->has_prev ? prev : 0;
	e->flags = f->flags | flags;
	e->has_flags = e->flags;
	return d->n_filters - 1;
}

static int save_thread(struct dump *d, struct thread *th, const struct tracee_filters *filters,
		       uint32_t flags)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	int id = -1;

	for (size_t i = 0; i < filters->n; i++) {
		id = save_filter(d, &filters->items[i], id, flags);
		if (id < 0)
			return id;
	}
	if (id < 0)
		return 0;
	tc->has_seccomp_mode = true;
	tc->seccomp_mode = SECCOMP_MODE__filter;
	tc->has_seccomp_filter = true;
	tc->seccomp_filter = id;
	return 0;
}

/* Where all threads have the same, the leader's says so and the others say nothing. */
static int save_all(struct dump *d, struct task *t, const struct tracee_filters *filters)
{
	bool same = t->n_threads > 1 && !t->leader_ended;
	int r = 0;

	for (size_t i = 1; i < t->n_threads; i++)
		same = same && same_filters(&filters[0], &filters[i]);
	if (same)
		return save_thread(d, &t->threads[0], &filters[0], SECCOMP_FILTER_FLAG_TSYNC);
	for (size_t i = 0; r >= 0 && i < t->n_threads; i++)
		r = save_thread(d, &t->threads[i], &filters[i], 0);
	return r;
}

static int seccomp_dump_task(struct dump *d, struct task *t)
{
	struct tracee_filters *filters;
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < t->n_threads; i++)
		any |= is_filtered(t, &t->threads[i]);
	if (!any)
		return 0;
	filters = calloc(t->n_threads, sizeof(*filters));
	if (!filters)
		return log_errno(-ENOMEM, "pid %d: cannot read its seccomp filters", t->pid);
	for (size_t i = 0; r >= 0 && i < t->n_threads; i++)
		if (is_filtered(t, &t->threads[i]))
			r = tracee_filters_read(t->threads[i].dump->tracee, &filters[i]);
	if (r >= 0)
		r = save_all(d, t, filters);
	for (size_t i = 0; i < t->n_threads; i++)
		tracee_filters_fini(&filters[i]);
	free(filters);
	return r;
}

/* What a restore makes of the images of a task. */
struct task_seccomp {
	struct seccomp_chain *threads;
	size_t n_common;		/* filters that all threads have */
};

static int load_image(struct restore *r)
{
	static const SeccompEntry none = SECCOMP_ENTRY__INIT;
	ProtobufCMessage *msg;
	int ret;

	if (r->filters)
		return 0;
	ret = image_read_single(r->images, IMAGE_SECCOMP, 0, &msg);
	if (ret == -ENOENT) {
		r->filters = &none;
		return 0;
	}
	if (ret < 0)
		return ret;
	ret = seccomp_image_check((const SeccompEntry *)msg);
	if (ret < 0) {
		image_message_free(msg);
		return ret;
	}
	r->filters = (const SeccompEntry *)msg;
	return 0;
}

/* What it takes to install filters and to suspend them. */
static int check_own_rights(const struct restore *r, const struct task *t)
{
	_cleanup_(proc_status_fini) struct proc_status own = {};
	int ret;

	if (!r->features->seccomp_filters)
		return log_errno(-ENOTSUP, "core-%d: it is under seccomp: this kernel can't "
				 "suspend that while a task is restored", t->pid);
	ret = proc_status_read(getpid(), 0, &own);
	if (ret < 0)
		return log_errno(ret, "cannot read our own credentials");
	if (own.seccomp != SECCOMP_MODE_DISABLED || !(own.cap_eff >> CAP_SYS_ADMIN & 1))
		return log_errno(-EPERM, "core-%d: it is under seccomp: to restore that takes "
				 "CAP_SYS_ADMIN and being under no seccomp ourselves", t->pid);
	return 0;
}

static uint64_t filters_room(const struct restore *r, const uint32_t *filters, size_t n)
{
	uint64_t room = n * sizeof(struct restorer_filter) + ALLOC_ROOM;

	for (size_t i = 0; i < n; i++)
		room += r->filters->seccomp_filters[filters[i]]->filter.len + ALLOC_ROOM;
	return room;
}

static int find_chains(struct restore *r, struct task *t, struct task_seccomp *s, bool *any)
{
	s->threads = arena_new_array(r->arena, struct seccomp_chain, t->n_threads);
	*any = false;
	/* A leader that is to end must not get what might be against its exit(2). */
	for (size_t i = t->leader_ended; i < t->n_threads; i++) {
		int ret = seccomp_chain_find(r->arena, r->filters, t, i, i ? s->threads : NULL,
					     &s->threads[i]);

		if (ret < 0)
			return ret;
		*any |= s->threads[i].mode != SECCOMP_MODE__disabled;
	}
	s->n_common = s->threads[0].n;
	for (size_t i = 1; i < t->n_threads; i++)
		s->n_common = MIN(s->n_common, seccomp_chain_common(r->filters, &s->threads[0],
								    &s->threads[i]));
	return 0;
}

static int seccomp_check(struct restore *r, struct task *t)
{
	struct task_seccomp *s = arena_new_object(r->arena, struct task_seccomp);
	bool any;
	int ret = load_image(r);

	if (ret >= 0)
		ret = find_chains(r, t, s, &any);
	if (ret < 0 || !any)
		return ret;
	t->restore->seccomp = s;
	t->restore->kinds_room += filters_room(r, s->threads[0].filters, s->n_common);
	for (size_t i = 0; i < t->n_threads; i++)
		t->restore->kinds_room += filters_room(r, s->threads[i].filters + s->n_common,
						       s->threads[i].n - s->n_common);
	return check_own_rights(r, t);
}

/* NULL: the area is full. */
static struct restorer_filter *plan_filters(struct restore *r, struct restorer_args *args,
					    const uint32_t *indices, size_t n)
{
	struct restorer_filter *list = restorer_alloc(args, n * sizeof(*list));

	for (size_t i = 0; list && i < n; i++) {
		const SeccompFilter *f = r->filters->seccomp_filters[indices[i]];

		list[i].program.insns = restorer_alloc(args, f->filter.len);
		if (!list[i].program.insns)
			return NULL;
		memcpy(list[i].program.insns, f->filter.data, f->filter.len);
		list[i].program.len = f->filter.len / sizeof(struct sock_filter);
		list[i].flags = f->flags & ~SECCOMP_FILTER_FLAG_TSYNC;
	}
	return list;
}

static int seccomp_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	const struct task_seccomp *s = t->restore->seccomp;

	if (!s)
		return 0;
	args->seccomp = 1;
	args->n_filters = s->n_common;
	args->filters = plan_filters(r, args, s->threads[0].filters, s->n_common);
	return args->filters ? 0 : -ENOMEM;
}

static int seccomp_plan_thread(struct restore *r, struct task *t, struct thread *th,
			       struct restorer_thread *args)
{
	const struct task_seccomp *s = t->restore->seccomp;
	const struct seccomp_chain *chain;

	if (!s)
		return 0;
	chain = &s->threads[th - t->threads];
	args->seccomp_strict = chain->mode == SECCOMP_MODE__strict;
	args->n_filters = chain->n - s->n_common;
	args->filters = plan_filters(r, args->args, chain->filters + s->n_common,
				     args->n_filters);
	return args->filters ? 0 : -ENOMEM;
}

const struct task_kind task_seccomp_kind = {
	.name = "seccomp",
	.test = "task/seccomp-filter",
	.admit = seccomp_admit,
	.dump_task = seccomp_dump_task,
	.check = seccomp_check,
	.plan = seccomp_plan,
	.plan_thread = seccomp_plan_thread,
};
