// SPDX-License-Identifier: GPL-2.0-only
/*
 * timerfd_create(2): a timer whose expirations are read.
 *
 * Saved are the clock, how the timer was set, the time that is left, the
 * interval and the expirations that were not read. Restore arms the timer with
 * what is left, then sets the count.
 *
 * A timer that was set to a point in time is armed for that: CLOCK_MONOTONIC and
 * CLOCK_BOOTTIME go on from where they were (the tree's time namespace), so that
 * it is now plus what is left. Of CLOCK_REALTIME the image has the time of day,
 * in fields of ours: one that has passed by then expires at once, as after a
 * sleep of the machine.
 *
 * A timer with an interval stops when it expires, and only the next look at it
 * makes up for the intervals that passed; meanwhile fdinfo says one expiration
 * and nothing left, from which neither phase nor count could be told. Here
 * timerfd_gettime() is that look: it makes the kernel count exactly what the
 * next read would have.
 *
 * To make a timer that wakes the machine (CLOCK_*_ALARM) takes CAP_WAKE_ALARM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/fd/fdinfo.h"
#include "kinds/kinds.h"
#include "sys/proc_fdinfo.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

/* <linux/timerfd.h>, which collides with <sys/timerfd.h>. */
#define TIMERFD_SET_TICKS _IOW('T', 0, __u64)

#define NSEC_PER_SEC 1000000000UL
/* The longest time a struct timespec of the kernel may hold (KTIME_SEC_MAX). */
#define SEC_MAX (INT64_MAX / NSEC_PER_SEC)

/* How exactly a time of day is kept, unless we are interrupted each time. */
#define WALL_PRECISION_NS 20000
#define WALL_TRIES 20

static int parse_time(const char *fdinfo, const char *name, uint64_t *s, uint64_t *ns)
{
	const char *p = fdinfo_field(fdinfo, name);

	if (!p)
		return -ENOENT;
	if (!scan_text(&p, "(") || !scan_u64(&p, 10, s) || !scan_text(&p, ", ") ||
	    !scan_u64(&p, 10, ns) || !scan_text(&p, ")") || !scan_end_of_line(&p))
		return -EINVAL;
	return *ns < NSEC_PER_SEC ? 0 : -EINVAL;
}

int timerfd_parse(const char *fdinfo, struct timerfd_state *state)
{
	uint64_t clock, flags;
	int r = fdinfo_u64(fdinfo, "clockid:", 10, &clock);

	if (r >= 0)
		r = fdinfo_u64(fdinfo, "ticks:", 10, &state->ticks);
	if (r >= 0)
		r = fdinfo_u64(fdinfo, "settime flags:", 8, &flags);
	if (r < 0)
		return r;
	if (clock > INT32_MAX || flags > INT32_MAX)
		return -EINVAL;
	state->clock = clock;
	state->settime_flags = flags;
	r = parse_time(fdinfo, "it_value:", &state->value_s, &state->value_ns);
	if (r < 0)
		return r;
	return parse_time(fdinfo, "it_interval:", &state->interval_s, &state->interval_ns);
}

static bool timerfd_probe(const struct fd_info *info)
{
	return fd_info_is_anon(info, "[timerfd]");
}

/* The clocks of timerfd_create(), and the one to read where it may wake the machine. */
static const struct clock {
	int id, base;
} clock_table[] = {
	{ CLOCK_BOOTTIME, CLOCK_BOOTTIME },
	{ CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME },
	{ CLOCK_MONOTONIC, CLOCK_MONOTONIC },
	{ CLOCK_REALTIME, CLOCK_REALTIME },
	{ CLOCK_REALTIME_ALARM, CLOCK_REALTIME },
};

static const struct clock *find_clock(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(clock_table); i++)
		if (clock_table[i].id == (int)id)
			return &clock_table[i];
	return NULL;
}

