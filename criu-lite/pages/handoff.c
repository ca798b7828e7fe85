// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handoff between a lazy restore and the lazy-pages server.
 *
 * One record is one message of a SOCK_SEQPACKET socket, with its descriptors
 * in it, so that no sender can get between another one's pieces, and none is
 * ever half there. A peer of another user is turned away; a peer of the same
 * user may still be a broken one, so nothing in a record is used unchecked.
 */
#include "pages/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "pages/packet.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#define HANDOFF_MAGIC 0x7a616c63u
#define HANDOFF_VERSION 1u
/* Keeps a message well below the default limit of a socket's buffer. */
#define RANGES_PER_RECORD 1024u

/* Both ends are on one machine: native byte order. Ranges follow. */
struct wire_record {
	uint32_t magic;
	uint32_t type;
	uint64_t id;			/* pid, shmid, HELLO: version */
	uint32_t n_ranges;		/* that follow */
	uint32_t n_total;		/* TASK: in all records; COMPLETE: tasks */
	uint32_t first;
	int32_t status;
};

/* What a record of each type must carry. */
struct wire_shape {
	const char *name;
	unsigned int n_fds;
	bool ranges;
};

static const struct wire_shape shape_table[HANDOFF_TYPE_COUNT] = {
	[HANDOFF_HELLO] = { "hello", 0, false },
	[HANDOFF_SEGMENT] = { "segment", 1, false },
	[HANDOFF_TASK] = { "task", 2, true },
	[HANDOFF_RANGES] = { "ranges", 0, true },
	[HANDOFF_COMPLETE] = { "complete", 0, false },
	[HANDOFF_STATUS] = { "status", 0, false },
	[HANDOFF_RUNNING] = { "running", 0, false },
};

const char *handoff_type_str(enum handoff_type type)
{
	if (type >= HANDOFF_TYPE_COUNT || !shape_table[type].name)
		return "unknown";
	return shape_table[type].name;
}

static int send_record(int sock, struct wire_record *rec, const struct handoff_range *ranges,
		       const int *fds, unsigned int n_fds)
{
	struct iovec iov[2] = {
		{ rec, sizeof(*rec) },
		{ (void *)ranges, rec->n_ranges * sizeof(*ranges) },
	};
	int err;

	rec->magic = HANDOFF_MAGIC;
	err = packet_send(sock, iov, rec->n_ranges ? 2 : 1, fds, n_fds);
	return err ? log_errno(err, "lazy-pages socket: cannot send %s %" PRIu64,
			       handoff_type_str(rec->type), rec->id) : 0;
}

/* The path goes through /proc, since a socket's path holds 107 bytes at most. */
static void socket_address(int workdir_fd, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", workdir_fd,
		 HANDOFF_SOCKET_NAME);
}

/* Restore's side. */

static int try_connect(int workdir_fd, int flags)
{
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	struct sockaddr_un addr;

	if (sock < 0)
		return log_errno(-errno, "lazy-pages socket: cannot make one");
	socket_address(workdir_fd, &addr);
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN || errno == EINTR)
			return -ECONNREFUSED;
		return log_errno(-errno, "lazy-pages socket: cannot connect");
	}
	return take_fd(&sock);
}

int handoff_connect(int workdir_fd)
{
	return try_connect(workdir_fd, 0);
}

int handoff_answered(int sock, int stop)
{
	struct pollfd fds[] = {
		{ .fd = sock, .events = POLLIN }, { .fd = stop, .events = POLLIN },
	};
	struct handoff_record rec;
	int ret = poll(fds, ARRAY_SIZE(fds), -1);

	while (ret < 0 && errno == EINTR)
		ret = poll(fds, ARRAY_SIZE(fds), -1);
	if (ret < 0)
		return log_errno(-errno, "lazy-pages socket: cannot wait");
	if (!fds[0].revents)
		return log_errno(-EINTR, "lazy-pages server: no answer so far");
	ret = handoff_receive(sock, &rec);
	if (ret < 0)
		return ret;
	if (!ret)
		return log_errno(-ECONNRESET, "lazy-pages server: hung up");
	if (rec.type != HANDOFF_STATUS) {
		log_error("lazy-pages server: sent %s where a status is due",
			  handoff_type_str(rec.type));
		handoff_record_fini(&rec);
		return -EPROTO;
	}
	if (rec.status)
		return log_errno(rec.status, "lazy-pages server: refused (its log says more)");
	return 0;
}

int handoff_greet(int sock)
{
	struct wire_record hello = { .type = HANDOFF_HELLO, .id = HANDOFF_VERSION };
	int err = packet_check_peer(sock);

	return err ? err : send_record(sock, &hello, NULL, NULL, 0);
}

