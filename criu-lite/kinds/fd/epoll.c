// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll(7): a set of watched files.
 *
 * The kernel knows a target by its open file description and the number that
 * it was added by; fdinfo tells the number, events, cookie and the inode.
 * Numbers may have been closed or reused since, so KCMP_EPOLL_TFD has to
 * confirm each, or finds the number that the file has in the owner's table
 * now; that one is saved, as the format has it. The owner is the first task
 * with the epoll descriptor. Refused by name: a target without a number there.
 *
 * Restore adds targets when the owner's table is complete, which is also true
 * of epoll instances that watch each other. What is ready then is reported
 * then: an edge that was seen before the dump may be seen again, none is lost.
 *
 * An EPOLLONESHOT target that has fired is off until the task arms it again,
 * and no system call adds one in that state: it is added armed, and made to
 * fire. A pipe that has nothing to say gets a byte for that moment. For other
 * files that are not ready being armed for EPOLLERR and EPOLLHUP alone, which
 * can't be left out, has to do: only where these can never occur, the rest is
 * refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/fd/fdinfo.h"
#include "kinds/kinds.h"
#include "sys/proc_fdinfo.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/scan.h"

/* Bits that stay when a target has fired; all others are events. */
#define MODE_BITS ((uint32_t)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE))
/* Anything at all, to make a target fire. */
#define ANY_EVENT ((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP))

/* <linux/eventpoll.h> of 6.9, which libc's header does not know yet. */
struct busy_poll_params {
	uint32_t usecs;
	uint16_t budget;
	uint8_t prefer;
	uint8_t pad;
};
#define GET_BUSY_POLL _IOR(0x8A, 0x02, struct busy_poll_params)

/* "tfd: 5 events: 19 data: 7  pos:0 ino:2b sdev:c"; the last three since 4.13. */
int epoll_parse(const char **cursor, struct epoll_target *target)
{
	const char *p = fdinfo_next(cursor, "tfd:");
	int64_t pos;

	*target = (struct epoll_target){};
	if (!p)
		return -ENOENT;
	if (!scan_u32(&p, 10, &target->tfd))
		return -EINVAL;
	scan_blanks(&p);
	if (!scan_text(&p, "events:"))
		return -EINVAL;
	scan_blanks(&p);
	if (!scan_u32(&p, 16, &target->events))
		return -EINVAL;
	scan_blanks(&p);
	if (!scan_text(&p, "data:"))
		return -EINVAL;
	scan_blanks(&p);
	if (!scan_u64(&p, 16, &target->data))
		return -EINVAL;
	scan_blanks(&p);
	if (scan_end_of_line(&p))
		return 0;
	if (!scan_text(&p, "pos:") || !scan_i64(&p, &pos) || !scan_text(&p, " ino:") ||
	    !scan_u64(&p, 16, &target->ino) || !scan_text(&p, " sdev:") ||
	    !scan_u32(&p, 16, &target->dev) || !scan_end_of_line(&p))
		return -EINVAL;
	target->pos = pos;
	target->has_inode = true;
	return 0;
}

static bool epoll_probe(const struct fd_info *info)
{
	return fd_info_is_anon(info, "[eventpoll]");
}

/* A target, its place in fdinfo, and how many before it have the same number. */
struct listed_target {
	struct epoll_target t;
	uint32_t place;
	uint32_t offset;
};

static int is_target(const struct fd_info *epoll, const struct fd_info *candidate,
		     const struct listed_target *target)
{
	const struct kcmp_epoll_slot slot = {
		.efd = epoll->fd,
		.tfd = target->t.tfd,
		.toff = target->offset,
	};
	int pid = task_proc(epoll->task);
	int r = sys_kcmp(pid, pid, KCMP_EPOLL_TFD, candidate->fd, (unsigned long)&slot);

	if (r < 0)
		return log_errno(r, "pid %d fd %d: epoll: cannot compare its target %u with fd %d",
				 pid, epoll->fd, target->t.tfd, candidate->fd);
	return r == 0;
}

