// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a unix socket has received and not read yet.
 *
 * MSG_PEEK shows the bytes of a stream at once, up to those that came with
 * descriptors, but only the first packet of a queue of packets. To see the
 * others SO_PEEK_OFF has to be set, a state of the victim's socket. That is done
 * by a child of ours that no signal to us and no death of ours ends: it always
 * sets it back.
 *
 * Descriptors in flight (SCM_RIGHTS) are open files like any other, that some
 * task may have too. Looking gives us descriptors of them. They are sent again
 * when every file is open: a socket may be in flight over itself. A look at a
 * stream shows them with all bytes that were sent before them, too: only where
 * there is but one is it certain that they came with it.
 *
 * A zero-length packet on a socket whose receiving side is shut can't be told
 * from the end of the queue and is taken for that.
 *
 * Refused: streams where it is not, messages that carry the credentials of
 * their sender, datagrams of a named sender (the receiver sees the name),
 * out-of-band bytes.
 */
#include "kinds/sock/unix-queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/restore.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/sk-queue.pb-c.h"
#include "kinds/sock/sock.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* A datagram is never longer than the send buffer it went through. */
#define PACKET_MAX (16U << 20)
/* What the kernel counts beside the bytes of a packet, generously. */
#define PACKET_OVERHEAD 4096

#define SCM_PIDFD_TYPE 4		/* SCM_PIDFD, 6.5 */
#define SCM_MAX_FD 253			/* in one message (unix(7)) */

/* What comes beside the bytes of a message. */
union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(SCM_MAX_FD * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
		 CMSG_SPACE(sizeof(int))];
};

/* What the child found wrong, as its last word. */
enum peek_verdict {
	PEEK_OK,
	PEEK_CUT,
	PEEK_JOINED,
	PEEK_CREDENTIALS,
	PEEK_NAMED,
	PEEK_TOO_LONG,
	PEEK_FAILED,			/* err says why */
};

static const char *const verdict_text[] = {
	[PEEK_CUT] = "holds a message whose descriptors in flight (SCM_RIGHTS) can't all be taken: "
		     "too many open files",
	[PEEK_JOINED] = "is a stream with descriptors in flight (SCM_RIGHTS) and more than one "
			"byte beside them: with which byte they came can't be told; let the "
			"receiver read them first",
	[PEEK_CREDENTIALS] = "holds messages with credentials of their sender (SO_PASSCRED), which "
			     "are not covered: let the receiver read them first",
	[PEEK_NAMED] = "holds datagrams of a sender that is bound to a name, which are not "
		       "covered: let the receiver read them first",
	[PEEK_TOO_LONG] = "holds a datagram that is too long",
};

struct peeked {
	enum peek_verdict verdict;
	int err;
	uint32_t len;
	uint32_t n_fds;			/* come with the record, as SCM_RIGHTS */
	bool is_packet;			/* @len bytes follow; else it is the end */
};

/* Descriptors that came with a message: ours to close. */
struct received {
	size_t n;
	int fds[SCM_MAX_FD];
};

static void received_close(struct received *r)
{
	while (r->n)
		close(r->fds[--r->n]);
}

static void take_rights(const struct cmsghdr *c, struct received *r)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (r->n < SCM_MAX_FD)
			r->fds[r->n++] = fd;
		else
			close(fd);
	}
}

static enum peek_verdict look_at_control(struct msghdr *msg, struct received *rights)
{
	enum peek_verdict verdict = msg->msg_flags & MSG_CTRUNC ? PEEK_CUT : PEEK_OK;
	struct received pidfds = {};
	struct ucred cred;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS || c->cmsg_type == SCM_PIDFD_TYPE)
			take_rights(c, c->cmsg_type == SCM_RIGHTS ? rights : &pidfds);
		if (c->cmsg_type != SCM_CREDENTIALS || len != sizeof(cred))
			continue;
		/* Without a pid it was sent when nobody asked for credentials. */
		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		if (cred.pid && verdict == PEEK_OK)
			verdict = PEEK_CREDENTIALS;
	}
	received_close(&pidfds);
	return verdict;
}