bool handoff_hung_up(int sock)
{
	struct pollfd p = { .fd = sock };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

int handoff_send_segment(int sock, uint64_t shmid, int fd)
{
	struct wire_record rec = { .type = HANDOFF_SEGMENT, .id = shmid };

	return send_record(sock, &rec, NULL, &fd, 1);
}

int handoff_send_task(int sock, int pid, int uffd, int pidfd,
		      const struct handoff_range *ranges, size_t n_ranges)
{
	struct wire_record rec = { .type = HANDOFF_TASK, .id = pid, .n_total = n_ranges };
	int fds[2] = { uffd, pidfd };
	int err;

	if (n_ranges > HANDOFF_RANGES_MAX)
		return log_errno(-E2BIG, "task %d: more than %u armed ranges", pid,
				 HANDOFF_RANGES_MAX);
	rec.n_ranges = MIN(n_ranges, RANGES_PER_RECORD);
	err = send_record(sock, &rec, ranges, fds, 2);
	while (!err && rec.first + rec.n_ranges < n_ranges) {
		rec.first += rec.n_ranges;
		rec.type = HANDOFF_RANGES;
		rec.n_ranges = MIN(n_ranges - rec.first, RANGES_PER_RECORD);
		err = send_record(sock, &rec, ranges + rec.first, NULL, 0);
	}
	return err;
}

int handoff_complete(int sock, int stop, unsigned int n_tasks)
{
	struct wire_record rec = { .type = HANDOFF_COMPLETE, .n_total = n_tasks };
	int err = send_record(sock, &rec, NULL, NULL, 0);

	return err ? err : handoff_answered(sock, stop);
}

int handoff_running(int sock)
{
	const struct wire_record rec = { .magic = HANDOFF_MAGIC, .type = HANDOFF_RUNNING };

	while (send(sock, &rec, sizeof(rec), MSG_NOSIGNAL) < 0) {
		/* It has delivered everything, and ended. */
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EINTR)
			return log_errno(-errno, "lazy-pages socket: cannot send %s",
					 handoff_type_str(rec.type));
	}
	return 0;
}

/* The server's side. */

