/* SPDX-License-Identifier: GPL-2.0-only */
/* Doubly linked lists through a head. */
#pragma once

#include <linux/types.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l->prev = l;
}

static inline void list_link_between(struct list_head *l, struct list_head *prev,
				     struct list_head *next)
{
	l->prev = prev;
	l->next = next;
	prev->next = l;
	next->prev = l;
}

static inline void list_add(struct list_head *l, struct list_head *head)
{
	list_link_between(l, head, head->next);
}

static inline void list_add_tail(struct list_head *l, struct list_head *head)
{
	list_link_between(l, head->prev, head);
}

/* As poisoned as the kernel's: to use it again is a crash. */
static inline void list_del(struct list_head *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = (struct list_head *)0x100;
}

static inline void list_del_init(struct list_head *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	INIT_LIST_HEAD(l);
}

static inline bool list_empty(const struct list_head *l)
{
	return l->next == l;
}

static inline void list_move_tail(struct list_head *l, struct list_head *head)
{
	list_del(l);
	list_add_tail(l, head);
}

static inline void list_move(struct list_head *l, struct list_head *head)
{
	list_del(l);
	list_add(l, head);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_for_each_entry(pos, head, member) \
	for (pos = list_first_entry(head, __typeof__(*pos), member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, n, head, member) \
	for (pos = list_first_entry(head, __typeof__(*pos), member), \
	     n = list_entry(pos->member.next, __typeof__(*pos), member); \
	     &pos->member != (head); \
	     pos = n, n = list_entry(n->member.next, __typeof__(*n), member))