/* Expired, not read yet, and to go on: see above. */
static bool stands_still(const struct timerfd_state *s)
{
	return s->ticks && !s->value_s && !s->value_ns && (s->interval_s || s->interval_ns);
}

/* Armed for a time of day. */
static bool waits_for_wall(const struct timerfd_state *s)
{
	return s->settime_flags & TFD_TIMER_ABSTIME && (s->value_s || s->value_ns) &&
	       find_clock(s->clock)->base == CLOCK_REALTIME;
}

static int64_t ns_of(const struct timespec *t)
{
	return t->tv_sec * (int64_t)NSEC_PER_SEC + t->tv_nsec;
}

/* *@ns: when it expires next. Two clocks are read: near enough to each other. */
static int read_wall(int fd, int64_t *ns)
{
	struct timespec before, after;
	struct itimerspec left;

	for (int i = 0; i < WALL_TRIES; i++) {
		if (clock_gettime(CLOCK_REALTIME, &before) < 0 || timerfd_gettime(fd, &left) < 0 ||
		    clock_gettime(CLOCK_REALTIME, &after) < 0)
			return -errno;
		*ns = ns_of(&after) + ns_of(&left.it_value);
		if (ns_of(&after) - ns_of(&before) < WALL_PRECISION_NS)
			break;
	}
	return 0;
}

/* @wall: see read_wall(); 0 when that is not what it waits for. */
static int read_state(const struct fd_info *info, struct timerfd_state *state, int64_t *wall)
{
	_cleanup_free_ char *text = NULL;
	struct proc_fdinfo generic;
	struct itimerspec its;
	int r = timerfd_parse(info->fdinfo, state);

	*wall = 0;
	if (r < 0 || !find_clock(state->clock) ||
	    !(stands_still(state) || waits_for_wall(state)))
		return r;
	if (timerfd_gettime(info->local, &its) < 0)
		return -errno;
	if (state->settime_flags & TFD_TIMER_ABSTIME) {
		r = read_wall(info->local, wall);
		if (r < 0)
			return r;
	}
	/* What it says of ticks must not be older than what was looked at. */
	r = proc_fdinfo_read(task_proc(info->task), info->fd, &generic, &text);
	if (r >= 0)
		r = timerfd_parse(generic.rest, state);
	if (r >= 0 && !waits_for_wall(state))
		*wall = 0;
	return r;
}

static int timerfd_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	TimerfdEntry *tfd = arena_message(d->arena, TimerfdEntry, timerfd_entry__init);
	struct timerfd_state state;
	int64_t wall;
	int r = read_state(info, &state, &wall);

	if (r < 0)
		return log_errno(r, "pid %d fd %d: timerfd: cannot read its state",
				 info->task->pid, info->fd);
	if (!find_clock(state.clock))
		return dump_refuse(info, "clock %u is not covered", state.clock);
	tfd->id = entry->id;
	tfd->flags = info->flags;
	tfd->fown = info->fown;
	tfd->clockid = state.clock;
	tfd->ticks = state.ticks;
	tfd->settime_flags = state.settime_flags;
	tfd->vsec = state.value_s;
	tfd->vnsec = state.value_ns;
	tfd->isec = state.interval_s;
	tfd->insec = state.interval_ns;
	if (wall) {
		tfd->has_wall_sec = tfd->has_wall_nsec = true;
		tfd->wall_sec = wall / (int64_t)NSEC_PER_SEC;
		tfd->wall_nsec = wall % (int64_t)NSEC_PER_SEC;
	}
	entry->tfd = tfd;
	return 0;
}

