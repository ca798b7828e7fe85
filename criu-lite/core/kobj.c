// SPDX-License-Identifier: GPL-2.0-only
/* Equality classes of kernel objects. */
#include "core/kobj.h"

#include <errno.h>

#include "sys/syscall.h"
#include "util/arena.h"
#include "util/log.h"

/* A failure of kcmp can't pass through the tree: it is kept in the set. */
static int compare(struct kobj *a, struct kobj *b)
{
	struct kobj_set *set = a->set;
	int r;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	r = sys_kcmp(a->pid, b->pid, set->type, a->index, b->index);
	switch (r) {
	case 0:
		return 0;
	case 1:
		return -1;
	case 2:
		return 1;
	}
	/* 3: different, and the kernel can't order them: never for these types. */
	if (!set->err)
		set->err = log_errno(r < 0 ? r : -EPROTO, "kcmp: cannot compare pid %d and pid %d",
				     a->pid, b->pid);
	return 0;
}

/* The _STATIC forms need a macro, __unused, that glibc's headers lack. */
RB_PROTOTYPE_INTERNAL(kobj_tree, kobj, node, compare, __attribute__((unused)) static);
RB_GENERATE_INTERNAL(kobj_tree, kobj, node, compare, __attribute__((unused)) static)

void kobj_set_init(struct kobj_set *set, int type, struct arena *arena)
{
	RB_INIT(&set->tree);
	set->type = type;
	set->last_id = 0;
	set->arena = arena;
	set->err = 0;
}

struct kobj *kobj_find(struct kobj_set *set, int pid, unsigned long index, uint64_t key,
		       bool *is_new)
{
	struct kobj probe = { .set = set, .pid = pid, .index = index, .key = key };
	struct kobj *obj = RB_FIND(kobj_tree, &set->tree, &probe);

	*is_new = false;
	if (set->err)
		return NULL;
	if (obj)
		return obj;
	obj = arena_memdup(set->arena, &probe, sizeof(probe));
	obj->id = ++set->last_id;
	RB_INSERT(kobj_tree, &set->tree, obj);
	if (set->err)
		return NULL;
	*is_new = true;
	return obj;
}
