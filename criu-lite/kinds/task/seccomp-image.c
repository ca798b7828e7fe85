// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains of seccomp filters, as seccomp.img and the core images have them.
 *
 * seccomp.img is a forest: each filter names the next older one. A thread
 * names its newest. The rest is convention:
 *
 *  - a filter of the leader's with the TSYNC flag is every other thread's too,
 *    as are those below it, unless the other thread names one of its own;
 *  - older writers have mode and filter of the whole task in the task's part of
 *    the core image.
 *
 * Whether a program is one is checked here, before any task runs: the kernel
 * would say so when the tree is nearly done.
 */
#include "kinds/task/seccomp-image.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "core/task.h"
#include "sys/seccomp_filter.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Those that a filter can be restored with; others come with a listener. */
#define FLAGS_KNOWN								\
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW)

/* What the kernel allows all filters of a thread together (MAX_INSNS_PER_PATH). */
#define CHAIN_INSNS_MAX 32768
/* It counts so many more for each but the newest. */
#define CHAIN_PENALTY 4

static int check_program(size_t i, const SeccompFilter *f)
{
	_cleanup_free_ struct sock_filter *insns = NULL;
	size_t len = f->filter.len, n = len / sizeof(*insns), bad;

	if (!len || len % sizeof(*insns) || n > SECCOMP_PROGRAM_MAX)
		return log_errno(-EINVAL, "seccomp.img: filter %zu has %zu bytes: not 1 to %d "
				 "instructions of 8", i, len, SECCOMP_PROGRAM_MAX);
	insns = malloc(len);
	if (!insns)
		return log_errno(-ENOMEM, "seccomp.img: cannot check filter %zu", i);
	memcpy(insns, f->filter.data, len);
	if (seccomp_program_check(insns, n, &bad) < 0)
		return log_errno(-EINVAL, "seccomp.img: filter %zu is no valid program: "
				 "instruction %zu", i, bad);
	return 0;
}

static int check_filter(const SeccompEntry *image, size_t i)
{
	const SeccompFilter *f = image->seccomp_filters[i];

	if (f->has_flags && f->flags & ~FLAGS_KNOWN)
		return log_errno(-ENOTSUP, "seccomp.img: filter %zu has flags %#x: listeners and "
				 "what is unknown are not covered", i, f->flags);
	if (f->has_prev && f->prev >= image->n_seccomp_filters)
		return log_errno(-EINVAL, "seccomp.img: filter %zu comes after filter %u, and "
				 "there are %zu", i, f->prev, image->n_seccomp_filters);
	return check_program(i, f);
}

static bool has_prev(const SeccompEntry *image, size_t i)
{
	return image->seccomp_filters[i]->has_prev;
}

/* Each walk marks where it has been, and ends where another one was. */
static int check_cycles(const SeccompEntry *image)
{
	size_t n = image->n_seccomp_filters;
	_cleanup_free_ size_t *walk = calloc(n + 1, sizeof(*walk));

	if (!walk)
		return log_errno(-ENOMEM, "seccomp.img: cannot check its chains");
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		while (!walk[at]) {
			walk[at] = i + 1;
			if (!has_prev(image, at))
				break;
			at = image->seccomp_filters[at]->prev;
			if (walk[at] == i + 1)
				return log_errno(-EINVAL, "seccomp.img: filter %zu comes after "
						 "itself", at);
		}
	}
	return 0;
}

int seccomp_image_check(const SeccompEntry *image)
{
	for (size_t i = 0; i < image->n_seccomp_filters; i++) {
		int r = check_filter(image, i);

		if (r < 0)
			return r;
	}
	return check_cycles(image);
}

/* The chain that ends in filter @newest. */
static int walk_chain(struct arena *arena, const SeccompEntry *image, int tid, uint32_t newest,
		      struct seccomp_chain *chain)
{
	size_t n = 0, insns = 0, i;

	if (newest >= image->n_seccomp_filters)
		return log_errno(-EINVAL, "core-%d: its seccomp filter is number %u, and there are "
				 "%zu", tid, newest, image->n_seccomp_filters);
	for (size_t at = newest;; at = image->seccomp_filters[at]->prev) {
		insns += image->seccomp_filters[at]->filter.len / sizeof(struct sock_filter);
		insns += n++ ? CHAIN_PENALTY : 0;
		if (!has_prev(image, at))
			break;
	}
	if (insns > CHAIN_INSNS_MAX)
		return log_errno(-EINVAL, "core-%d: its %zu seccomp filters are too long: %zu "
				 "instructions", tid, n, insns);
	*chain = (struct seccomp_chain){
		.mode = SECCOMP_MODE__filter,
		.filters = arena_new_array(arena, uint32_t, n),
		.n = n,
	};
	i = newest;
	while (n--) {
		chain->filters[n] = i;
		i = image->seccomp_filters[i]->prev;
	}
	return 0;
}

/* The filters that the leader passes on to threads that name none. */
static void follow_leader(const SeccompEntry *image, const struct seccomp_chain *leader,
			  struct seccomp_chain *chain)
{
	size_t n = leader->n;

	while (n && !(image->seccomp_filters[leader->filters[n - 1]]->flags &
		      SECCOMP_FILTER_FLAG_TSYNC))
		n--;
	if (n)
		*chain = (struct seccomp_chain){ SECCOMP_MODE__filter, leader->filters, n };
}

int seccomp_chain_find(struct arena *arena, const SeccompEntry *image, const struct task *t,
		       size_t i, const struct seccomp_chain *leader, struct seccomp_chain *chain)
{
	const ThreadCoreEntry *own = t->threads[i].core->thread_core;
	const TaskCoreEntry *tc = task_core(t)->tc;
	bool old = tc->has_old_seccomp_mode && !task_core(t)->thread_core->has_seccomp_mode;
	bool names = own->has_seccomp_mode && own->seccomp_mode != SECCOMP_MODE__disabled;
	SeccompMode mode = SECCOMP_MODE__disabled;
	int tid = t->threads[i].tid;

	if (names || old)
		mode = names ? own->seccomp_mode : tc->old_seccomp_mode;
	*chain = (struct seccomp_chain){ .mode = mode };
	if (mode != SECCOMP_MODE__filter) {
		if (leader && mode == SECCOMP_MODE__disabled)
			follow_leader(image, leader, chain);
		return 0;
	}
	if (names ? !own->has_seccomp_filter : !tc->has_old_seccomp_filter)
		return log_errno(-EINVAL, "core-%d: it is under seccomp, and names no filter", tid);
	return walk_chain(arena, image, tid, names ? own->seccomp_filter : tc->old_seccomp_filter,
			  chain);
}

static bool same_filter(const SeccompFilter *a, const SeccompFilter *b)
{
	return a == b || (a->filter.len == b->filter.len &&
			  !((a->flags ^ b->flags) & ~SECCOMP_FILTER_FLAG_TSYNC) &&
			  !memcmp(a->filter.data, b->filter.data, a->filter.len));
}

size_t seccomp_chain_common(const SeccompEntry *image, const struct seccomp_chain *a,
			    const struct seccomp_chain *b)
{
	size_t n = MIN(a->n, b->n), i = 0;

	while (i < n && same_filter(image->seccomp_filters[a->filters[i]],
				    image->seccomp_filters[b->filters[i]]))
		i++;
	return i;
}
