// SPDX-License-Identifier: GPL-2.0-only
/*
 * timerfd_create(2): a timer whose expirations are read.
 *
 * Saved are the clock, how the timer was set, the time that is left, the
 * interval and the expirations that were not read. Restore arms the timer with
 * what is left, then sets the count. An absolute timer is armed for now plus
 * what is left; its clock goes on from where it was (the tree's time
 * namespace), so that this is the same time again, but for CLOCK_REALTIME.
 *
 * A timer with an interval stops when it expires, and only the next look at it
 * makes up for the intervals that passed; meanwhile fdinfo says one expiration
 * and nothing left, from which neither phase nor count could be told. Here
 * timerfd_gettime() is that look: it makes the kernel count exactly what the
 * next read would have.
 *
 * Refused are the clocks that wake the machine (CLOCK_*_ALARM): no image
 * holds them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
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
#include "util/scan.h"

/* <linux/timerfd.h>, which collides with <sys/timerfd.h>. */
#define TIMERFD_SET_TICKS _IOW('T', 0, __u64)

#define NSEC_PER_SEC 1000000000UL
/* The longest time a struct timespec of the kernel may hold (KTIME_SEC_MAX). */
#define SEC_MAX (INT64_MAX / NSEC_PER_SEC)

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

static bool clock_is_covered(uint32_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
}

/* Expired, not read yet, and to go on: see above. */
static bool stands_still(const struct timerfd_state *s)
{
	return s->ticks && !s->value_s && !s->value_ns && (s->interval_s || s->interval_ns);
}

static int read_state(const struct fd_info *info, struct timerfd_state *state)
{
	_cleanup_free_ char *text = NULL;
	struct proc_fdinfo generic;
	struct itimerspec its;
	int r = timerfd_parse(info->fdinfo, state);

	if (r < 0 || !stands_still(state) || !clock_is_covered(state->clock))
		return r;
	if (timerfd_gettime(info->local, &its) < 0)
		return -errno;
	r = proc_fdinfo_read(task_proc(info->task), info->fd, &generic, &text);
	return r < 0 ? r : timerfd_parse(generic.rest, state);
}

static int timerfd_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	TimerfdEntry *tfd = arena_message(d->arena, TimerfdEntry, timerfd_entry__init);
	struct timerfd_state state;
	int r = read_state(info, &state);

	if (r < 0)
		return log_errno(r, "pid %d fd %d: timerfd: cannot read its state",
				 info->task->pid, info->fd);
	if (!clock_is_covered(state.clock))
		return dump_refuse(info, "clock %u is not covered, only CLOCK_REALTIME, "
				   "CLOCK_MONOTONIC and CLOCK_BOOTTIME are", state.clock);
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
	entry->tfd = tfd;
	return 0;
}

static int timerfd_collect(struct restore *r, struct file *file)
{
	const TimerfdEntry *tfd = file->entry->tfd;

	if (!clock_is_covered(tfd->clockid))
		return log_errno(-ENOTSUP, "timerfd %#x: clock %u is not covered", file->id,
				 tfd->clockid);
	if (tfd->settime_flags & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return log_errno(-EINVAL, "timerfd %#x: unknown flags %#x of timerfd_settime()",
				 file->id, tfd->settime_flags);
	if (tfd->vsec > SEC_MAX || tfd->isec > SEC_MAX || tfd->vnsec >= NSEC_PER_SEC ||
	    tfd->insec >= NSEC_PER_SEC)
		return log_errno(-EINVAL, "timerfd %#x: its time is out of range", file->id);
	return 0;
}

static int arm(const struct file *file, int fd)
{
	const TimerfdEntry *tfd = file->entry->tfd;
	struct itimerspec its = {
		.it_value = { .tv_sec = tfd->vsec, .tv_nsec = tfd->vnsec },
		.it_interval = { .tv_sec = tfd->isec, .tv_nsec = tfd->insec },
	};
	struct timespec now;

	if ((tfd->settime_flags & TFD_TIMER_ABSTIME) && (tfd->vsec || tfd->vnsec)) {
		if (clock_gettime(tfd->clockid, &now) < 0)
			return log_errno(-errno, "timerfd %#x: cannot read its clock", file->id);
		its.it_value.tv_sec += now.tv_sec;
		its.it_value.tv_nsec += now.tv_nsec;
		if (its.it_value.tv_nsec >= (long)NSEC_PER_SEC) {
			its.it_value.tv_nsec -= NSEC_PER_SEC;
			its.it_value.tv_sec++;
		}
	}
	if (timerfd_settime(fd, tfd->settime_flags, &its, NULL) < 0)
		return log_errno(-errno, "timerfd %#x: cannot arm it", file->id);
	if (tfd->ticks && ioctl(fd, TIMERFD_SET_TICKS, &tfd->ticks) < 0)
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
		return log_errno(-errno, "timerfd %#x: cannot make it", file->id);
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
