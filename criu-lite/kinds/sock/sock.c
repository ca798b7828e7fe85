// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all sockets share.
 *
 * Options are read with getsockopt(2) from our descriptor of the victim's
 * socket; none of those reads has a side effect. SO_ERROR, which would take
 * the pending error, is never read.
 *
 * Order at restore: the device before anything that depends on a route, the
 * buffer sizes before the note of who may change them (SO_BUF_LOCK, which
 * setting a size sets), the filter before its lock.
 */
#include "kinds/sock/sock.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/restore.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* <asm-generic/socket.h>, 5.14. */
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

#define USEC_PER_SEC 1000000UL

/* An option that has a field of its own in sk_opts_entry. */
struct option {
	const char *text;
	int name;
	bool is_bool;			/* protobuf_c_boolean, else uint32_t */
	bool only_set;			/* saved only when not 0 */
	size_t has, value;		/* offsets of the two */
};

#define FIELD(field) offsetof(SkOptsEntry, has_##field), offsetof(SkOptsEntry, field)

/* Order is that of restore. */
static const struct option option_table[] = {
	{ "SO_REUSEPORT", SO_REUSEPORT, true, false, FIELD(so_reuseport) },
	{ "SO_PRIORITY", SO_PRIORITY, false, false, FIELD(so_priority) },
	{ "SO_RCVLOWAT", SO_RCVLOWAT, false, false, FIELD(so_rcvlowat) },
	{ "SO_MARK", SO_MARK, false, true, FIELD(so_mark) },
	{ "SO_PASSCRED", SO_PASSCRED, true, true, FIELD(so_passcred) },
	{ "SO_PASSSEC", SO_PASSSEC, true, true, FIELD(so_passsec) },
	{ "SO_DONTROUTE", SO_DONTROUTE, true, false, FIELD(so_dontroute) },
	{ "SO_NO_CHECK", SO_NO_CHECK, true, false, FIELD(so_no_check) },
	{ "SO_BROADCAST", SO_BROADCAST, true, false, FIELD(so_broadcast) },
	{ "SO_KEEPALIVE", SO_KEEPALIVE, true, false, FIELD(so_keepalive) },
	{ "SO_OOBINLINE", SO_OOBINLINE, false, false, FIELD(so_oobinline) },
	{ "SO_BUF_LOCK", SO_BUF_LOCK, false, false, FIELD(so_buf_lock) },
};

int sock_get_int(int fd, int level, int name, int *value)
{
	socklen_t len = sizeof(*value);

	*value = 0;
	return getsockopt(fd, level, name, value, &len) < 0 ? -errno : 0;
}

int sock_family(const struct fd_info *info)
{
	int family;

	if (!S_ISSOCK(info->st.st_mode) || strncmp(info->target, "socket:[", 8) ||
	    sock_get_int(info->local, SOL_SOCKET, SO_DOMAIN, &family) < 0)
		return -1;
	return family;
}

int sock_check_namespace(const struct fd_info *info)
{
	_cleanup_close_ int ns = ioctl(info->local, SIOCGSKNS);
	struct stat theirs, ours;

	if (ns < 0)
		return log_errno(-errno, "pid %d fd %d: socket: cannot find its network namespace",
				 info->task->pid, info->fd);
	if (fstat(ns, &theirs) < 0 || stat("/proc/self/ns/net", &ours) < 0)
		return log_errno(-errno, "pid %d fd %d: socket: cannot compare its network "
				 "namespace", info->task->pid, info->fd);
	if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
		return dump_refuse(info, "is of another network namespace, which is not covered");
	return 0;
}

static void put_field(SkOptsEntry *opts, const struct option *o, int value)
{
	*(protobuf_c_boolean *)((char *)opts + o->has) = true;
	if (o->is_bool)
		*(protobuf_c_boolean *)((char *)opts + o->value) = !!value;
	else
		*(uint32_t *)((char *)opts + o->value) = value;
}

static bool get_field(const SkOptsEntry *opts, const struct option *o, int *value)
{
	if (!*(const protobuf_c_boolean *)((const char *)opts + o->has))
		return false;
	if (o->is_bool)
		*value = *(const protobuf_c_boolean *)((const char *)opts + o->value);
	else
		*value = *(const uint32_t *)((const char *)opts + o->value);
	return true;
}

static int unreadable(const struct fd_info *info, const char *text, int err)
{
	return log_errno(err, "pid %d fd %d: socket: cannot read %s", info->task->pid, info->fd,
			 text);
}

static int dump_timeouts(const struct fd_info *info, SkOptsEntry *opts)
{
	struct timeval send, receive;
	socklen_t len = sizeof(send);

	if (getsockopt(info->local, SOL_SOCKET, SO_SNDTIMEO, &send, &len) < 0 ||
	    getsockopt(info->local, SOL_SOCKET, SO_RCVTIMEO, &receive, &len) < 0)
		return unreadable(info, "its timeouts", -errno);
	opts->so_snd_tmo_sec = send.tv_sec;
	opts->so_snd_tmo_usec = send.tv_usec;
	opts->so_rcv_tmo_sec = receive.tv_sec;
	opts->so_rcv_tmo_usec = receive.tv_usec;
	return 0;
}

