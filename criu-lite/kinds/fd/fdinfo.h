/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc/PID/fdinfo says of the files without a path (proc(5)). Each
 * parser stands with its kind; all take the lines that fd_info.fdinfo has and
 * return 0, -ENOENT (a line is missing) or -EINVAL, not logged.
 */
#ifndef CRIU_LITE_KINDS_FD_FDINFO_H
#define CRIU_LITE_KINDS_FD_FDINFO_H

#include <stdbool.h>
#include <stdint.h>

struct eventfd_state {
	uint64_t counter;
	bool semaphore;
	bool knows_semaphore;		/* the kernel tells it (6.5) */
};

struct timerfd_state {
	uint32_t clock;			/* CLOCK_* */
	uint32_t settime_flags;		/* TFD_TIMER_* */
	uint64_t ticks;			/* expirations that were not read */
	uint64_t value_s, value_ns;	/* time that is left; zero: disarmed, or expired */
	uint64_t interval_s, interval_ns;
};

/* One watched file of an epoll instance. */
struct epoll_target {
	uint32_t tfd;			/* the number it was added by */
	uint32_t events;
	uint64_t data;
	bool has_inode;			/* what follows is told (4.13) */
	uint64_t pos, ino;
	uint32_t dev;			/* as the kernel has it: major << 20 | minor */
};

int epoll_parse(const char **cursor, struct epoll_target *target);
int eventfd_parse(const char *fdinfo, struct eventfd_state *state);
int signalfd_parse(const char *fdinfo, uint64_t *sigmask);
int timerfd_parse(const char *fdinfo, struct timerfd_state *state);

#endif
