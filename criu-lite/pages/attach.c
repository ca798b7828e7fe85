// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching: the messages, and how a server is found.
 *
 * A name is not a promise: an old one may be gone, and another user may listen under one that
 * looks like ours. So both ends look who the other is before they say or believe anything.
 */
#include "pages/attach.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "pages/packet.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#define ATTACH_MAGIC 0x68636174u
#define ATTACH_VERSION 1u
#define NAME_START "criu-lite-lazy-pages-"
/* Random bytes of a name; two hex digits each. */
#define NAME_RANDOM 16
/* As /proc/net/unix shows a socket that listens (from include/linux/net.h, not an ABI header). */
#define SHOWN_LISTENS 0x10000u

static const struct attach_shape {
	const char *name;
	bool fd;
} shape_table[ATTACH_TYPE_COUNT] = {
	[ATTACH_FIND] = { "find", false },
	[ATTACH_IMAGES] = { "images", true },
	[ATTACH_PAGE_SERVER] = { "page server", true },
	[ATTACH_ANSWER] = { "answer", false },
};

/* The address of an abstract socket: a NUL byte and the name, and no NUL byte behind it. */
static socklen_t name_address(const char *name, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1, "%s", name);
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}

static int make_name(char name[ATTACH_NAME_SIZE])
{
	size_t at = strlen(NAME_START);
	uint8_t bytes[NAME_RANDOM];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return log_errno(-EIO, "attach socket: no random numbers");
	memcpy(name, NAME_START, at);
	for (size_t i = 0; i < sizeof(bytes); i++, at += 2)
		snprintf(name + at, 3, "%02x", bytes[i]);
	return 0;
}

int attach_listen(void)
{
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
					  0);
	char name[ATTACH_NAME_SIZE];
	struct sockaddr_un addr;
	socklen_t len;
	int err;

	if (sock < 0)
		return log_errno(-errno, "attach socket: cannot make one");
	err = make_name(name);
	if (err)
		return err;
	len = name_address(name, &addr);
	if (bind(sock, (struct sockaddr *)&addr, len) || listen(sock, 8))
		return log_errno(-errno, "attach socket: cannot listen");
	return take_fd(&sock);
}

/* "0000000000000000: 00000002 00000000 00010000 0005 01 41277 @name" */
static bool parse_line(const char *line, size_t len, char name[ATTACH_NAME_SIZE])
{
	const size_t start = strlen(NAME_START);
	char copy[256], path[ATTACH_NAME_SIZE + 1];
	unsigned int flags, type;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (sscanf(copy, "%*x: %*x %*x %x %x %*x %*u @%64s", &flags, &type, path) != 3)
		return false;
	if (!(flags & SHOWN_LISTENS) || type != SOCK_SEQPACKET ||
	    strlen(path) != start + 2 * NAME_RANDOM || strncmp(path, NAME_START, start) ||
	    path[start + strspn(path + start, "0123456789abcdef")])
		return false;
	strcpy(name, path);
	return true;
}

bool attach_next_name(const char **at, char name[ATTACH_NAME_SIZE])
{
	while (**at) {
		const char *line = *at;
		size_t len = strcspn(line, "\n");

		*at = line + len + (line[len] == '\n');
		if (parse_line(line, len, name))
			return true;
	}
	return false;
}

int attach_connect(const char *name)
{
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	socklen_t len = name_address(name, &addr);
	struct ucred peer;
	int err;

	if (sock < 0)
		return log_errno(-errno, "attach socket: cannot make one");
	if (connect(sock, (struct sockaddr *)&addr, len)) {
		/* It has ended since. */
		if (errno == ECONNREFUSED)
			return -ECONNREFUSED;
		return log_errno(-errno, "attach socket %s: cannot connect", name);
	}
	err = packet_peer(sock, &peer);
	/* Somebody else's business, as long as there is one of ours. */
	if (err == -EPERM)
		log_info("attach socket %s: is of uid %u: not asked", name, peer.uid);
	return err ? err : take_fd(&sock);
}

int attach_send(int sock, struct attach_message *m, int fd)
{
	struct iovec iov = { m, sizeof(*m) };
	int err;

	m->magic = ATTACH_MAGIC;
	m->version = ATTACH_VERSION;
	err = packet_send(sock, &iov, 1, &fd, fd >= 0);
	if (!err || err == -EPIPE)
		return err;
	return log_errno(err, "attach socket: cannot send %s", shape_table[m->type].name);
}

/* What is wrong with a message, or NULL. */
static const char *message_fault(const struct attach_message *m, size_t len, unsigned int n_fds)
{
	if (len < sizeof(m->magic) + sizeof(m->version) || m->magic != ATTACH_MAGIC)
		return "is of no criu-lite";
	if (m->version != ATTACH_VERSION || len != sizeof(*m))
		return "is of another version";
	if (m->type >= ATTACH_TYPE_COUNT || !shape_table[m->type].name || m->pad)
		return "is not known";
	if (n_fds != shape_table[m->type].fd)
		return "has the wrong number of descriptors";
	if (memchr(m->text, '\0', sizeof(m->text)) == NULL)
		return "has a text without an end";
	if (m->type == ATTACH_FIND &&
	    (m->number <= 0 || (m->kind != ATTACH_IMAGES && m->kind != ATTACH_PAGE_SERVER)))
		return "asks for nothing that there is";
	if (m->type == ATTACH_ANSWER && (m->number > 0 || m->number < -4095))
		return "has no valid status";
	return NULL;
}

int attach_receive(int sock, struct attach_message *m, int *fd)
{
	struct iovec iov = { m, sizeof(*m) };
	int fds[PACKET_FDS_MAX];
	unsigned int n_fds;
	const char *fault;
	ssize_t len;

	*m = (struct attach_message){};
	*fd = -1;
	len = packet_receive(sock, &iov, 1, fds, &n_fds);
	if (len == -EAGAIN || (!len && !n_fds))
		return len;
	if (len < 0 && len != -EMSGSIZE)
		return log_errno(len, "attach socket: cannot receive");
	fault = len < 0 ? "is too long" : message_fault(m, len, n_fds);
	if (!fault) {
		*fd = n_fds ? fds[0] : -1;
		return 1;
	}
	packet_close_fds(fds, n_fds);
	return log_errno(-EPROTO, "attach socket: a message %s", fault);
}

uint64_t attach_pid_ns(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st)) {
		log_errno(-errno, "/proc/self/ns/pid: cannot stat");
		return 0;
	}
	return st.st_ino;
}