static int dump_linger(const struct fd_info *info, SkOptsEntry *opts)
{
	struct linger linger;
	socklen_t len = sizeof(linger);

	if (getsockopt(info->local, SOL_SOCKET, SO_LINGER, &linger, &len) < 0)
		return unreadable(info, "SO_LINGER", -errno);
	opts->has_so_linger = linger.l_onoff;
	opts->so_linger = linger.l_linger;
	return 0;
}

static int dump_device(struct dump *d, const struct fd_info *info, SkOptsEntry *opts)
{
	char name[IF_NAMESIZE] = "";
	socklen_t len = sizeof(name);

	/* Unix sockets have none. */
	if (getsockopt(info->local, SOL_SOCKET, SO_BINDTODEVICE, name, &len) < 0)
		return errno == ENOPROTOOPT || errno == EOPNOTSUPP ? 0 :
		       unreadable(info, "SO_BINDTODEVICE", -errno);
	name[IF_NAMESIZE - 1] = '\0';
	if (name[0])
		opts->so_bound_dev = arena_strdup(d->arena, name);
	return 0;
}

static int dump_filter(struct dump *d, const struct fd_info *info, SkOptsEntry *opts)
{
	struct sock_filter code[BPF_MAXINSNS];
	socklen_t len = 0;

	/* Counted in instructions, not bytes. */
	if (getsockopt(info->local, SOL_SOCKET, SO_GET_FILTER, NULL, &len) < 0)
		return errno == EACCES ?
		       dump_refuse(info, "has an eBPF filter, which is not covered") :
		       unreadable(info, "its filter", -errno);
	if (!len)
		return 0;
	if (len > BPF_MAXINSNS ||
	    getsockopt(info->local, SOL_SOCKET, SO_GET_FILTER, code, &len) < 0)
		return unreadable(info, "its filter", len > BPF_MAXINSNS ? -E2BIG : -errno);
	opts->so_filter = arena_new_array(d->arena, uint64_t, len);
	opts->n_so_filter = len;
	for (socklen_t i = 0; i < len; i++)
		opts->so_filter[i] = (uint64_t)code[i].code << 48 | (uint64_t)code[i].jt << 40 |
				     (uint64_t)code[i].jf << 32 | code[i].k;
	return 0;
}

static int dump_buffers(const struct fd_info *info, SkOptsEntry *opts)
{
	int send, receive, r;

	r = sock_get_int(info->local, SOL_SOCKET, SO_SNDBUF, &send);
	if (r >= 0)
		r = sock_get_int(info->local, SOL_SOCKET, SO_RCVBUF, &receive);
	if (r < 0)
		return unreadable(info, "its buffer sizes", r);
	opts->so_sndbuf = send;
	opts->so_rcvbuf = receive;
	return 0;
}

static int dump_fields(const struct fd_info *info, SkOptsEntry *opts)
{
	int value, r = sock_get_int(info->local, SOL_SOCKET, SO_REUSEADDR, &value);

	if (r < 0)
		return unreadable(info, "SO_REUSEADDR", r);
	opts->has_reuseaddr = true;
	opts->reuseaddr = value;
	for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
		const struct option *o = &option_table[i];

		r = sock_get_int(info->local, SOL_SOCKET, o->name, &value);
		/* Not of this family, or not of this kernel. */
		if (r == -ENOPROTOOPT || r == -EOPNOTSUPP)
			continue;
		if (r < 0)
			return unreadable(info, o->text, r);
		if (value || !o->only_set)
			put_field(opts, o, value);
	}
	return 0;
}

int sock_options_dump(struct dump *d, const struct fd_info *info,
		      const struct sock_usual *usual, SkOptsEntry **out)
{
	SkOptsEntry *opts = arena_message(d->arena, SkOptsEntry, sk_opts_entry__init);
	int r = dump_buffers(info, opts);

	if (r >= 0)
		r = dump_fields(info, opts);
	if (r >= 0)
		r = dump_timeouts(info, opts);
	if (r >= 0)
		r = dump_linger(info, opts);
	if (r >= 0)
		r = dump_device(d, info, opts);
	if (r >= 0)
		r = dump_filter(d, info, opts);
	if (r < 0)
		return r;
	sock_more_dump(d, info, usual, opts);
	if (info->st.st_uid || info->st.st_gid) {
		opts->has_uid = opts->has_gid = true;
		opts->uid = info->st.st_uid;
		opts->gid = info->st.st_gid;
	}
	*out = opts;
	return 0;
}

