/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filling: the only place that puts pages into a task.
 *
 * A fill answers for a run of pages at the start of what it was asked for; the
 * caller applies the outcome to its map and asks again for the rest.
 */
#ifndef LAZY_PAGES_FILL_H
#define LAZY_PAGES_FILL_H

#include <stdbool.h>
#include <stdint.h>

enum fill_outcome {
	FILL_FILLED,			/* the pages are there now, who waited was woken */
	FILL_PRESENT,			/* the page was there before: wake who waits for it */
	FILL_ABSENT,			/* no armed memory there, and no event says why */
	FILL_AGAIN,			/* an event is outstanding: read it, decide again */
	FILL_LARGER,			/* the memory there is made of larger pages */
	FILL_NO_MEMORY,			/* try again later */
	FILL_GONE,			/* the address space is no more */
};

const char *fill_outcome_str(enum fill_outcome outcome);

/* The ioctls, as sys/uffd.h has them; tests put others in their place. */
struct fill_ops {
	int (*copy)(int uffd, uint64_t dst, const void *src, uint64_t len, uint64_t mode,
		    uint64_t *done);
	int (*zeropage)(int uffd, uint64_t dst, uint64_t len, uint64_t mode, uint64_t *done);
	int (*wake)(int uffd, uint64_t start, uint64_t len);
};

extern const struct fill_ops fill_uffd_ops;

/*
 * Copies from @src, or maps zero pages when @src is NULL: there are no huge ones.
 * @dst and @len are aligned to @page, the size of the pages there, @len not 0.
 * Sets *outcome, and *done: to how many bytes from @dst it applies, 0 for AGAIN,
 * LARGER, NO_MEMORY and GONE. Returns 0, or -errno (logged) when no page can come
 * that way.
 */
int fill_range(const struct fill_ops *ops, int uffd, uint64_t dst, const void *src,
	       uint64_t len, uint64_t page, enum fill_outcome *outcome, uint64_t *done);

/* Wakes who waits for [start, start + len): they look again. 0 or -errno, logged. */
int fill_wake(const struct fill_ops *ops, int uffd, uint64_t start, uint64_t len);

/*
 * Whether events are outstanding, anywhere in the address space: FILL_AGAIN;
 * FILL_ABSENT when there are none; or FILL_GONE. 0 or -errno, logged.
 */
int fill_probe(int uffd, enum fill_outcome *outcome);

/*
 * Takes the lock of the memory that @uffd belongs to (mmap_lock, for writing) and lets go of
 * it, with nothing changed: for who watches that lock. Fails, unheard, where it is gone.
 */
void fill_take_lock(int uffd);

#endif
