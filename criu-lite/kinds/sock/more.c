// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options that are saved only when somebody set them.
 *
 * A dump compares each option of the table with that of a new socket, which is
 * made once for each sort of socket. Most have no field in the image format:
 * those that differ are saved, as bytes, in an extension of ours; readers that
 * don't know it restore the socket without them. What only tells of the past
 * (SO_INCOMING_CPU, TCP_QUICKACK) is not here. An image may set nothing but
 * what is in the table.
 *
 * No getsockopt() tells the groups that a socket joined (IP_ADD_MEMBERSHIP):
 * they are not kept.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/dump.h"
#include "core/restore.h"
#include "kinds/sock/sock.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* The longest value: IP_OPTIONS, 40 bytes; TCP_CONGESTION has 16. */
#define VALUE_MAX 64

#define LEVEL_TCP IPPROTO_TCP
#define LEVEL_UDP IPPROTO_UDP

/*
 * Numbers are those of the kernel's headers (linux/in.h, in6.h, tcp.h, udp.h,
 * asm-generic/socket.h), many of which libc's lack. Order is that of restore.
 */
static const struct {
	uint16_t level, name;
	const char *text;
	bool has_field;			/* in the format: sock_differs() is asked for it */
} more_table[] = {
	{ SOL_SOCKET, 35, "SO_TIMESTAMPNS" },
	{ SOL_SOCKET, 29, "SO_TIMESTAMP" },
	{ SOL_SOCKET, 64, "SO_TIMESTAMPNS_NEW" },
	{ SOL_SOCKET, 63, "SO_TIMESTAMP_NEW" },
	{ SOL_SOCKET, 37, "SO_TIMESTAMPING" },
	{ SOL_SOCKET, 40, "SO_RXQ_OVFL" },
	{ SOL_SOCKET, 42, "SO_PEEK_OFF" },
	{ SOL_SOCKET, 44, "SO_LOCK_FILTER" },
	{ SOL_SOCKET, 45, "SO_SELECT_ERR_QUEUE" },
	{ SOL_SOCKET, 46, "SO_BUSY_POLL" },
	{ SOL_SOCKET, 47, "SO_MAX_PACING_RATE" },
	{ SOL_SOCKET, 60, "SO_ZEROCOPY" },
	{ SOL_SOCKET, 61, "SO_TXTIME" },
	{ SOL_SOCKET, 69, "SO_PREFER_BUSY_POLL" },
	{ SOL_SOCKET, 70, "SO_BUSY_POLL_BUDGET" },
	{ SOL_SOCKET, 73, "SO_RESERVE_MEM" },
	{ SOL_SOCKET, 74, "SO_TXREHASH" },
	{ SOL_SOCKET, 75, "SO_RCVMARK" },
	{ SOL_SOCKET, 76, "SO_PASSPIDFD" },
	{ SOL_SOCKET, 82, "SO_RCVPRIORITY" },
	{ SOL_SOCKET, 83, "SO_PASSRIGHTS" },
	{ IPPROTO_IP, 1, "IP_TOS", true },
	{ IPPROTO_IP, 2, "IP_TTL", true },
	{ IPPROTO_IP, 4, "IP_OPTIONS" },
	{ IPPROTO_IP, 6, "IP_RECVOPTS" },
	{ IPPROTO_IP, 7, "IP_RETOPTS" },
	{ IPPROTO_IP, 10, "IP_MTU_DISCOVER" },
	{ IPPROTO_IP, 11, "IP_RECVERR" },
	{ IPPROTO_IP, 12, "IP_RECVTTL" },
	{ IPPROTO_IP, 13, "IP_RECVTOS" },
	{ IPPROTO_IP, 18, "IP_PASSSEC" },
	{ IPPROTO_IP, 19, "IP_TRANSPARENT" },
	{ IPPROTO_IP, 20, "IP_RECVORIGDSTADDR" },
	{ IPPROTO_IP, 21, "IP_MINTTL" },
	{ IPPROTO_IP, 23, "IP_CHECKSUM" },
	{ IPPROTO_IP, 24, "IP_BIND_ADDRESS_NO_PORT" },
	{ IPPROTO_IP, 25, "IP_RECVFRAGSIZE" },
	{ IPPROTO_IP, 26, "IP_RECVERR_RFC4884" },
	{ IPPROTO_IP, 32, "IP_MULTICAST_IF" },
	{ IPPROTO_IP, 33, "IP_MULTICAST_TTL" },
	{ IPPROTO_IP, 34, "IP_MULTICAST_LOOP" },
	{ IPPROTO_IP, 49, "IP_MULTICAST_ALL" },
	{ IPPROTO_IP, 50, "IP_UNICAST_IF" },
	{ IPPROTO_IP, 51, "IP_LOCAL_PORT_RANGE" },
	{ IPPROTO_IPV6, 16, "IPV6_UNICAST_HOPS" },
	{ IPPROTO_IPV6, 17, "IPV6_MULTICAST_IF" },
	{ IPPROTO_IPV6, 18, "IPV6_MULTICAST_HOPS" },
	{ IPPROTO_IPV6, 19, "IPV6_MULTICAST_LOOP" },
	{ IPPROTO_IPV6, 23, "IPV6_MTU_DISCOVER" },
	{ IPPROTO_IPV6, 25, "IPV6_RECVERR" },
	{ IPPROTO_IPV6, 29, "IPV6_MULTICAST_ALL" },
	{ IPPROTO_IPV6, 31, "IPV6_RECVERR_RFC4884" },
	{ IPPROTO_IPV6, 33, "IPV6_FLOWINFO_SEND" },
	{ IPPROTO_IPV6, 51, "IPV6_RECVHOPLIMIT" },
	{ IPPROTO_IPV6, 53, "IPV6_RECVHOPOPTS" },
	{ IPPROTO_IPV6, 56, "IPV6_RECVRTHDR" },
	{ IPPROTO_IPV6, 58, "IPV6_RECVDSTOPTS" },
	{ IPPROTO_IPV6, 60, "IPV6_RECVPATHMTU" },
	{ IPPROTO_IPV6, 62, "IPV6_DONTFRAG" },
	{ IPPROTO_IPV6, 66, "IPV6_RECVTCLASS" },
	{ IPPROTO_IPV6, 67, "IPV6_TCLASS" },
	{ IPPROTO_IPV6, 70, "IPV6_AUTOFLOWLABEL" },
	{ IPPROTO_IPV6, 72, "IPV6_ADDR_PREFERENCES" },
	{ IPPROTO_IPV6, 73, "IPV6_MINHOPCOUNT" },
	{ IPPROTO_IPV6, 74, "IPV6_RECVORIGDSTADDR" },
	{ IPPROTO_IPV6, 75, "IPV6_TRANSPARENT" },
	{ IPPROTO_IPV6, 76, "IPV6_UNICAST_IF" },
	{ IPPROTO_IPV6, 77, "IPV6_RECVFRAGSIZE" },
	{ LEVEL_TCP, 1, "TCP_NODELAY", true },
	{ LEVEL_TCP, 3, "TCP_CORK", true },
	{ LEVEL_TCP, 4, "TCP_KEEPIDLE", true },
	{ LEVEL_TCP, 5, "TCP_KEEPINTVL", true },
	{ LEVEL_TCP, 6, "TCP_KEEPCNT", true },
	{ LEVEL_TCP, 2, "TCP_MAXSEG" },
	{ LEVEL_TCP, 7, "TCP_SYNCNT" },
	{ LEVEL_TCP, 8, "TCP_LINGER2" },
	{ LEVEL_TCP, 9, "TCP_DEFER_ACCEPT" },
	{ LEVEL_TCP, 10, "TCP_WINDOW_CLAMP" },
	{ LEVEL_TCP, 13, "TCP_CONGESTION" },
	{ LEVEL_TCP, 16, "TCP_THIN_LINEAR_TIMEOUTS" },
	{ LEVEL_TCP, 17, "TCP_THIN_DUPACK" },
	{ LEVEL_TCP, 18, "TCP_USER_TIMEOUT" },
	{ LEVEL_TCP, 23, "TCP_FASTOPEN" },
	{ LEVEL_TCP, 25, "TCP_NOTSENT_LOWAT" },
	{ LEVEL_TCP, 27, "TCP_SAVE_SYN" },
	{ LEVEL_TCP, 30, "TCP_FASTOPEN_CONNECT" },
	{ LEVEL_TCP, 34, "TCP_FASTOPEN_NO_COOKIE" },
	{ LEVEL_TCP, 36, "TCP_INQ" },
	{ LEVEL_TCP, 37, "TCP_TX_DELAY" },
	{ LEVEL_UDP, 1, "UDP_CORK" },
	{ LEVEL_UDP, 100, "UDP_ENCAP" },
	{ LEVEL_UDP, 101, "UDP_NO_CHECK6_TX" },
	{ LEVEL_UDP, 102, "UDP_NO_CHECK6_RX" },
	{ LEVEL_UDP, 103, "UDP_SEGMENT" },
	{ LEVEL_UDP, 104, "UDP_GRO" },
};