int sock_options_check(const struct file *file, const SkOptsEntry *opts)
{
	if (opts->so_snd_tmo_usec >= USEC_PER_SEC || opts->so_rcv_tmo_usec >= USEC_PER_SEC ||
	    opts->so_snd_tmo_sec > INT64_MAX || opts->so_rcv_tmo_sec > INT64_MAX)
		return log_errno(-EINVAL, "%s %#x: a timeout is out of range", file->kind->name,
				 file->id);
	if (opts->so_sndbuf > INT32_MAX || opts->so_rcvbuf > INT32_MAX)
		return log_errno(-EINVAL, "%s %#x: a buffer size is out of range",
				 file->kind->name, file->id);
	if (opts->n_so_filter > BPF_MAXINSNS)
		return log_errno(-EINVAL, "%s %#x: a filter of %zu instructions",
				 file->kind->name, file->id, opts->n_so_filter);
	if (opts->so_bound_dev && strlen(opts->so_bound_dev) >= IF_NAMESIZE)
		return log_errno(-EINVAL, "%s %#x: no device can be called \"%s\"",
				 file->kind->name, file->id, opts->so_bound_dev);
	return sock_more_check(file, opts);
}

static int cannot_set(const struct file *file, const char *text)
{
	return log_errno(-errno, "%s %#x: cannot set %s", file->kind->name, file->id, text);
}

int sock_set_int(const struct file *file, int fd, int level, int name, int value,
		 const char *text)
{
	int now, r = sock_get_int(fd, level, name, &now);

	if (r >= 0 && now == value)
		return 0;
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		return cannot_set(file, text);
	return 0;
}

/* The kernel doubles what it is told, and does not count our limits with FORCE. */
static int restore_buffer(const struct file *file, int fd, int name, int force, uint32_t value,
			  const char *text)
{
	int half = value / 2, now, r = sock_get_int(fd, SOL_SOCKET, name, &now);

	if (r >= 0 && now == (int)value)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, force, &half, sizeof(half)) < 0)
		return cannot_set(file, text);
	return 0;
}

static int restore_timeout(const struct file *file, int fd, int name, uint64_t s, uint64_t us,
			   const char *text)
{
	const struct timeval tv = { .tv_sec = s, .tv_usec = us };

	if ((s || us) && setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)) < 0)
		return cannot_set(file, text);
	return 0;
}

static int restore_filter(const struct file *file, int fd, const SkOptsEntry *opts)
{
	struct sock_filter code[BPF_MAXINSNS];
	const struct sock_fprog program = { .len = opts->n_so_filter, .filter = code };

	if (!opts->n_so_filter)
		return 0;
	for (size_t i = 0; i < opts->n_so_filter; i++) {
		code[i].code = opts->so_filter[i] >> 48;
		code[i].jt = opts->so_filter[i] >> 40;
		code[i].jf = opts->so_filter[i] >> 32;
		code[i].k = opts->so_filter[i];
	}
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return cannot_set(file, "its filter");
	return 0;
}

static int restore_rest(const struct file *file, int fd, const SkOptsEntry *opts)
{
	struct linger linger = { .l_onoff = 1, .l_linger = opts->so_linger };
	int r;

	if (opts->has_so_linger &&
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		return cannot_set(file, "SO_LINGER");
	r = restore_timeout(file, fd, SO_SNDTIMEO, opts->so_snd_tmo_sec, opts->so_snd_tmo_usec,
			    "SO_SNDTIMEO");
	if (r >= 0)
		r = restore_timeout(file, fd, SO_RCVTIMEO, opts->so_rcv_tmo_sec,
				    opts->so_rcv_tmo_usec, "SO_RCVTIMEO");
	return r < 0 ? r : restore_filter(file, fd, opts);
}

int sock_options_restore(const struct file *file, int fd, const SkOptsEntry *opts)
{
	int r, value;

	/* The owner of the inode is the socket's: who may share its port. */
	if (opts->has_uid && opts->has_gid && fchown(fd, opts->uid, opts->gid) < 0)
		return log_errno(-errno, "%s %#x: cannot give it to %u:%u", file->kind->name,
				 file->id, opts->uid, opts->gid);
	if (opts->so_bound_dev && opts->so_bound_dev[0] &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, opts->so_bound_dev,
		       strlen(opts->so_bound_dev)) < 0)
		return cannot_set(file, "SO_BINDTODEVICE");
	r = restore_buffer(file, fd, SO_SNDBUF, SO_SNDBUFFORCE, opts->so_sndbuf, "SO_SNDBUF");
	if (r >= 0)
		r = restore_buffer(file, fd, SO_RCVBUF, SO_RCVBUFFORCE, opts->so_rcvbuf,
				   "SO_RCVBUF");
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(option_table); i++)
		if (get_field(opts, &option_table[i], &value))
			r = sock_set_int(file, fd, SOL_SOCKET, option_table[i].name, value,
					 option_table[i].text);
	if (r >= 0)
		r = restore_rest(file, fd, opts);
	return r < 0 ? r : sock_more_restore(file, fd, opts);
}
