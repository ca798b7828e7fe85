/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which tasks share a kernel object: equality classes found with kcmp(2).
 *
 * kcmp orders objects as well as comparing them, so a class is found in
 * O(log n) calls; @key (the inode, say) settles most comparisons without one.
 */
#ifndef CRIU_LITE_CORE_KOBJ_H
#define CRIU_LITE_CORE_KOBJ_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;

struct kobj {
	RB_ENTRY(kobj) node;
	struct kobj_set *set;
	int pid;
	unsigned long index;		/* the descriptor, for KCMP_FILE */
	uint64_t key;
	uint32_t id;
	void *object;			/* the caller's */
};

struct kobj_set {
	RB_HEAD(kobj_tree, kobj) tree;
	int type;			/* KCMP_FILE, KCMP_VM, ... */
	uint32_t last_id;
	struct arena *arena;
	int err;			/* the first failure of kcmp */
};

void kobj_set_init(struct kobj_set *set, int type, struct arena *arena);
/*
 * The object that @pid has (at @index). A new one gets the next id and
 * sets *is_new. NULL when kcmp failed, with the error in set->err.
 */
struct kobj *kobj_find(struct kobj_set *set, int pid, unsigned long index, uint64_t key,
		       bool *is_new);

#endif