struct value {
	char bytes[VALUE_MAX];
	socklen_t len;
};

/* The options of a new socket. Rows that it has not are left out. */
struct sock_usual {
	struct sock_usual *next;
	int family, type, protocol;
	size_t n;
	size_t rows[ARRAY_SIZE(more_table)];
	struct value values[ARRAY_SIZE(more_table)];
};

/* False: this socket or this kernel has no such option. */
static bool read_value(int fd, size_t row, struct value *v)
{
	memset(v, 0, sizeof(*v));
	v->len = sizeof(v->bytes);
	return getsockopt(fd, more_table[row].level, more_table[row].name, v->bytes,
			  &v->len) == 0 && v->len <= sizeof(v->bytes);
}

static int make_usual(struct dump *d, struct sock_usual *u)
{
	_cleanup_close_ int fd = socket(u->family, u->type | SOCK_CLOEXEC, u->protocol);

	if (fd < 0)
		return log_errno(-errno, "socket: cannot make one of family %d, type %d to "
				 "compare with", u->family, u->type);
	for (size_t i = 0; i < ARRAY_SIZE(more_table); i++) {
		if (!read_value(fd, i, &u->values[u->n]))
			continue;
		u->rows[u->n++] = i;
	}
	u->next = d->usual_socks;
	d->usual_socks = u;
	return 0;
}