static uint32_t kernel_dev(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

static bool may_be_target(const struct fd_info *candidate, const struct epoll_target *t)
{
	if (!t->has_inode)
		return true;
	return candidate->st.st_ino == t->ino && kernel_dev(candidate->st.st_dev) == t->dev;
}

static int compare_fd(const void *key, const void *element)
{
	const struct fd_info *info = element;
	int fd = *(const int *)key;

	return fd < info->fd ? -1 : fd > info->fd;
}

/* Sets *found to the descriptor of the owner's that the target is now. */
static int find_target(const struct fd_info *epoll, const struct listed_target *target,
		       const struct fd_info **found)
{
	const struct task_dump *td = epoll->task->dump;
	int number = target->t.tfd, r;

	*found = bsearch(&number, td->fds, td->n_fds, sizeof(*td->fds), compare_fd);
	if (*found) {
		r = is_target(epoll, *found, target);
		if (r)
			return r < 0 ? r : 0;
	}
	for (size_t i = 0; i < td->n_fds; i++) {
		*found = &td->fds[i];
		if (td->fds[i].fd == number || !may_be_target(*found, &target->t))
			continue;
		r = is_target(epoll, *found, target);
		if (r)
			return r < 0 ? r : 0;
	}
	return dump_refuse(epoll, "watches a file (inode %lu) that was added as fd %d and is no "
			   "descriptor of this task now: remove it from the set",
			   (unsigned long)target->t.ino, number);
}

static bool has_fired(uint32_t events)
{
	return (events & EPOLLONESHOT) && !(events & ~MODE_BITS);
}

/* Whether the kernel never reports EPOLLERR or EPOLLHUP for it. */
static bool never_breaks(const struct fd_info *info)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (fd_info_is_anon(info, "[eventfd]") || fd_info_is_anon(info, "[eventpoll]") ||
	    fd_info_is_anon(info, "[signalfd]") || fd_info_is_anon(info, "[timerfd]"))
		return true;
	return S_ISSOCK(info->st.st_mode) &&
	       getsockopt(info->local, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	       listening;
}

/* Of a target that has fired: whether restore can make it fire again. */
static int check_fired(const struct fd_info *epoll, const struct fd_info *target)
{
	struct pollfd p = {
		.fd = target->local,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP,
	};

	if (poll(&p, 1, 0) < 0)
		return log_errno(-errno, "pid %d fd %d: cannot poll", target->task->pid,
				 target->fd);
	if (p.revents || never_breaks(target))
		return 0;
	if (S_ISFIFO(target->st.st_mode) && (target->flags & O_ACCMODE) != O_WRONLY)
		return 0;
	return dump_refuse(epoll, "its target fd %d is EPOLLONESHOT, has fired and is not ready "
			   "now: that state can't be made again; try at another moment",
			   target->fd);
}

static int check_parameters(const struct fd_info *info)
{
	struct busy_poll_params p = {};

	/* A kernel that does not know the call has no parameters. */
	if (ioctl(info->local, GET_BUSY_POLL, &p) < 0)
		return 0;
	if (p.usecs || p.budget || p.prefer)
		return dump_refuse(info, "has busy polling set up (EPIOCSPARAMS), which images "
				   "have no place for");
	return 0;
}

static int add_target(struct dump *d, const struct fd_info *info, EventpollFileEntry *epfd,
		      const struct listed_target *target)
{
	EventpollTfdEntry *e =
		arena_message(d->arena, EventpollTfdEntry, eventpoll_tfd_entry__init);
	const struct fd_info *found;
	int r = find_target(info, target, &found);

	if (r < 0)
		return r;
	r = has_fired(target->t.events) ? check_fired(info, found) : 0;
	if (r < 0)
		return r;
	e->id = epfd->id;
	e->tfd = found->fd;
	e->events = target->t.events;
	e->data = target->t.data;
	if (target->t.has_inode) {
		e->has_dev = e->has_inode = e->has_pos = true;
		e->dev = target->t.dev;
		e->inode = target->t.ino;
		e->pos = target->t.pos;
	}
	epfd->tfd[epfd->n_tfd++] = e;
	return 0;
}

static int parse_targets(const struct fd_info *info, struct listed_target **list, size_t *n)
{
	const char *p = info->fdinfo;
	size_t cap = 0;

	for (;;) {
		struct listed_target *slot = array_push(list, n, &cap);
		int r;

		if (!slot)
			return -ENOMEM;
		r = epoll_parse(&p, &slot->t);
		if (r < 0) {
			--*n;
			return r == -ENOENT ? 0 : r;
		}
		slot->place = *n;
	}
}

static int compare_targets(const void *a, const void *b)
{
	const struct listed_target *x = a, *y = b;

	if (x->t.tfd != y->t.tfd)
		return x->t.tfd < y->t.tfd ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* The kernel lists and counts them by file, then number: equal numbers lie apart. */
static void count_offsets(struct listed_target *list, size_t n)
{
	if (n)
		qsort(list, n, sizeof(*list), compare_targets);
	for (size_t i = 1; i < n; i++)
		if (list[i].t.tfd == list[i - 1].t.tfd)
			list[i].offset = list[i - 1].offset + 1;
}

static int compare_entries(const void *a, const void *b)
{
	const EventpollTfdEntry *const *x = a, *const *y = b;

	return (*x)->tfd < (*y)->tfd ? -1 : (*x)->tfd > (*y)->tfd;
}

/* Two targets may have ended up at one number: the kernel takes it once. */
static int check_unique(const struct fd_info *info, EventpollFileEntry *epfd)
{
	if (epfd->n_tfd)
		qsort(epfd->tfd, epfd->n_tfd, sizeof(*epfd->tfd), compare_entries);
	for (size_t i = 1; i < epfd->n_tfd; i++)
		if (epfd->tfd[i]->tfd == epfd->tfd[i - 1]->tfd)
			return dump_refuse(info, "watches the file of fd %u twice, under numbers "
					   "that are no descriptors of it now", epfd->tfd[i]->tfd);
	return 0;
}

static int epoll_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	EventpollFileEntry *epfd =
		arena_message(d->arena, EventpollFileEntry, eventpoll_file_entry__init);
	_cleanup_free_ struct listed_target *list = NULL;
	size_t n = 0;
	int r = check_parameters(info);

	if (r < 0)
		return r;
	r = parse_targets(info, &list, &n);
	if (r < 0)
		return log_errno(r, "pid %d fd %d: epoll: cannot read its fdinfo",
				 info->task->pid, info->fd);
	if (n && info->fd < 0)
		return dump_refuse(info, "is in flight (SCM_RIGHTS) and watches files of whoever "
				   "sent it: let the receiver take it first");
	count_offsets(list, n);
	epfd->id = entry->id;
	epfd->flags = info->flags;
	epfd->fown = info->fown;
	epfd->tfd = arena_new_array(d->arena, EventpollTfdEntry *, n);
	for (size_t i = 0; i < n; i++) {
		r = add_target(d, info, epfd, &list[i]);
		if (r < 0)
			return r;
	}
	entry->epfd = epfd;
	return check_unique(info, epfd);
}

static int compare_entry(const void *key, const void *element)
{
	const FdinfoEntry *const *e = element;
	uint32_t fd = *(const uint32_t *)key;

	return fd < (*e)->fd ? -1 : fd > (*e)->fd;
}

static int epoll_collect(struct restore *r, struct file *file)
{
	const EventpollFileEntry *epfd = file->entry->epfd;
	const struct task *owner = file->owner;

	if (epfd->n_tfd && !owner)
		return log_errno(-EINVAL, "epoll %#x: watches files, but no task has it",
				 file->id);
	for (size_t i = 0; i < epfd->n_tfd; i++)
		if (!bsearch(&epfd->tfd[i]->tfd, owner->fds, owner->n_fds, sizeof(*owner->fds),
			     compare_entry))
			return log_errno(-EINVAL, "epoll %#x: watches fd %u, which pid %d does "
					 "not have", file->id, epfd->tfd[i]->tfd, owner->pid);
	return 0;
}

static int epoll_open(struct restore *r, struct file *file)
{
	_cleanup_close_ int fd = epoll_create1(EPOLL_CLOEXEC);
	int ret;

	if (fd < 0)
		return log_errno(-errno, "epoll %#x: cannot make it", file->id);
	ret = restore_file_flags(file, fd, file->entry->epfd->flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

static int control(const struct file *file, int op, int epoll, const EventpollTfdEntry *e,
		   uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = e->data };

	if (epoll_ctl(epoll, op, e->tfd, &event) < 0)
		return log_errno(-errno, "epoll %#x: cannot watch fd %u", file->id, e->tfd);
	return 0;
}

static bool fire(int epoll)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) == 1;
}

