// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets: connected pairs without a name (socketpair(2)), sockets that
 * listen, and datagram sockets, bound or not, connected or not.
 *
 *	pair		two sockets that are each other's peer, no names
 *	orphan		a stream whose peer is gone: what it has not read is
 *			still there, then comes the end of the file
 *	plain		everything else: bound, listening, or a datagram socket
 *			that is connected to a name
 *
 * Saved are the peer, what was received and not read, the name, the options and
 * which directions are shut. The inode number joins peers. sock_diag(7) tells
 * what the socket itself does not.
 *
 * Order at restore: a queue is filled from the other end when every file is open
 * (some may be in flight), before options limit the buffers and before any
 * direction is shut. A socket listens in its own
 * task, with its ids: clients are told who listens (SO_PEERCRED). Of a pair
 * they are those of the restore.
 *
 * Refused: a peer outside of the tree, connections over a name (that is,
 * accepted ones, and those not accepted yet), what a queue can't be made to
 * hold again (kinds/sock/unix-queue.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "image/writer.h"
#include "kinds/kinds.h"
#include "kinds/sock/sock.h"
#include "kinds/sock/unix-name.h"
#include "kinds/sock/unix-queue.h"
#include "sys/sockdiag.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/*
 * Dump
 */

static bool unix_probe(const struct fd_info *info)
{
	return !(info->flags & O_PATH) && sock_family(info) == AF_UNIX;
}

static int check_state(const struct fd_info *info, const struct sockdiag_sock *diag)
{
	union {
		struct sockaddr any;
		char bytes[128];
	} addr;
	socklen_t len = sizeof(addr);

	if (diag->state == TCP_LISTEN && diag->rqueue)
		return dump_refuse(info, "has %u connections that nobody accepted yet, which are "
				   "not covered: try again", diag->rqueue);
	if (diag->un.peer && diag->un.peer == diag->ino)
		return dump_refuse(info, "is connected to itself, which is not covered");
	/* The kernel forgets a dead peer of a datagram socket only at the next send. */
	if (diag->type == SOCK_DGRAM && !diag->un.peer &&
	    getpeername(info->local, &addr.any, &len) == 0)
		return dump_refuse(info, "its peer is gone: that can't be made again");
	if (diag->state != TCP_LISTEN && diag->state != TCP_CLOSE &&
	    diag->state != TCP_ESTABLISHED)
		return dump_refuse(info, "is connecting (state %u): try again", diag->state);
	return 0;
}

static int unix_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	UnixSkEntry *usk = arena_message(d->arena, UnixSkEntry, unix_sk_entry__init);
	struct unix_queue *queue = arena_new_object(d->arena, struct unix_queue);
	const struct sockdiag_sock *diag;
	const struct sock_usual *usual;
	int r = sock_check_namespace(info);

	if (r < 0)
		return r;
	diag = d->socks ? sockdiag_find(d->socks, info->st.st_ino) : NULL;
	if (!diag || diag->family != AF_UNIX)
		return dump_refuse(info, "sock_diag does not list it (kernel module unix_diag?)");
	r = check_state(info, diag);
	if (r < 0)
		return r;
	if (diag->state == TCP_LISTEN && info->fd < 0)
		return dump_refuse(info, "listens, and is in flight (SCM_RIGHTS): who listens is "
				   "not known; let the receiver take it first");
	usk->id = entry->id;
	usk->ino = info->st.st_ino;
	usk->type = diag->type;
	usk->state = diag->state;
	usk->flags = info->flags;
	usk->peer = diag->un.peer;
	usk->fown = info->fown;
	usk->backlog = diag->state == TCP_LISTEN ? diag->wqueue : 0;
	usk->has_shutdown = true;
	usk->shutdown = diag->shutdown & 3;
	r = unix_name_dump(d, info, usk);
	if (r >= 0)
		r = sock_usual_get(d, AF_UNIX, usk->type, 0, &usual);
	if (r >= 0)
		r = sock_options_dump(d, info, usual, &usk->opts);
	STAILQ_INIT(queue);
	if (r >= 0 && usk->state != TCP_LISTEN)
		r = unix_queue_read(d, info, usk->type, usk->shutdown & SK_SHUTDOWN__READ, queue);
	if (r < 0)
		return r;
	info->data = queue;
	entry->usk = usk;
	return 0;
}

