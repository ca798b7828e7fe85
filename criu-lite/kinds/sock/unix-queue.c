// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a unix socket has received and not read yet.
 *
 * MSG_PEEK shows all bytes of a stream at once, but only the first packet of a
 * queue of packets. To see the others SO_PEEK_OFF has to be set, a state of the
 * victim's socket. That is done by a child of ours that no signal to us and no
 * death of ours ends: it always sets it back.
 *
 * A zero-length packet on a socket whose receiving side is shut can't be told
 * from the end of the queue and is taken for that.
 *
 * Refused: descriptors in flight, messages that carry the credentials of their
 * sender, datagrams of a named sender (the receiver sees the name), out-of-band
 * bytes.
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

/* What the child found wrong, as its last word. */
enum peek_verdict {
	PEEK_OK,
	PEEK_RIGHTS,
	PEEK_CREDENTIALS,
	PEEK_NAMED,
	PEEK_TOO_LONG,
	PEEK_FAILED,			/* err says why */
};

static const char *const verdict_text[] = {
	[PEEK_RIGHTS] = "holds messages with descriptors in flight (SCM_RIGHTS), which are not "
			"covered: let the receiver read them first",
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
	bool is_packet;			/* @len bytes follow; else it is the end */
};

/* Descriptors that came with a copy are ours to close. */
static enum peek_verdict look_at_control(struct msghdr *msg)
{
	enum peek_verdict verdict = msg->msg_flags & MSG_CTRUNC ? PEEK_RIGHTS : PEEK_OK;
	struct ucred cred;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS || c->cmsg_type == SCM_PIDFD_TYPE)
			for (size_t i = 0; i < len / sizeof(int); i++)
				close(((int *)CMSG_DATA(c))[i]);
		if (c->cmsg_type == SCM_RIGHTS)
			verdict = PEEK_RIGHTS;
		if (c->cmsg_type != SCM_CREDENTIALS || len != sizeof(cred))
			continue;
		/* Without a pid it was sent when nobody asked for credentials. */
		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		if (cred.pid && verdict == PEEK_OK)
			verdict = PEEK_CREDENTIALS;
	}
	return verdict;
}

/* Returns the bytes that were peeked, or -errno; sets *verdict. */
static ssize_t peek(int fd, void *buf, size_t size, enum peek_verdict *verdict)
{
	union {
		struct cmsghdr align;
		char buf[1024 + CMSG_SPACE(sizeof(struct ucred))];
	} control;
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
	*verdict = look_at_control(&msg);
	if (*verdict == PEEK_OK && msg.msg_flags & MSG_TRUNC)
		*verdict = PEEK_TOO_LONG;
	/* A stream reports its peer's name here, which is no message's. */
	if (*verdict == PEEK_OK && msg.msg_namelen)
		*verdict = PEEK_NAMED;
	return n;
}

static struct unix_packet *add_packet(struct dump *d, struct unix_queue *queue, uint32_t len)
{
	struct unix_packet *p = arena_alloc(d->arena, sizeof(*p) + len);

	p->len = len;
	STAILQ_INSERT_TAIL(queue, p, link);
	return p;
}

static int read_stream(struct dump *d, const struct fd_info *info, struct unix_queue *queue)
{
	enum peek_verdict verdict = PEEK_OK;
	struct unix_packet *p;
	int bytes;
	ssize_t n;

	if (ioctl(info->local, SIOCINQ, &bytes) < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot read how much is "
				 "queued", info->task->pid, info->fd);
	/* With nothing there a look could take a pending error. */
	if (bytes <= 0)
		return 0;
	p = add_packet(d, queue, bytes);
	n = peek(info->local, p->data, p->len, &verdict);
	if (n < 0)
		return log_errno(n, "pid %d fd %d: unix socket: cannot look at its queue",
				 info->task->pid, info->fd);
	if (verdict != PEEK_OK && verdict != PEEK_NAMED)
		return dump_refuse(info, "%s", verdict_text[verdict]);
	if (n != bytes)
		return dump_refuse(info, "of %d bytes in its queue only %zd can be seen: messages "
				   "with descriptors or credentials are not covered", bytes, n);
	return 0;
}

/* Writes one record to the pipe. Nobody to read it: the dumper is gone. */
static int tell(int pipe, const struct peeked *record, const void *data)
{
	int r = write_all(pipe, record, sizeof(*record));

	return r < 0 || !record->is_packet ? r : write_all(pipe, data, record->len);
}

