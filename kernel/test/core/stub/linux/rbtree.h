/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of the red-black trees over a plain binary tree: the order is the
 * same, and nobody here asks how deep it gets. The root is written atomically,
 * for it is looked at without a lock.
 */
#pragma once

#include <linux/types.h>

struct rb_node {
	struct rb_node *parent, *rb_left, *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
};

#define RB_ROOT ((struct rb_root){ NULL })
#define RB_ROOT_CACHED ((struct rb_root_cached){ { NULL } })
#define RB_EMPTY_ROOT(root) (READ_ONCE((root)->rb_node) == NULL)
#define RB_CLEAR_NODE(n) ((n)->parent = (n))
#define RB_EMPTY_NODE(n) ((n)->parent == (n))
#define rb_entry(ptr, type, member) container_of(ptr, type, member)

struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_first(const struct rb_root *root);
#define rb_first_cached(root) rb_first(&(root)->rb_root)
void rb_add(struct rb_node *node, struct rb_root *root,
	    bool (*less)(struct rb_node *, const struct rb_node *));
void rb_erase(struct rb_node *node, struct rb_root *root);

static inline void rb_add_cached(struct rb_node *node, struct rb_root_cached *root,
				 bool (*less)(struct rb_node *, const struct rb_node *))
{
	rb_add(node, &root->rb_root, less);
}

static inline void rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
	rb_erase(node, &root->rb_root);
}
