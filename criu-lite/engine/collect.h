/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree of a dump: freezing it, reading it, letting it go. */
#ifndef CRIU_LITE_ENGINE_COLLECT_H
#define CRIU_LITE_ENGINE_COLLECT_H

struct dump;

/* All return 0 or -errno, logged. */

/*
 * Finds and seizes every thread of every task below opts->pid. On failure
 * some are seized: collect_thaw() lets them go.
 */
int collect_tree(struct dump *d);
/* Reads what /proc tells of the frozen tasks, and opens their files. */
int collect_facts(struct dump *d);
/* Finds what tasks share; sets their ids, and d->own_ids. */
int collect_ids(struct dump *d);
/* Puts a parasite into each live task and asks it what only the task can tell. */
int collect_parasites(struct dump *d);

/* Parasites leave; the tasks stand still as before. */
int collect_cure(struct dump *d);

enum collect_end {
	COLLECT_END_RUN,
	COLLECT_END_STOP,
	COLLECT_END_KILL,
};

/* Parasites leave, and the tasks run on, stay stopped, or are killed. */
int collect_thaw(struct dump *d, enum collect_end end);

#endif