/* A socket that a server left behind goes; one that is being served stays. */
static int remove_stale(int workdir_fd)
{
	_cleanup_close_ int sock = -1;
	struct stat st;

	if (fstatat(workdir_fd, HANDOFF_SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : log_errno(-errno, "%s", HANDOFF_SOCKET_NAME);
	if (!S_ISSOCK(st.st_mode))
		return log_errno(-EEXIST, "%s: is there, and is no socket", HANDOFF_SOCKET_NAME);
	sock = try_connect(workdir_fd, SOCK_NONBLOCK);
	if (sock >= 0)
		return log_errno(-EADDRINUSE, "%s: another lazy-pages server waits there",
				 HANDOFF_SOCKET_NAME);
	if (sock != -ECONNREFUSED)
		return sock;
	if (unlinkat(workdir_fd, HANDOFF_SOCKET_NAME, 0) && errno != ENOENT)
		return log_errno(-errno, "%s: cannot remove the old one", HANDOFF_SOCKET_NAME);
	return 0;
}

int handoff_listen(int workdir_fd)
{
	_cleanup_close_ int sock = -1;
	struct sockaddr_un addr;
	mode_t mask;
	int err = remove_stale(workdir_fd);

	if (err)
		return err;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return log_errno(-errno, "lazy-pages socket: cannot make one");
	socket_address(workdir_fd, &addr);
	/* bind() makes the file: it must be 0600 from the start. */
	mask = umask(0177);
	err = bind(sock, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	umask(mask);
	if (err)
		return log_errno(err, "%s: cannot bind", HANDOFF_SOCKET_NAME);
	if (listen(sock, 8))
		return log_errno(-errno, "%s: cannot listen", HANDOFF_SOCKET_NAME);
	return take_fd(&sock);
}

int handoff_send_status(int sock, int status)
{
	struct wire_record rec = { .type = HANDOFF_STATUS, .status = status };

	return send_record(sock, &rec, NULL, NULL, 0);
}

void handoff_record_fini(struct handoff_record *rec)
{
	free(rec->ranges);
	if (rec->fd >= 0)
		close(rec->fd);
	if (rec->pidfd >= 0)
		close(rec->pidfd);
	*rec = (struct handoff_record){ .fd = -1, .pidfd = -1 };
}

static bool range_valid(const struct handoff_range *r, uint64_t after)
{
	uint64_t len = r->end - r->start, page;

	if (r->start < after || r->start >= r->end)
		return false;
	if (r->huge && (r->huge <= PAGE_SHIFT || r->huge > HANDOFF_HUGE_MAX))
		return false;
	page = r->huge ? 1ULL << r->huge : PAGE_SIZE;
	if ((r->start | r->end | r->source) % page || r->source + len < r->source)
		return false;
	return r->kind == HANDOFF_SHARED || (r->kind == HANDOFF_PRIVATE && !r->shmid);
}

/* What is wrong with a record, or NULL. */
static const char *record_fault(const struct wire_record *wire, size_t len,
				const struct handoff_range *ranges, unsigned int n_fds)
{
	const struct wire_shape *shape;
	uint64_t after = 0;

	if (len < sizeof(*wire))
		return "is too short";
	if (wire->magic != HANDOFF_MAGIC)
		return "is of no criu-lite";
	if (wire->type >= HANDOFF_TYPE_COUNT || !shape_table[wire->type].name)
		return "has an unknown type";
	shape = &shape_table[wire->type];
	if (n_fds != shape->n_fds)
		return "has the wrong number of descriptors";
	if (wire->n_ranges > (shape->ranges ? RANGES_PER_RECORD : 0) ||
	    len != sizeof(*wire) + wire->n_ranges * sizeof(*ranges))
		return "has the wrong length";
	if (wire->type == HANDOFF_HELLO && wire->id != HANDOFF_VERSION)
		return "is of another version";
	if (shape->ranges && (wire->id < 1 || wire->id > HANDOFF_TASKS_MAX))
		return "has no valid pid";
	if (wire->n_total > (shape->ranges ? HANDOFF_RANGES_MAX : HANDOFF_TASKS_MAX) ||
	    (shape->ranges && (uint64_t)wire->first + wire->n_ranges > wire->n_total))
		return "has a wrong count";
	if (wire->type == HANDOFF_STATUS && (wire->status > 0 || wire->status < -4095))
		return "has no valid status";
	for (uint32_t i = 0; i < wire->n_ranges; i++) {
		if (!range_valid(&ranges[i], after))
			return "has a range that cannot be";
		after = ranges[i].end;
	}
	return NULL;
}

static int fill_record(struct handoff_record *rec, const struct wire_record *wire,
		       const struct handoff_range *ranges, const int *fds)
{
	bool task = shape_table[wire->type].ranges;

	*rec = (struct handoff_record){
		.type = wire->type,
		.pid = task ? (int)wire->id : 0,
		.shmid = wire->type == HANDOFF_SEGMENT ? wire->id : 0,
		.n_tasks = wire->type == HANDOFF_COMPLETE ? wire->n_total : 0,
		.n_total = task ? wire->n_total : 0,
		.status = wire->status,
		.first = wire->first,
		.n_ranges = wire->n_ranges,
		.fd = shape_table[wire->type].n_fds > 0 ? fds[0] : -1,
		.pidfd = shape_table[wire->type].n_fds > 1 ? fds[1] : -1,
	};
	if (!rec->n_ranges)
		return 0;
	rec->ranges = reallocarray(NULL, rec->n_ranges, sizeof(*ranges));
	if (!rec->ranges) {
		handoff_record_fini(rec);
		return log_errno(-ENOMEM, "lazy-pages socket: a record of task %" PRIu64,
				 wire->id);
	}
	memcpy(rec->ranges, ranges, rec->n_ranges * sizeof(*ranges));
	return 0;
}

int handoff_receive(int sock, struct handoff_record *rec)
{
	struct wire_record wire;
	_cleanup_free_ struct handoff_range *ranges =
		reallocarray(NULL, RANGES_PER_RECORD, sizeof(*ranges));
	struct iovec iov[2] = {
		{ &wire, sizeof(wire) },
		{ ranges, RANGES_PER_RECORD * sizeof(*ranges) },
	};
	int fds[PACKET_FDS_MAX];
	unsigned int n_fds;
	const char *fault;
	ssize_t len;
	int err;

	*rec = (struct handoff_record){ .fd = -1, .pidfd = -1 };
	if (!ranges)
		return log_errno(-ENOMEM, "lazy-pages socket: cannot receive");
	len = packet_receive(sock, iov, ARRAY_SIZE(iov), fds, &n_fds);
	if (len == -EAGAIN)
		return len;
	if (len < 0 && len != -EMSGSIZE)
		return log_errno(len, "lazy-pages socket: cannot receive");
	if (!len && !n_fds)
		return 0;
	fault = len < 0 ? "is too long" : record_fault(&wire, len, ranges, n_fds);
	if (!fault) {
		err = fill_record(rec, &wire, ranges, fds);
		return err ? err : 1;
	}
	packet_close_fds(fds, n_fds);
	log_error("lazy-pages socket: a record (%s) %s",
		  len < (ssize_t)sizeof(wire) ? "?" : handoff_type_str(wire.type), fault);
	return -EPROTO;
}