static int timerfd_collect(struct restore *r, struct file *file)
{
	const TimerfdEntry *tfd = file->entry->tfd;

	if (!find_clock(tfd->clockid))
		return log_errno(-ENOTSUP, "timerfd %#x: clock %u is not covered", file->id,
				 tfd->clockid);
	if (tfd->settime_flags & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return log_errno(-EINVAL, "timerfd %#x: unknown flags %#x of timerfd_settime()",
				 file->id, tfd->settime_flags);
	if (tfd->vsec > SEC_MAX || tfd->isec > SEC_MAX || tfd->vnsec >= NSEC_PER_SEC ||
	    tfd->insec >= NSEC_PER_SEC || tfd->wall_sec > SEC_MAX ||
	    tfd->wall_nsec >= NSEC_PER_SEC)
		return log_errno(-EINVAL, "timerfd %#x: its time is out of range", file->id);
	if (tfd->has_wall_sec && (find_clock(tfd->clockid)->base != CLOCK_REALTIME ||
				  !(tfd->settime_flags & TFD_TIMER_ABSTIME) ||
				  !(tfd->wall_sec || tfd->wall_nsec)))
		return log_errno(-EINVAL, "timerfd %#x: it has a time of day, but not to wait for "
				 "it", file->id);
	return 0;
}

/* What timerfd_settime() is told. */
static int next_expiry(const struct file *file, struct timespec *value)
{
	const TimerfdEntry *tfd = file->entry->tfd;
	struct timespec now;

	*value = (struct timespec){ .tv_sec = tfd->vsec, .tv_nsec = tfd->vnsec };
	if (!(tfd->settime_flags & TFD_TIMER_ABSTIME) || !(tfd->vsec || tfd->vnsec))
		return 0;
	if (tfd->has_wall_sec) {
		*value = (struct timespec){ .tv_sec = tfd->wall_sec, .tv_nsec = tfd->wall_nsec };
		return 0;
	}
	if (clock_gettime(find_clock(tfd->clockid)->base, &now) < 0)
		return log_errno(-errno, "timerfd %#x: cannot read its clock", file->id);
	value->tv_sec += now.tv_sec;
	value->tv_nsec += now.tv_nsec;
	if (value->tv_nsec >= (long)NSEC_PER_SEC) {
		value->tv_nsec -= NSEC_PER_SEC;
		value->tv_sec++;
	}
	return 0;
}

static int arm(const struct file *file, int fd)
{
	const TimerfdEntry *tfd = file->entry->tfd;
	struct itimerspec its = {
		.it_interval = { .tv_sec = tfd->isec, .tv_nsec = tfd->insec },
	};
	struct pollfd expired = { .fd = fd, .events = POLLIN };
	uint64_t ticks = tfd->ticks;
	int r = next_expiry(file, &its.it_value);

	if (r < 0)
		return r;
	if (timerfd_settime(fd, tfd->settime_flags, &its, NULL) < 0)
		return log_errno(-errno, "timerfd %#x: cannot arm it", file->id);
	if (!ticks)
		return 0;
	/* One that has just expired is one more. */
	if (poll(&expired, 1, 0) == 1)
		ticks++;
	if (ioctl(fd, TIMERFD_SET_TICKS, &ticks) < 0)
		return log_errno(-errno, "timerfd %#x: cannot set its expirations", file->id);
	return 0;
}

static int timerfd_open(struct restore *r, struct file *file)
{
	const TimerfdEntry *tfd = file->entry->tfd;
	_cleanup_close_ int fd = -1;
	int ret;

	fd = timerfd_create(tfd->clockid, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return log_errno(-errno, "timerfd %#x: cannot make it%s", file->id,
				 errno == EPERM ? ": its clock needs CAP_WAKE_ALARM" : "");
	ret = arm(file, fd);
	if (ret < 0)
		return ret;
	ret = restore_file_flags(file, fd, tfd->flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

const struct file_kind timerfd_kind = {
	.name = "timerfd",
	.type = FD_TYPES__TIMERFD,
	.proto = "timerfd.proto",
	.test = "fd/timerfd",
	.probe = timerfd_probe,
	.dump = timerfd_dump,
	.collect = timerfd_collect,
	.open = timerfd_open,
};
