/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growing arrays: a pointer, a count and a capacity kept by the owner.
 *
 *	struct vma *vmas; size_t n_vmas, cap_vmas;
 *	struct vma *v = array_push(&vmas, &n_vmas, &cap_vmas);
 *
 * The new element is zeroed. NULL when memory ran out; the array is unchanged.
 */
#ifndef CRIU_LITE_UTIL_ARRAY_H
#define CRIU_LITE_UTIL_ARRAY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool array_reserve_(void **items, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 8;
	void *bigger;

	if (need <= *cap)
		return true;
	while (want < need)
		want *= 2;
	bigger = reallocarray(*items, want, size);
	if (!bigger)
		return false;
	*items = bigger;
	*cap = want;
	return true;
}

#define array_push(items, n, cap) ({						\
	__typeof__(*(items)) slot_ = NULL;					\
	if (array_reserve_((void **)(items), (cap), *(n) + 1, sizeof(**(items)))) {	\
		slot_ = *(items) + (*(n))++;					\
		memset(slot_, 0, sizeof(*slot_));				\
	}									\
	slot_; })

#endif