/* An empty pipe: ready while it holds a byte of ours. */
static int fire_pipe(const struct file *file, int epoll, const EventpollTfdEntry *e)
{
	_cleanup_close_ int in = file_reopen(e->tfd, O_RDONLY | O_NONBLOCK);
	_cleanup_close_ int out = file_reopen(e->tfd, O_WRONLY | O_NONBLOCK);
	char byte = 0;
	bool fired;

	if (in < 0 || out < 0)
		return log_errno(in < 0 ? in : out, "epoll %#x: cannot open the pipe fd %u",
				 file->id, e->tfd);
	if (write(out, &byte, 1) != 1)
		return log_errno(-errno, "epoll %#x: cannot make fd %u ready", file->id, e->tfd);
	fired = fire(epoll);
	if (read(in, &byte, 1) != 1)
		return log_errno(-errno, "epoll %#x: cannot take the byte from fd %u again",
				 file->id, e->tfd);
	return fired;
}

/* Alone in the set, or with others that have fired: what fires is this one. */
static int add_fired(const struct file *file, int epoll, const EventpollTfdEntry *e)
{
	struct stat st;
	int r = control(file, EPOLL_CTL_ADD, epoll, e, e->events | ANY_EVENT);

	if (r < 0 || fire(epoll))
		return r;
	if (fstat(e->tfd, &st) < 0)
		return log_errno(-errno, "epoll %#x: cannot stat fd %u", file->id, e->tfd);
	r = S_ISFIFO(st.st_mode) ? fire_pipe(file, epoll, e) : 0;
	if (r)
		return r < 0 ? r : 0;
	return control(file, EPOLL_CTL_MOD, epoll, e, e->events);
}

static int epoll_post_open(struct restore *r, struct task *t, struct file *file, int fd)
{
	const EventpollFileEntry *epfd = file->entry->epfd;
	int ret = 0;

	for (size_t i = 0; ret >= 0 && i < epfd->n_tfd; i++)
		if (has_fired(epfd->tfd[i]->events))
			ret = add_fired(file, fd, epfd->tfd[i]);
	for (size_t i = 0; ret >= 0 && i < epfd->n_tfd; i++)
		if (!has_fired(epfd->tfd[i]->events))
			ret = control(file, EPOLL_CTL_ADD, fd, epfd->tfd[i],
				      epfd->tfd[i]->events);
	return ret;
}

const struct file_kind epoll_kind = {
	.name = "epoll",
	.type = FD_TYPES__EVENTPOLL,
	.proto = "eventpoll.proto",
	.test = "fd/epoll",
	.probe = epoll_probe,
	.dump = epoll_dump,
	.collect = epoll_collect,
	.open = epoll_open,
	.post_open = epoll_post_open,
};