static void peek_packets(int fd, int pipe, char *buf, bool ended)
{
	struct peeked record;
	ssize_t n;

	do {
		record = (struct peeked){};
		n = peek(fd, buf, PACKET_MAX, &record.verdict);
		if (n < 0 && n != -EAGAIN) {
			record.verdict = PEEK_FAILED;
			record.err = n;
		}
		record.is_packet = n > 0 || (n == 0 && !ended);
		record.len = MAX(n, 0);
	} while (tell(pipe, &record, buf) >= 0 && record.is_packet && record.verdict == PEEK_OK);
}

/*
 * Whoever waits for the end of the dumper waits for its descriptors to be
 * closed, parasites first of all. And with a reader of the pipe left in
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
static void run_peeker(int fd, int pipe, char *buf, bool ended)
{
	const int first = 0;
	int before = -1;
	socklen_t len = sizeof(before);
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	close_all_but(fd, pipe);
	/* Without a word of ours the dumper knows that it failed. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &before, &len) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof(first)) == 0)
		peek_packets(fd, pipe, buf, ended);
	_exit(setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &before, sizeof(before)) < 0);
}

static int take_records(struct dump *d, const struct fd_info *info, int pipe,
			struct unix_queue *queue)
{
	struct peeked record;
	struct unix_packet *p;

	for (;;) {
		if (read_all(pipe, &record, sizeof(record)) != sizeof(record))
			return log_errno(-EIO, "pid %d fd %d: unix socket: cannot look at its "
					 "queue", info->task->pid, info->fd);
		if (record.verdict == PEEK_FAILED)
			return log_errno(record.err, "pid %d fd %d: unix socket: cannot look at "
					 "its queue", info->task->pid, info->fd);
		if (record.verdict != PEEK_OK)
			return dump_refuse(info, "%s", verdict_text[record.verdict]);
		if (!record.is_packet)
			return 0;
		p = add_packet(d, queue, record.len);
		if (read_all(pipe, p->data, p->len) != p->len)
			return log_errno(-EIO, "pid %d fd %d: unix socket: cannot copy its queue",
					 info->task->pid, info->fd);
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

static int read_packets(struct dump *d, const struct fd_info *info, bool ended,
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
	if (pipe2(pair, O_CLOEXEC) < 0)
		return log_errno(-errno, "unix socket: cannot make a pipe to our helper");
	in = pair[0];
	out = pair[1];
	buf = mmap(NULL, PACKET_MAX, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buf == MAP_FAILED)
		return log_errno(-errno, "unix socket: no memory for a packet");
	child = fork();
	if (child == 0)
		run_peeker(info->local, out, buf, ended);
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
	return type == SOCK_STREAM ? read_stream(d, info, queue) :
				     read_packets(d, info, ended, queue);
}

int unix_queue_write(struct image_writer *w, uint32_t id, const struct unix_queue *queue)
{
	const struct unix_packet *p;

	STAILQ_FOREACH(p, queue, link) {
		SkPacketEntry entry = SK_PACKET_ENTRY__INIT;
		int r;

		entry.id_for = id;
		entry.length = p->len;
		r = image_write(w, &entry.base);
		if (r >= 0 && p->len)
			r = image_writer_extra(w, p->data, p->len);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_packet(struct restore *r, struct image_reader *reader, const SkPacketEntry *entry,
		       struct unix_queue *queue)
{
	struct unix_packet *p;

	if (!queue)
		return log_errno(-EINVAL, "sk-queues: a packet for file %#x, which is no unix "
				 "socket", entry->id_for);
	if (entry->n_scm)
		return log_errno(-ENOTSUP, "unix socket %#x: descriptors in flight are not covered",
				 entry->id_for);
	if (entry->length > image_reader_left(reader))
		return log_errno(-EINVAL, "unix socket %#x: a packet of %u bytes, more than the "
				 "file has", entry->id_for, entry->length);
	p = arena_alloc(r->arena, sizeof(*p) + entry->length);
	p->len = entry->length;
	STAILQ_INSERT_TAIL(queue, p, link);
	return p->len ? image_reader_extra(reader, p->data, p->len) : 0;
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

int unix_queue_fill(const struct file *file, const struct unix_queue *queue, int fd)
{
	const struct unix_packet *p;
	int r = STAILQ_EMPTY(queue) ? 0 : make_room(file, queue, fd);

	if (r < 0)
		return r;
	STAILQ_FOREACH(p, queue, link) {
		ssize_t n = send(fd, p->data, p->len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n != p->len)
			return log_errno(n < 0 ? -errno : -ENOBUFS, "unix socket %#x: cannot queue "
					 "%u bytes again", file->id, p->len);
	}
	return 0;
}