/* Returns the bytes that were peeked, or -errno; sets *verdict, fills @rights. */
static ssize_t peek(int fd, void *buf, size_t size, enum peek_verdict *verdict,
		    struct received *rights)
{
	union control control;
	char name[128];
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = {
		.msg_name = name, .msg_namelen = sizeof(name),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	*verdict = look_at_control(&msg, rights);
	if (*verdict == PEEK_OK && msg.msg_flags & MSG_TRUNC)
		*verdict = PEEK_TOO_LONG;
	/* A stream reports its peer's name here, which is no message's. */
	if (*verdict == PEEK_OK && msg.msg_namelen)
		*verdict = PEEK_NAMED;
	return n;
}

static struct unix_packet *add_packet(struct arena *arena, struct unix_queue *queue, uint32_t len)
{
	struct unix_packet *p = arena_alloc(arena, sizeof(*p) + len);

	*p = (struct unix_packet){ .len = len };
	STAILQ_INSERT_TAIL(queue, p, link);
	return p;
}

/* Nothing where there is nothing to send. */
static void attach_rights(struct msghdr *msg, union control *control,
			  const struct received *rights)
{
	size_t len = rights->n * sizeof(*rights->fds);

	if (!len)
		return;
	msg->msg_control = control->buf;
	msg->msg_controllen = CMSG_SPACE(len);
	control->align = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(len),
	};
	memcpy(CMSG_DATA(&control->align), rights->fds, len);
}

