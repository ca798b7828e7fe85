/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tasks did to their memory, in the order in which they did it.
 *
 * Who changes the mappings of an address space holds its mmap_lock for writing, and the
 * kernel has a tracepoint where that is taken. So the hits of it, by their time, are the
 * changes in their true order, each with who made it and the arguments of the system call:
 * what a userfaultfd's events do not tell (place.h). Further tracepoints are hit while the
 * lock is held:
 *
 *	mmap_lock of mm A by T			a change of A begins
 *	    vm_unmapped_area by T		the kernel finds a place for something new
 *	    mmap_lock of mm B by T		T forks: B is the memory of its child
 *	mmap_lock of mm A by U			the next change of A: that of T is over
 *
 * An mm is the kernel's address of it: it says which is which, and nothing else.
 */
#ifndef LAZY_PAGES_HISTORY_H
#define LAZY_PAGES_HISTORY_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/tracepoint.h"

/* What is listened to: tracepoint_hit.which. */
enum { HISTORY_LOCK, HISTORY_ROOM, HISTORY_N_POINTS };

struct change {
	uint64_t time_ns;		/* as that of struct moment */
	pid_t tid;
	uint64_t args[TRACEPOINT_ARGS];	/* of the system call that made it */
	uint64_t room;			/* where the kernel found some; 0: was not asked to */
	uint64_t child;			/* the mm of who was forked; 0: nobody was */
};

/* Of one address space. */
struct history {
	TAILQ_ENTRY(history) link;
	uint64_t mm;
	bool claimed;			/* somebody reads it; a child's is there before that */
	uint64_t over_ns;		/* what happened before is forgotten */
	unsigned int losses;		/* of histories.losses, those that are forgotten */
	struct change *changes;		/* by time */
	size_t n_changes, cap_changes;
};

TAILQ_HEAD(history_list, history);

/* A point in time. */
struct moment {
	uint64_t time_ns;		/* by the clock of tracepoints; 0: it can't be told */
	unsigned int losses;		/* up to then */
};

/* All that is followed. */
struct histories {
	bool on;
	pid_t self;			/* who takes locks and changes nothing */
	uint64_t own_mm;
	unsigned int losses;		/* how often hits were lost */
	struct moment last;		/* that histories_now() was asked for */
	struct tracepoints tracepoints;
	struct history_list list;
	struct tracepoint_hit *fresh;	/* not brought into any yet: history.c */
	size_t n_fresh, cap_fresh;
};

/*
 * Begins to follow what happens on this machine. 0, or -errno, with h->on false: the kernel does
 * not tell, or not us. Nothing is logged.
 */
int histories_open(struct histories *h);
void histories_close(struct histories *h);

/* The mm that @uffd belongs to; 0: it is gone, or the kernel did not tell. */
uint64_t histories_find_mm(struct histories *h, int uffd);
/*
 * The history of @mm: from now on, or since it was forked, if that is not forgotten yet. It
 * is the caller's until history_drop(). 0, -EBUSY: it is somebody else's, or -ENOMEM.
 */
int history_claim(struct histories *h, uint64_t mm, struct history **history);
void history_drop(struct histories *h, struct history *history);

/* Takes a system call, and a look at each ring: some microseconds. */
struct moment histories_now(struct histories *h);
/* Brings in what has happened up to now, which is *@now. 0 or -ENOMEM. */
int histories_read(struct histories *h, struct moment *now);
/*
 * The two halves of it: a hit has been read, in whatever order; and of those that were,
 * everything before @time_ns has been.
 */
int histories_note(struct histories *h, const struct tracepoint_hit *hit);
int histories_bring_in(struct histories *h, uint64_t time_ns);
/* Whether nothing is missing of what is not forgotten. */
static inline bool history_is_whole(const struct histories *h, const struct history *history)
{
	return history->losses == h->losses;
}

/* Whether all of it is there, and was done by one thread. */
bool history_is_of_one(const struct histories *h, const struct history *history);
/* What happened before @when is over, and no more of interest. */
void history_forget(struct histories *h, struct history *history, struct moment when);

#endif