static int compare_infos(const void *a, const void *b)
{
	const struct fd_info *const *x = a, *const *y = b;
	uint32_t i = (*x)->entry->usk->ino, j = (*y)->entry->usk->ino;

	return i < j ? -1 : i > j;
}

static int compare_ino(const void *key, const void *element)
{
	const struct fd_info *const *info = element;
	uint32_t i = *(const uint32_t *)key, j = (*info)->entry->usk->ino;

	return i < j ? -1 : i > j;
}

static bool is_pair(const UnixSkEntry *a, const UnixSkEntry *b)
{
	return a->peer == b->ino && b->peer == a->ino && a->type == b->type && !a->name.len &&
	       !b->name.len;
}

static int check_peer(const struct fd_info *info, const struct fd_info *peer)
{
	const UnixSkEntry *a = info->entry->usk, *b = peer ? peer->entry->usk : NULL;
	const struct unix_queue *queue = info->data;
	bool pair = b && is_pair(a, b);

	if (a->type == SOCK_DGRAM && !pair && !STAILQ_EMPTY(queue))
		return dump_refuse(info, "holds datagrams that were not read; that is covered for "
				   "the two ends of a socketpair only: let the program read them "
				   "first");
	if (!a->peer || pair)
		return 0;
	if (!peer)
		return dump_refuse(info, "its peer is held outside of the tree: close the "
				   "connection before the dump");
	if (a->type != SOCK_DGRAM)
		return dump_refuse(info, "is a connection over a named socket, which is not "
				   "covered: close it before the dump");
	if (!b->name.len || (b->has_deleted && b->deleted))
		return dump_refuse(info, "is connected to a socket (inode %u) that has no name to "
				   "connect to again", b->ino);
	return 0;
}

static int list_sockets(const struct dump *d, struct fd_info ***list, size_t *n)
{
	size_t cap = 0;

	*n = 0;
	for (size_t i = 0; i < d->n_descriptions; i++) {
		struct fd_info **slot;

		if (d->descriptions[i]->kind != &unix_kind)
			continue;
		slot = array_push(list, n, &cap);
		if (!slot)
			return log_errno(-ENOMEM, "unix sockets: cannot list them");
		*slot = d->descriptions[i];
	}
	if (*n)
		qsort(*list, *n, sizeof(**list), compare_infos);
	return 0;
}

/* The list grows on the way: what is in flight may have a queue of its own. */
static int unix_reach(struct dump *d)
{
	for (size_t i = 0; i < d->n_descriptions; i++) {
		struct fd_info *info = d->descriptions[i];
		int r = info->kind == &unix_kind ? unix_queue_reach(d, info, info->data) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int unix_complete(struct dump *d)
{
	_cleanup_free_ struct fd_info **list = NULL;
	size_t n;
	int r = list_sockets(d, &list, &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		uint32_t ino = list[i]->entry->usk->peer;
		struct fd_info **peer = ino ? bsearch(&ino, list, n, sizeof(*list), compare_ino) :
					      NULL;

		r = check_peer(list[i], peer ? *peer : NULL);
	}
	return r;
}

static int unix_save(struct dump *d)
{
	_cleanup_(image_writer_cleanup) struct image_writer *w = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < d->n_descriptions; i++) {
		const struct fd_info *info = d->descriptions[i];

		if (info->kind != &unix_kind || STAILQ_EMPTY((const struct unix_queue *)info->data))
			continue;
		if (!w)
			r = image_writer_open(d->images, IMAGE_SK_QUEUES, 0, &w);
		if (r >= 0)
			r = unix_queue_write(w, info->id, info->data);
	}
	return r < 0 || !w ? r : image_writer_close(take_ptr(w));
}

/*
 * Restore
 */

/* file.data */
struct unix_sock {
	struct file *file;
	struct unix_sock *peer;
	struct unix_queue queue;
	int writer;			/* of an orphan: where its queue is filled from */
	struct unix_list *list;
	size_t waits;			/* sockets that connect to it before it connects */
};

/* All of the images. */
struct unix_list {
	struct unix_sock *socks;	/* ascending by inode */
	size_t n;
	size_t n_unopened;		/* plain sockets that are still to be made */
};

static const UnixSkEntry *entry_of(const struct unix_sock *s)
{
	return s->file->entry->usk;
}

static int compare_socks(const void *a, const void *b)
{
	uint32_t i = entry_of(a)->ino, j = entry_of(b)->ino;

	return i < j ? -1 : i > j;
}

static int compare_sock_ino(const void *key, const void *element)
{
	uint32_t i = *(const uint32_t *)key, j = entry_of(element)->ino;

	return i < j ? -1 : i > j;
}

static int link_peer(struct unix_sock *s)
{
	const UnixSkEntry *usk = entry_of(s);

	if (!usk->peer)
		return 0;
	s->peer = bsearch(&usk->peer, s->list->socks, s->list->n, sizeof(*s), compare_sock_ino);
	if (!s->peer)
		return log_errno(-EINVAL, "unix socket %#x: there is no peer with inode %u",
				 s->file->id, usk->peer);
	return 0;
}

static struct unix_queue *find_queue(struct restore *r, uint32_t id)
{
	struct file *file = restore_file_find(r, FD_TYPES__UNIXSK, id);

	return file ? &((struct unix_sock *)file->data)->queue : NULL;
}

static struct unix_list *list_files(struct restore *r)
{
	struct unix_list *list = arena_new_object(r->arena, struct unix_list);

	for (size_t i = 0; i < r->n_files; i++)
		list->n += r->files[i].type == FD_TYPES__UNIXSK;
	list->socks = arena_new_array(r->arena, struct unix_sock, list->n);
	list->n = 0;
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].type == FD_TYPES__UNIXSK)
			list->socks[list->n++].file = &r->files[i];
	qsort(list->socks, list->n, sizeof(*list->socks), compare_socks);
	return list;
}

