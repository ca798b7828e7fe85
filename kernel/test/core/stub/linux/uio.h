/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reader's memory: good up to a point, and maybe absent until it is faulted
 * in, which must not be tried where page faults are disabled.
 */
#pragma once

#include <linux/sched.h>
#include <linux/types.h>

struct iov_iter {
	char *base;
	size_t done, count;
	size_t good;	/* bytes from base on that can be written; the rest is bad */
	size_t present;	/* bytes from base on that are there now */
	bool volatile_memory;	/* goes away after each fault in, once */
};

static inline size_t iov_iter_count(const struct iov_iter *i)
{
	return i->count;
}

size_t copy_to_iter(const void *from, size_t bytes, struct iov_iter *to);
void iov_iter_revert(struct iov_iter *to, size_t bytes);
size_t fault_in_iov_iter_writeable(const struct iov_iter *to, size_t bytes);
void pagefault_disable(void);
void pagefault_enable(void);