/* Writes one record to the dumper. Nobody to read it: the dumper is gone. */
static int tell(int out, struct peeked *record, const struct received *rights, const void *data)
{
	union control control = {};
	struct iovec iov = { .iov_base = record, .iov_len = sizeof(*record) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	record->n_fds = rights->n;
	attach_rights(&msg, &control, rights);
	if (sendmsg(out, &msg, MSG_NOSIGNAL) != sizeof(*record))
		return -EPIPE;
	return record->is_packet ? write_all(out, data, record->len) : 0;
}

static int hear(int in, struct peeked *record, struct received *rights)
{
	union control control;
	struct iovec iov = { .iov_base = record, .iov_len = sizeof(*record) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};

	if (recvmsg(in, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(*record))
		return -EIO;
	if (look_at_control(&msg, rights) != PEEK_OK || rights->n != record->n_fds)
		return -EMFILE;
	return 0;
}

static void peek_packets(int fd, int type, int out, char *buf, bool ended)
{
	struct received rights = {};
	struct peeked record;
	ssize_t n;
	int r;

	do {
		record = (struct peeked){};
		n = peek(fd, buf, PACKET_MAX, &record.verdict, &rights);
		if (n < 0 && n != -EAGAIN) {
			record.verdict = PEEK_FAILED;
			record.err = n;
		}
		record.is_packet = n > 0 || (n == 0 && !ended);
		record.len = MAX(n, 0);
		if (n > 1 && type == SOCK_STREAM && rights.n && record.verdict == PEEK_OK)
			record.verdict = PEEK_JOINED;
		r = tell(out, &record, &rights, buf);
		received_close(&rights);
	} while (r >= 0 && record.is_packet && record.verdict == PEEK_OK);
}

/*
 * Whoever waits for the end of the dumper waits for its descriptors to be
 * closed, parasites first of all. And with the other end of the channel left in
 * ourselves we would wait for a dead dumper to read.
 */
static void close_all_but(unsigned int a, unsigned int b)
{
	unsigned int low = MIN(a, b), high = MAX(a, b);

	if (low)
		sys_close_range(0, low - 1, 0);
	if (high - low > 1)
		sys_close_range(low + 1, high - 1, 0);
	sys_close_range(high + 1, ~0U, 0);
}

/*
 * In the child: nothing but SIGKILL to itself ends it before the offset is
 * back, and its own session keeps a signal to the dumper's group away.
 */
__attribute__((noreturn))
static void run_peeker(int fd, int type, int out, char *buf, bool ended)
{
	const int first = 0;
	int before = -1;
	socklen_t len = sizeof(before);
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	close_all_but(fd, out);
	/* Without a word of ours the dumper knows that it failed. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &before, &len) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof(first)) == 0)
		peek_packets(fd, type, out, buf, ended);
	_exit(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &before, sizeof(before)) < 0);
}

/* The packet's bytes follow its record. */
static int take_packet(struct dump *d, const struct fd_info *info, int in,
		       const struct peeked *record, struct received *rights,
		       struct unix_queue *queue)
{
	struct unix_packet *p = add_packet(d->arena, queue, record->len);

	p->n_rights = rights->n;
	p->fds = arena_memdup(d->arena, rights->fds, rights->n * sizeof(*rights->fds));
	rights->n = 0;
	if (read_all(in, p->data, p->len) != p->len)
		return log_errno(-EIO, "pid %d fd %d: unix socket: cannot copy its queue",
				 info->task->pid, info->fd);
	return 0;
}

static int take_records(struct dump *d, const struct fd_info *info, int in,
			struct unix_queue *queue)
{
	_cleanup_(received_close) struct received rights = {};
	struct peeked record;

	for (;;) {
		int r = hear(in, &record, &rights);

		if (r < 0)
			return log_errno(r, "pid %d fd %d: unix socket: cannot look at its queue",
					 info->task->pid, info->fd);
		if (record.verdict == PEEK_FAILED)
			return log_errno(record.err, "pid %d fd %d: unix socket: cannot look at "
					 "its queue", info->task->pid, info->fd);
		if (record.verdict != PEEK_OK)
			return dump_refuse(info, "%s", verdict_text[record.verdict]);
		if (!record.is_packet)
			return 0;
		r = take_packet(d, info, in, &record, &rights, queue);
		if (r < 0)
			return r;
	}
}

static int wait_for_peeker(const struct fd_info *info, pid_t child, int before)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return log_errno(-errno, "pid %d fd %d: unix socket: cannot wait for our "
					 "helper", info->task->pid, info->fd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (setsockopt(info->local, SOL_SOCKET, SO_PEEK_OFF, &before, sizeof(before)) < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot set SO_PEEK_OFF back",
				 info->task->pid, info->fd);
	return log_errno(-ECHILD, "pid %d fd %d: unix socket: our helper died", info->task->pid,
			 info->fd);
}

static int read_packets(struct dump *d, const struct fd_info *info, int type, bool ended,
			struct unix_queue *queue)
{
	_cleanup_close_ int in = -1, out = -1;
	int pair[2], before, r, waited;
	char *buf;
	pid_t child;

	r = sock_get_int(info->local, SOL_SOCKET, SO_PEEK_OFF, &before);
	if (r < 0)
		return log_errno(r, "pid %d fd %d: unix socket: cannot read SO_PEEK_OFF",
				 info->task->pid, info->fd);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return log_errno(-errno, "unix socket: cannot make a channel to our helper");
	in = pair[0];
	out = pair[1];
	buf = mmap(NULL, PACKET_MAX, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buf == MAP_FAILED)
		return log_errno(-errno, "unix socket: no memory for a packet");
	child = fork();
	if (child == 0)
		run_peeker(info->local, type, out, buf, ended);
	r = child < 0 ? log_errno(-errno, "unix socket: cannot start our helper") : 0;
	munmap(buf, PACKET_MAX);
	close(take_fd(&out));
	if (r < 0)
		return r;
	r = take_records(d, info, in, queue);
	/* A helper that still has something to say must not wait for us to listen. */
	close(take_fd(&in));
	waited = wait_for_peeker(info, child, before);
	return r < 0 ? r : waited;
}

static int read_stream(struct dump *d, const struct fd_info *info, bool ended,
		       struct unix_queue *queue)
{
	_cleanup_(received_close) struct received rights = {};
	enum peek_verdict verdict = PEEK_OK;
	_cleanup_free_ char *data = NULL;
	int bytes;
	ssize_t n;

	if (ioctl(info->local, SIOCINQ, &bytes) < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot read how much is "
				 "queued", info->task->pid, info->fd);
	/* With nothing there a look could take a pending error. */
	if (bytes <= 0)
		return 0;
	data = malloc(bytes);
	if (!data)
		return log_errno(-ENOMEM, "pid %d fd %d: unix socket: cannot copy %d bytes",
				 info->task->pid, info->fd, bytes);
	n = peek(info->local, data, bytes, &verdict, &rights);
	if (n < 0)
		return log_errno(n, "pid %d fd %d: unix socket: cannot look at its queue",
				 info->task->pid, info->fd);
	if (verdict != PEEK_OK && verdict != PEEK_NAMED)
		return dump_refuse(info, "%s", verdict_text[verdict]);
	/* Descriptors divide a stream; so do the credentials of senders. */
	if (rights.n || n != bytes)
		return read_packets(d, info, SOCK_STREAM, ended, queue);
	memcpy(add_packet(d->arena, queue, bytes)->data, data, bytes);
	return 0;
}

int unix_queue_read(struct dump *d, const struct fd_info *info, int type, bool ended,
		    struct unix_queue *queue)
{
	struct pollfd p = { .fd = info->local, .events = POLLIN | POLLPRI };

	STAILQ_INIT(queue);
	if (poll(&p, 1, 0) < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot poll", info->task->pid,
				 info->fd);
	if (p.revents & POLLPRI)
		return dump_refuse(info, "holds an out-of-band byte, which is not covered: let the "
				   "receiver read it first");
	if (p.revents & POLLERR)
		return dump_refuse(info, "has an error pending that nobody read yet, which is not "
				   "covered: let the program read it first");
	if (!(p.revents & POLLIN))
		return 0;
	return type == SOCK_STREAM ? read_stream(d, info, ended, queue) :
				     read_packets(d, info, type, ended, queue);
}

int unix_queue_reach(struct dump *d, const struct fd_info *info, struct unix_queue *queue)
{
	struct unix_packet *p;

	STAILQ_FOREACH(p, queue, link) {
		if (p->n_rights)
			p->rights = arena_new_array(d->arena, uint32_t, p->n_rights);
		for (size_t i = 0; i < p->n_rights; i++) {
			int r = dump_inflight_file(d, info, p->fds[i], &p->rights[i]);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int unix_queue_write(struct image_writer *w, uint32_t id, const struct unix_queue *queue)
{
	const struct unix_packet *p;

	STAILQ_FOREACH(p, queue, link) {
		SkPacketEntry entry = SK_PACKET_ENTRY__INIT;
		ScmEntry scm = SCM_ENTRY__INIT, *list = &scm;
		int r;

		entry.id_for = id;
		entry.length = p->len;
		scm.type = SCM_RIGHTS;
		scm.n_rights = p->n_rights;
		scm.rights = p->rights;
		entry.n_scm = p->n_rights > 0;
		entry.scm = &list;
		r = image_write(w, &entry.base);
		if (r >= 0 && p->len)
			r = image_writer_extra(w, p->data, p->len);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Ids of files are unique, but a TUN device's, which nobody can send. */
static struct file *find_any(struct restore *r, uint32_t id)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].id == id)
			return &r->files[i];
	return NULL;
}

static int load_rights(struct restore *r, const SkPacketEntry *entry, struct unix_packet *p)
{
	const ScmEntry *scm = entry->n_scm ? entry->scm[0] : NULL;

	if (!scm)
		return 0;
	if (entry->n_scm > 1 || scm->type != SCM_RIGHTS)
		return log_errno(-ENOTSUP, "unix socket %#x: a packet with more than descriptors "
				 "(%zu ancillary messages, type %u) is not covered", entry->id_for,
				 entry->n_scm, scm->type);
	if (scm->n_rights > SCM_MAX_FD)
		return log_errno(-EINVAL, "unix socket %#x: a packet with %zu descriptors",
				 entry->id_for, scm->n_rights);
	p->n_rights = scm->n_rights;
	p->rights = arena_memdup(r->arena, scm->rights, scm->n_rights * sizeof(*scm->rights));
	for (size_t i = 0; i < p->n_rights; i++) {
		struct file *file = find_any(r, p->rights[i]);

		if (!file || !file->kind->open)
			return log_errno(-EINVAL, "unix socket %#x: file %#x is in flight to it, "
					 "and is not there", entry->id_for, p->rights[i]);
		file->in_flight = true;
	}
	return 0;
}

static int load_packet(struct restore *r, struct image_reader *reader, const SkPacketEntry *entry,
		       struct unix_queue *queue)
{
	struct unix_packet *p;
	int ret;

	if (!queue)
		return log_errno(-EINVAL, "sk-queues: a packet for file %#x, which is no unix "
				 "socket", entry->id_for);
	if (entry->length > image_reader_left(reader))
		return log_errno(-EINVAL, "unix socket %#x: a packet of %u bytes, more than the "
				 "file has", entry->id_for, entry->length);
	p = add_packet(r->arena, queue, entry->length);
	ret = load_rights(r, entry, p);
	return ret < 0 || !p->len ? ret : image_reader_extra(reader, p->data, p->len);
}

int unix_queues_load(struct restore *r, struct unix_queue *(*find)(struct restore *r, uint32_t id))
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open(r->images, IMAGE_SK_QUEUES, 0, &reader);

	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		const SkPacketEntry *entry = (SkPacketEntry *)msg;

		ret = load_packet(r, reader, entry, find(r, entry->id_for));
		image_message_free(msg);
		if (ret < 0)
			return ret;
	}
	return ret;
}

/* The kernel doubles what it is told. */
static int make_room(const struct file *file, const struct unix_queue *queue, int fd)
{
	const struct unix_packet *p;
	uint64_t need = 0;
	int size;

	STAILQ_FOREACH(p, queue, link)
		need += p->len + PACKET_OVERHEAD;
	size = MIN(need, (uint64_t)INT32_MAX / 2);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		return log_errno(-errno, "unix socket %#x: cannot make room for its queue",
				 file->id);
	return 0;
}

/* The kernel takes no more than it can queue: all, or nothing of a packet. */
static int send_packet(struct restore *r, const struct file *file, const struct unix_packet *p,
		       int fd)
{
	union control control = {};
	struct iovec iov = { .iov_base = (void *)p->data, .iov_len = p->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct received rights = {};
	ssize_t n;

	for (size_t i = 0; i < p->n_rights; i++)
		rights.fds[rights.n++] = find_any(r, p->rights[i])->fd;
	attach_rights(&msg, &control, &rights);
	n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n != p->len)
		return log_errno(n < 0 ? -errno : -ENOBUFS, "unix socket %#x: cannot queue %u "
				 "bytes again", file->id, p->len);
	return 0;
}

int unix_queue_fill(struct restore *r, const struct file *file, const struct unix_queue *queue,
		    int fd)
{
	const struct unix_packet *p;
	int ret = STAILQ_EMPTY(queue) ? 0 : make_room(file, queue, fd);

	if (ret < 0)
		return ret;
	STAILQ_FOREACH(p, queue, link) {
		ret = send_packet(r, file, p, fd);
		if (ret < 0)
			return ret;
	}
	return 0;
}