static bool is_orphan(const struct unix_sock *s)
{
	return !s->peer && entry_of(s)->type != SOCK_DGRAM &&
	       entry_of(s)->state == TCP_ESTABLISHED;
}

static bool has_pair(const struct unix_sock *s)
{
	return s->peer && is_pair(entry_of(s), entry_of(s->peer));
}

static bool is_plain(const struct unix_sock *s)
{
	return !has_pair(s) && !is_orphan(s);
}

static int unix_load(struct restore *r)
{
	struct unix_list *list = list_files(r);
	int ret;

	for (size_t i = 0; i < list->n; i++) {
		struct unix_sock *s = &list->socks[i];

		s->list = list;
		s->file->data = s;
		s->writer = -1;
		STAILQ_INIT(&s->queue);
		if (i && entry_of(s)->ino == entry_of(s - 1)->ino)
			return log_errno(-EINVAL, "unix socket %#x: inode %u is there twice",
					 s->file->id, entry_of(s)->ino);
	}
	for (size_t i = 0; i < list->n; i++) {
		ret = link_peer(&list->socks[i]);
		if (ret < 0)
			return ret;
	}
	for (size_t i = 0; i < list->n; i++)
		list->n_unopened += is_plain(&list->socks[i]);
	return unix_queues_load(r, find_queue);
}

static int check_covered(const struct file *file, const struct unix_sock *s)
{
	const UnixSkEntry *usk = file->entry->usk;

	if (usk->uflags)
		return log_errno(-ENOTSUP, "unix socket %#x: a peer from outside (flags %#x) is "
				 "not covered", file->id, usk->uflags);
	if (s->peer == s)
		return log_errno(-ENOTSUP, "unix socket %#x: a socket that is connected to itself "
				 "is not covered", file->id);
	if ((s->peer && !has_pair(s) && usk->type != SOCK_DGRAM) ||
	    (is_orphan(s) && usk->name.len))
		return log_errno(-ENOTSUP, "unix socket %#x: a connection over a named socket is "
				 "not covered", file->id);
	if (s->peer && !has_pair(s) && !entry_of(s->peer)->name.len)
		return log_errno(-ENOTSUP, "unix socket %#x: is connected to unix socket %#x, "
				 "which has no name", file->id, s->peer->file->id);
	if (!STAILQ_EMPTY(&s->queue) && !has_pair(s) && !is_orphan(s))
		return log_errno(-ENOTSUP, "unix socket %#x: a queue is covered for socketpairs "
				 "only", file->id);
	return 0;
}

static int unix_collect(struct restore *r, struct file *file)
{
	const UnixSkEntry *usk = file->entry->usk;
	int ret;

	if (usk->type != SOCK_STREAM && usk->type != SOCK_DGRAM && usk->type != SOCK_SEQPACKET)
		return log_errno(-EINVAL, "unix socket %#x: type %u", file->id, usk->type);
	if (usk->state != TCP_ESTABLISHED && usk->state != TCP_CLOSE && usk->state != TCP_LISTEN)
		return log_errno(-EINVAL, "unix socket %#x: state %u", file->id, usk->state);
	if (usk->state == TCP_LISTEN && (usk->type == SOCK_DGRAM || !usk->name.len ||
					 usk->backlog > INT32_MAX))
		return log_errno(-EINVAL, "unix socket %#x: can't listen", file->id);
	ret = unix_name_check(file);
	if (ret >= 0)
		ret = check_covered(file, file->data);
	return ret < 0 ? ret : sock_options_check(file, usk->opts);
}