int sock_usual_get(struct dump *d, int family, int type, int protocol,
		   const struct sock_usual **usual)
{
	struct sock_usual *u;

	for (u = d->usual_socks; u; u = u->next) {
		if (u->family == family && u->type == type && u->protocol == protocol) {
			*usual = u;
			return 0;
		}
	}
	u = arena_new_object(d->arena, struct sock_usual);
	u->family = family;
	u->type = type;
	u->protocol = protocol;
	*usual = u;
	return make_usual(d, u);
}

static bool differs(int fd, const struct sock_usual *usual, size_t i, struct value *now)
{
	return read_value(fd, usual->rows[i], now) &&
	       (now->len != usual->values[i].len ||
		memcmp(now->bytes, usual->values[i].bytes, now->len));
}

bool sock_differs(int fd, const struct sock_usual *usual, int level, int name, int *value)
{
	struct value now;

	*value = 0;
	for (size_t i = 0; i < usual->n; i++) {
		size_t row = usual->rows[i];

		if (more_table[row].level != level || more_table[row].name != name)
			continue;
		if (!differs(fd, usual, i, &now) || now.len != sizeof(*value))
			return false;
		memcpy(value, now.bytes, sizeof(*value));
		return true;
	}
	return false;
}

static void add_value(struct dump *d, SkOptsEntry *opts, size_t row, const struct value *v)
{
	SkMoreEntry *e = arena_message(d->arena, SkMoreEntry, sk_more_entry__init);

	e->level = more_table[row].level;
	e->name = more_table[row].name;
	e->value.data = arena_memdup(d->arena, v->bytes, v->len);
	e->value.len = v->len;
	opts->more[opts->n_more++] = e;
}

void sock_more_dump(struct dump *d, const struct fd_info *info, const struct sock_usual *usual,
		    SkOptsEntry *opts)
{
	struct value now;

	opts->more = arena_new_array(d->arena, SkMoreEntry *, usual->n);
	for (size_t i = 0; i < usual->n; i++)
		if (!more_table[usual->rows[i]].has_field && differs(info->local, usual, i, &now))
			add_value(d, opts, usual->rows[i], &now);
}

static const char *find_text(const SkMoreEntry *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(more_table); i++)
		if (more_table[i].level == e->level && more_table[i].name == e->name &&
		    !more_table[i].has_field)
			return more_table[i].text;
	return NULL;
}

int sock_more_check(const struct file *file, const SkOptsEntry *opts)
{
	for (size_t i = 0; i < opts->n_more; i++) {
		const SkMoreEntry *e = opts->more[i];

		if (!find_text(e) || e->value.len > VALUE_MAX)
			return log_errno(-EINVAL, "%s %#x: socket option %u of level %u with %zu "
					 "bytes is not covered", file->kind->name, file->id,
					 e->name, e->level, e->value.len);
	}
	return 0;
}

int sock_more_restore(const struct file *file, int fd, const SkOptsEntry *opts)
{
	for (size_t i = 0; i < opts->n_more; i++) {
		const SkMoreEntry *e = opts->more[i];

		if (setsockopt(fd, e->level, e->name, e->value.data, e->value.len) < 0)
			return log_errno(-errno, "%s %#x: cannot set %s", file->kind->name,
					 file->id, find_text(e));
	}
	return 0;
}
