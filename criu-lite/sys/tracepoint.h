/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the kernel, as perf_event_open(2) gives them: hits on all processors, of
 * all tasks, each with the time, who it was, one field of the tracepoint, and the arguments of
 * the system call that its task is in.
 */
#ifndef CRIU_LITE_SYS_TRACEPOINT_H
#define CRIU_LITE_SYS_TRACEPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACEPOINTS_MAX 4
#define TRACEPOINT_ARGS 5

struct tracepoint_want {
	const char *name;		/* "group/event" */
	const char *field;		/* one of 8 bytes */
	const char *filter;		/* on fields, as in the kernel's trace/events.rst; or NULL */
};

struct tracepoint_hit {
	uint64_t time_ns;		/* to be compared with that of other hits only */
	pid_t pid, tid;			/* in the pid namespace of who opened them; 0: not there */
	unsigned int which;		/* of those that were wanted */
	uint64_t field;
	/* Of the system call, the first ones; all 0 where the task is none of user space. */
	uint64_t args[TRACEPOINT_ARGS];
};

struct tracepoint_ring {
	int fd;				/* becomes readable when much is waiting */
	int others[TRACEPOINTS_MAX - 1];	/* tracepoints that write to it as well */
	void *map;
	size_t map_size;
};

struct tracepoints {
	unsigned int n_wants;
	struct {
		uint16_t id;
		uint16_t offset;	/* of the field */
	} points[TRACEPOINTS_MAX];
	struct tracepoint_ring *rings;	/* one for each processor that is there now */
	size_t n_rings;
};

/*
 * Begins to collect hits, up to @ring_size bytes (pages, a power of two) a processor.
 * 0; -EACCES or -EPERM: not allowed; -ENOENT: this kernel does not have them; other -errno.
 * Nothing is logged.
 */
int tracepoints_open(struct tracepoints *tp, const struct tracepoint_want *wants,
		     unsigned int n_wants, size_t ring_size);
/* Also what tracepoints_open() has never opened, if it is all zeros. */
void tracepoints_close(struct tracepoints *tp);

/*
 * Hands over what has come since: of each processor in its order, one processor after the
 * other. *@n_lost: not 0 when a ring may have had no room for some. 0, or what @take returned if not 0.
 */
int tracepoints_read(struct tracepoints *tp,
		     int (*take)(void *arg, const struct tracepoint_hit *hit), void *arg,
		     uint64_t *n_lost);

/*
 * The text of a tracepoint's format file: its id, and where @field is, which must have
 * 8 bytes. 0 or -EINVAL.
 */
int tracepoint_parse(const char *format, const char *field, uint16_t *id, uint16_t *offset);

#endif