static int apply_shutdown(const struct file *file, int fd)
{
	static const int how[] = {
		[SK_SHUTDOWN__READ] = SHUT_RD,
		[SK_SHUTDOWN__WRITE] = SHUT_WR,
		[SK_SHUTDOWN__BOTH] = SHUT_RDWR,
	};
	const UnixSkEntry *usk = file->entry->usk;

	if (!usk->has_shutdown || usk->shutdown == SK_SHUTDOWN__NONE)
		return 0;
	if (shutdown(fd, how[usk->shutdown]) < 0)
		return log_errno(-errno, "unix socket %#x: cannot shut it down", file->id);
	return 0;
}

/* What comes last, of any socket: nothing can be sent or bound afterwards. */
static int finish(const struct file *file, int fd)
{
	const UnixSkEntry *usk = file->entry->usk;
	int r = sock_options_restore(file, fd, usk->opts);

	if (r >= 0 && usk->opts->has_reuseaddr)
		r = sock_set_int(file, fd, SOL_SOCKET, SO_REUSEADDR, usk->opts->reuseaddr,
				 "SO_REUSEADDR");
	if (r >= 0)
		r = restore_file_flags(file, fd, usk->flags);
	return r;
}

/* Both ends of a new pair; -1 when given away. */
struct new_pair {
	int ends[2];
};

static void new_pair_close(struct new_pair *p)
{
	close_cleanup(&p->ends[0]);
	close_cleanup(&p->ends[1]);
}

static int make_pair(const struct file *file, struct new_pair *p)
{
	if (socketpair(AF_UNIX, file->entry->usk->type | SOCK_CLOEXEC, 0, p->ends) < 0)
		return log_errno(-errno, "unix socket %#x: cannot make a pair", file->id);
	return 0;
}

static int open_pair(struct restore *r, struct unix_sock *a)
{
	_cleanup_(new_pair_close) struct new_pair p = { { -1, -1 } };
	int ret = make_pair(a->file, &p);

	if (ret >= 0)
		ret = restore_file_set_fd(r, a->file, take_fd(&p.ends[0]));
	if (ret >= 0)
		ret = restore_file_set_fd(r, a->peer->file, take_fd(&p.ends[1]));
	return ret;
}

static int open_orphan(struct restore *r, struct unix_sock *s)
{
	_cleanup_(new_pair_close) struct new_pair p = { { -1, -1 } };
	int ret = make_pair(s->file, &p);

	if (ret >= 0)
		ret = restore_file_set_fd(r, s->file, take_fd(&p.ends[0]));
	if (ret < 0)
		return ret;
	s->writer = restore_service_fd(r, take_fd(&p.ends[1]));
	return s->writer < 0 ? s->writer : 0;
}

static int fill_end(struct restore *r, struct unix_sock *s)
{
	int fd = has_pair(s) ? s->peer->file->fd : s->writer;
	int ret = unix_queue_fill(r, s->file, &s->queue, fd);

	if (s->writer >= 0)
		close(take_fd(&s->writer));
	return ret;
}

static int finish_end(struct restore *r, struct unix_sock *s)
{
	return finish(s->file, s->file->fd);
}

static int shut_end(struct restore *r, struct unix_sock *s)
{
	return has_pair(s) ? apply_shutdown(s->file, s->file->fd) : 0;
}

/* Pairs and orphans: all queues first, only then what ends the sending. */
static int unix_opened(struct restore *r)
{
	static int (*const steps[])(struct restore *r, struct unix_sock *s) = {
		fill_end, finish_end, shut_end,
	};

	for (size_t step = 0; step < ARRAY_SIZE(steps); step++)
		for (size_t i = 0; i < r->n_files; i++) {
			struct unix_sock *s = r->files[i].kind == &unix_kind ? r->files[i].data :
									       NULL;
			int ret = s && !is_plain(s) ? steps[step](r, s) : 0;

			if (ret < 0)
				return ret;
		}
	return 0;
}

/* A socket that passes credentials would be given a name by connect(). */
static int connect_peer(const struct unix_sock *s)
{
	const UnixSkEntry *usk = entry_of(s);
	bool hide = usk->opts->has_so_passcred && usk->opts->so_passcred && !usk->name.len;
	int r = 0;

	if (hide)
		r = sock_set_int(s->file, s->file->fd, SOL_SOCKET, SO_PASSCRED, 0, "SO_PASSCRED");
	if (r >= 0)
		r = unix_name_connect(s->file, s->file->fd, s->peer->file);
	if (r >= 0 && hide)
		r = sock_set_int(s->file, s->file->fd, SOL_SOCKET, SO_PASSCRED, 1, "SO_PASSCRED");
	return r < 0 ? r : apply_shutdown(s->file, s->file->fd);
}

/* Whether @s connects to somebody else than who is connected to it. */
static bool connects_away(const struct unix_sock *s, const struct unix_sock *connector)
{
	return s->peer && s->peer != connector;
}

/*
 * Nobody can connect to a socket that is connected to somebody else: who did
 * so did it before. The first to connect are those that nobody waits to
 * connect to; each frees its peer to connect on.
 */
static int connect_all(struct restore *r, struct unix_list *list)
{
	struct unix_sock **ready = arena_new_array(r->arena, struct unix_sock *, list->n);
	size_t n_ready = 0, left = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct unix_sock *s = &list->socks[i];

		if (!s->peer || !is_plain(s))
			continue;
		left++;
		s->peer->waits += connects_away(s->peer, s);
	}
	for (size_t i = 0; i < list->n; i++)
		if (list->socks[i].peer && is_plain(&list->socks[i]) && !list->socks[i].waits)
			ready[n_ready++] = &list->socks[i];
	for (; n_ready; left--) {
		struct unix_sock *s = ready[--n_ready];
		int ret = connect_peer(s);

		if (ret < 0)
			return ret;
		if (connects_away(s->peer, s) && --s->peer->waits == 0)
			ready[n_ready++] = s->peer;
	}
	if (left)
		return log_errno(-EINVAL, "unix sockets: %zu are connected in a circle", left);
	return 0;
}

static int open_plain(struct restore *r, struct unix_sock *s)
{
	_cleanup_close_ int fd = socket(AF_UNIX, entry_of(s)->type | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return log_errno(-errno, "unix socket %#x: cannot make it", s->file->id);
	ret = unix_name_bind(s->file, fd);
	if (ret >= 0)
		ret = finish(s->file, fd);
	if (ret >= 0 && !s->peer)
		ret = apply_shutdown(s->file, fd);
	if (ret >= 0)
		ret = restore_file_set_fd(r, s->file, take_fd(&fd));
	if (ret < 0 || --s->list->n_unopened)
		return ret;
	return connect_all(r, s->list);
}

static int unix_open(struct restore *r, struct file *file)
{
	struct unix_sock *s = file->data;

	if (has_pair(s))
		return open_pair(r, s);
	return is_orphan(s) ? open_orphan(r, s) : open_plain(r, s);
}

static int unix_post_open(struct restore *r, struct task *t, struct file *file, int fd)
{
	const UnixSkEntry *usk = file->entry->usk;
	const CredsEntry *creds = task_core(t)->thread_core->creds;
	struct saved_ids saved;
	int ret;

	if (usk->state != TCP_LISTEN)
		return 0;
	ret = ids_assume(creds->uid, creds->euid, creds->gid, creds->egid, &saved);
	if (ret < 0)
		return log_errno(ret, "unix socket %#x: cannot act as uid %u", file->id,
				 creds->euid);
	ret = listen(fd, usk->backlog) < 0 ? -errno : 0;
	if (ids_resume(&saved) < 0)
		return log_errno(-EPERM, "unix socket %#x: cannot come back from uid %u", file->id,
				 creds->euid);
	if (ret < 0)
		return log_errno(ret, "unix socket %#x: cannot listen", file->id);
	return 0;
}

const struct file_kind unix_kind = {
	.name = "unix socket",
	.type = FD_TYPES__UNIXSK,
	.proto = "unixsk.proto",
	.test = "sock/socketpair-stream",
	.probe = unix_probe,
	.dump = unix_dump,
	.reach = unix_reach,
	.complete = unix_complete,
	.save = unix_save,
	.load = unix_load,
	.collect = unix_collect,
	.open = unix_open,
	.opened = unix_opened,
	.post_open = unix_post_open,
};
