// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP sockets that listen or are not connected, and UDP sockets; IPv4 and IPv6.
 *
 * Saved are addresses, state, backlog and options. What a UDP socket has
 * received but not read is lost, as any datagram may be. All sockets are bound
 * before any of them listens, and SO_REUSEADDR gets its own value only after
 * that: ports may be shared by sockets that were bound in an order that nobody
 * knows any more.
 *
 * Refused are TCP connections, also those that nobody accepted yet and what
 * is left of one that ended, other protocols, and sockets of another network
 * namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/kinds.h"
#include "kinds/sock/sock.h"
#include "sys/sockdiag.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t address_len(uint32_t family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* Words of an address in an image. */
static size_t address_words(uint32_t family)
{
	return family == AF_INET ? 1 : 4;
}

static const void *address_bytes(const union address *a)
{
	return a->any.sa_family == AF_INET ? (const void *)&a->in.sin_addr :
					     (const void *)&a->in6.sin6_addr;
}

static uint16_t address_port(const union address *a)
{
	return ntohs(a->any.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

static bool address_is_any(const union address *a)
{
	static const char zero[16];

	return !memcmp(address_bytes(a), zero, address_words(a->any.sa_family) * 4);
}

static const char *tcp_state_name(int state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "ESTABLISHED", [TCP_SYN_SENT] = "SYN_SENT",
		[TCP_SYN_RECV] = "SYN_RECV", [TCP_FIN_WAIT1] = "FIN_WAIT1",
		[TCP_FIN_WAIT2] = "FIN_WAIT2", [TCP_TIME_WAIT] = "TIME_WAIT",
		[TCP_CLOSE] = "CLOSE", [TCP_CLOSE_WAIT] = "CLOSE_WAIT",
		[TCP_LAST_ACK] = "LAST_ACK", [TCP_LISTEN] = "LISTEN",
		[TCP_CLOSING] = "CLOSING",
	};

	return state > 0 && state < (int)ARRAY_SIZE(names) ? names[state] : "unknown";
}

static bool inet_probe(const struct fd_info *info)
{
	int family = info->flags & O_PATH ? -1 : sock_family(info);

	return family == AF_INET || family == AF_INET6;
}

static int check_protocol(const struct fd_info *info, int type, int proto)
{
	if ((type == SOCK_STREAM && proto == IPPROTO_TCP) ||
	    (type == SOCK_DGRAM && proto == IPPROTO_UDP))
		return 0;
	if (proto == IPPROTO_MPTCP)
		return dump_refuse(info, "Multipath TCP is not covered: turn it off in the program "
				   "(Go: GODEBUG=multipathtcp=0)");
	return dump_refuse(info, "type %d with protocol %d is not covered, only TCP and UDP are",
			   type, proto);
}

/* A socket that once was connected differs from a new one: data ended, or an error. */
static int check_never_connected(const struct fd_info *info)
{
	struct pollfd p = { .fd = info->local, .events = POLLIN | POLLRDHUP };

	if (poll(&p, 1, 0) < 0)
		return log_errno(-errno, "pid %d fd %d: socket: cannot poll", info->task->pid,
				 info->fd);
	if (p.revents & (POLLIN | POLLRDHUP | POLLERR))
		return dump_refuse(info, "is what is left of a TCP connection that ended; only "
				   "listening and unconnected TCP sockets are covered: close it");
	return 0;
}

static int dump_tcp_state(const struct fd_info *info, InetSkEntry *isk)
{
	struct tcp_info tcp = {};
	socklen_t len = sizeof(tcp);

	if (getsockopt(info->local, IPPROTO_TCP, TCP_INFO, &tcp, &len) < 0)
		return log_errno(-errno, "pid %d fd %d: socket: cannot read TCP_INFO",
				 info->task->pid, info->fd);
	isk->state = tcp.tcpi_state;
	switch (tcp.tcpi_state) {
	case TCP_CLOSE:
		return check_never_connected(info);
	case TCP_LISTEN:
		/* Of a listener these two are the queue, and its limit. */
		if (tcp.tcpi_unacked)
			return dump_refuse(info, "has %u connections that nobody accepted yet; TCP "
					   "connections are not covered: try again",
					   tcp.tcpi_unacked);
		isk->backlog = tcp.tcpi_sacked;
		return 0;
	}
	return dump_refuse(info, "TCP connection (%s); only listening and unconnected TCP sockets "
			   "are covered: close it before the dump", tcp_state_name(tcp.tcpi_state));
}

static int dump_udp_state(struct dump *d, const struct fd_info *info, InetSkEntry *isk,
			  bool connected)
{
	const struct sockdiag_sock *diag = d->socks ? sockdiag_find(d->socks, isk->ino) : NULL;
	int bytes = 0;

	isk->state = connected ? TCP_ESTABLISHED : TCP_CLOSE;
	if (diag && diag->shutdown) {
		isk->has_shutdown = true;
		isk->shutdown = diag->shutdown & 3;
	}
	if (ioctl(info->local, SIOCINQ, &bytes) == 0 && bytes)
		log_info("pid %d fd %d: socket: datagrams that were not read are dropped",
			 info->task->pid, info->fd);
	return 0;
}

static uint32_t *dump_address(struct dump *d, const union address *a)
{
	return arena_memdup(d->arena, address_bytes(a), address_words(a->any.sa_family) * 4);
}

static int dump_scope(struct dump *d, const struct fd_info *info, const union address *a,
		      InetSkEntry *isk)
{
	char name[IF_NAMESIZE];

	if (a->any.sa_family != AF_INET6 || !a->in6.sin6_scope_id || isk->ifname)
		return 0;
	if (!if_indextoname(a->in6.sin6_scope_id, name))
		return log_errno(-errno, "pid %d fd %d: socket: cannot find interface %u",
				 info->task->pid, info->fd, a->in6.sin6_scope_id);
	isk->ifname = arena_strdup(d->arena, name);
	return 0;
}

/* Sets src_* and dst_*; *connected when there is a peer. */
static int dump_addresses(struct dump *d, const struct fd_info *info, InetSkEntry *isk,
			  bool *connected)
{
	union address src = {}, dst = {};
	socklen_t src_len = sizeof(src), dst_len = sizeof(dst);
	int no_port = 0, r;

	if (getsockname(info->local, &src.any, &src_len) < 0)
		return log_errno(-errno, "pid %d fd %d: socket: cannot read its address",
				 info->task->pid, info->fd);
	*connected = getpeername(info->local, &dst.any, &dst_len) == 0;
	if (!*connected) {
		if (errno != ENOTCONN)
			return log_errno(-errno, "pid %d fd %d: socket: cannot read its peer",
					 info->task->pid, info->fd);
		dst.any.sa_family = isk->family;
	}
	isk->src_port = address_port(&src);
	isk->dst_port = address_port(&dst);
	isk->n_src_addr = isk->n_dst_addr = address_words(isk->family);
	isk->src_addr = dump_address(d, &src);
	isk->dst_addr = dump_address(d, &dst);
	(void)sock_get_int(info->local, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &no_port);
	if (!isk->src_port && !address_is_any(&src) && !no_port)
		return dump_refuse(info, "was disconnected and has an address without a port now; "
				   "that can't be made again: close it");
	r = dump_scope(d, info, &src, isk);
	return r < 0 ? r : dump_scope(d, info, &dst, isk);
}

static void dump_ip_options(struct dump *d, const struct fd_info *info,
			    const struct sock_usual *usual, InetSkEntry *isk)
{
	IpOptsEntry *ip = arena_message(d->arena, IpOptsEntry, ip_opts_entry__init);
	bool v6 = isk->family == AF_INET6;
	int fd = info->local, value;

	isk->ip_opts = ip;
	if (v6 && sock_get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value) >= 0) {
		isk->has_v6only = true;
		isk->v6only = value;
	}
	if (sock_get_int(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND,
			 &value) >= 0 && value)
		ip->has_freebind = ip->freebind = true;
	if (sock_get_int(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO,
			 &value) >= 0 && value)
		ip->has_pktinfo = ip->pktinfo = true;
	if (sock_differs(fd, usual, IPPROTO_IP, IP_TOS, &value)) {
		ip->has_tos = true;
		ip->tos = value;
	}
	if (sock_differs(fd, usual, IPPROTO_IP, IP_TTL, &value)) {
		ip->has_ttl = true;
		ip->ttl = value;
	}
}

static void dump_tcp_options(struct dump *d, const struct fd_info *info,
			     const struct sock_usual *usual, InetSkEntry *isk)
{
	TcpOptsEntry *tcp = arena_message(d->arena, TcpOptsEntry, tcp_opts_entry__init);
	int fd = info->local, value;

	isk->tcp_opts = tcp;
	if (sock_differs(fd, usual, IPPROTO_TCP, TCP_CORK, &value))
		tcp->has_cork = tcp->cork = true;
	if (sock_differs(fd, usual, IPPROTO_TCP, TCP_NODELAY, &value))
		tcp->has_nodelay = tcp->nodelay = true;
	tcp->has_keepcnt = sock_differs(fd, usual, IPPROTO_TCP, TCP_KEEPCNT, &value);
	tcp->keepcnt = value;
	tcp->has_keepidle = sock_differs(fd, usual, IPPROTO_TCP, TCP_KEEPIDLE, &value);
	tcp->keepidle = value;
	tcp->has_keepintvl = sock_differs(fd, usual, IPPROTO_TCP, TCP_KEEPINTVL, &value);
	tcp->keepintvl = value;
}

static int dump_options(struct dump *d, const struct fd_info *info, InetSkEntry *isk)
{
	const struct sock_usual *usual;
	int r = sock_usual_get(d, isk->family, isk->type, isk->proto, &usual);

	if (r < 0)
		return r;
	dump_ip_options(d, info, usual, isk);
	if (isk->proto == IPPROTO_TCP)
		dump_tcp_options(d, info, usual, isk);
	return sock_options_dump(d, info, usual, &isk->opts);
}

static int inet_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	InetSkEntry *isk = arena_message(d->arena, InetSkEntry, inet_sk_entry__init);
	int type, proto, r = sock_check_namespace(info);
	bool connected = false;

	if (r >= 0)
		r = sock_get_int(info->local, SOL_SOCKET, SO_TYPE, &type);
	if (r >= 0)
		r = sock_get_int(info->local, SOL_SOCKET, SO_PROTOCOL, &proto);
	if (r >= 0)
		r = check_protocol(info, type, proto);
	if (r < 0)
		return r;
	isk->id = entry->id;
	isk->ino = info->st.st_ino;
	isk->family = sock_family(info);
	isk->type = type;
	isk->proto = proto;
	isk->flags = info->flags;
	isk->fown = info->fown;
	r = proto == IPPROTO_TCP ? dump_tcp_state(info, isk) : 0;
	if (r >= 0)
		r = dump_addresses(d, info, isk, &connected);
	if (r >= 0 && proto == IPPROTO_UDP)
		r = dump_udp_state(d, info, isk, connected);
	if (r >= 0)
		r = dump_options(d, info, isk);
	if (r < 0)
		return r;
	entry->isk = isk;
	return 0;
}

static int inet_collect(struct restore *r, struct file *file)
{
	const InetSkEntry *isk = file->entry->isk;

	if (isk->family != AF_INET && isk->family != AF_INET6)
		return log_errno(-EINVAL, "socket %#x: family %u is none of the internet",
				 file->id, isk->family);
	if (!(isk->type == SOCK_STREAM && isk->proto == IPPROTO_TCP) &&
	    !(isk->type == SOCK_DGRAM && isk->proto == IPPROTO_UDP))
		return log_errno(-ENOTSUP, "socket %#x: type %u with protocol %u is not covered",
				 file->id, isk->type, isk->proto);
	if (isk->proto == IPPROTO_TCP && isk->state != TCP_LISTEN && isk->state != TCP_CLOSE)
		return log_errno(-ENOTSUP, "socket %#x: a TCP connection (%s) is not covered",
				 file->id, tcp_state_name(MIN(isk->state, (uint32_t)INT32_MAX)));
	if (isk->proto == IPPROTO_TCP && isk->dst_port)
		return log_errno(-ENOTSUP, "socket %#x: a TCP connection to port %u is not covered",
				 file->id, isk->dst_port);
	if (isk->src_port > UINT16_MAX || isk->dst_port > UINT16_MAX ||
	    isk->n_src_addr != address_words(isk->family) ||
	    isk->n_dst_addr != address_words(isk->family))
		return log_errno(-EINVAL, "socket %#x: malformed address", file->id);
	if (isk->backlog > INT32_MAX && isk->state == TCP_LISTEN)
		return log_errno(-EINVAL, "socket %#x: a backlog of %u", file->id, isk->backlog);
	return sock_options_check(file, isk->opts);
}

static int make_address(const struct file *file, const uint32_t *words, uint32_t port,
			union address *a)
{
	const InetSkEntry *isk = file->entry->isk;

	*a = (union address){ .any = { .sa_family = isk->family } };
	if (isk->family == AF_INET) {
		memcpy(&a->in.sin_addr, words, 4);
		a->in.sin_port = htons(port);
		return 0;
	}
	memcpy(&a->in6.sin6_addr, words, 16);
	a->in6.sin6_port = htons(port);
	if (!isk->ifname || !isk->ifname[0] || !IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr))
		return 0;
	a->in6.sin6_scope_id = if_nametoindex(isk->ifname);
	if (!a->in6.sin6_scope_id)
		return log_errno(-errno, "socket %#x: no interface %s", file->id, isk->ifname);
	return 0;
}

static int restore_ip_options(const struct file *file, int fd)
{
	const InetSkEntry *isk = file->entry->isk;
	const IpOptsEntry *ip = isk->ip_opts;
	bool v6 = isk->family == AF_INET6;
	int r = 0;

	if (v6 && isk->has_v6only)
		r = sock_set_int(file, fd, IPPROTO_IPV6, IPV6_V6ONLY, isk->v6only, "IPV6_V6ONLY");
	if (!ip || r < 0)
		return r;
	if (ip->has_freebind && ip->freebind)
		r = v6 ? sock_set_int(file, fd, IPPROTO_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND") :
			 sock_set_int(file, fd, IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND");
	if (r >= 0 && ip->has_pktinfo && ip->pktinfo)
		r = v6 ? sock_set_int(file, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1,
				      "IPV6_RECVPKTINFO") :
			 sock_set_int(file, fd, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
	if (r >= 0 && ip->has_tos)
		r = sock_set_int(file, fd, IPPROTO_IP, IP_TOS, ip->tos, "IP_TOS");
	if (r >= 0 && ip->has_ttl && ip->ttl)
		r = sock_set_int(file, fd, IPPROTO_IP, IP_TTL, ip->ttl, "IP_TTL");
	return r;
}

static int restore_tcp_options(const struct file *file, int fd)
{
	const TcpOptsEntry *tcp = file->entry->isk->tcp_opts;
	int r = 0;

	if (!tcp)
		return 0;
	if (tcp->has_nodelay)
		r = sock_set_int(file, fd, IPPROTO_TCP, TCP_NODELAY, tcp->nodelay, "TCP_NODELAY");
	if (r >= 0 && tcp->has_cork)
		r = sock_set_int(file, fd, IPPROTO_TCP, TCP_CORK, tcp->cork, "TCP_CORK");
	if (r >= 0 && tcp->has_keepcnt)
		r = sock_set_int(file, fd, IPPROTO_TCP, TCP_KEEPCNT, tcp->keepcnt, "TCP_KEEPCNT");
	if (r >= 0 && tcp->has_keepidle)
		r = sock_set_int(file, fd, IPPROTO_TCP, TCP_KEEPIDLE, tcp->keepidle,
				 "TCP_KEEPIDLE");
	if (r >= 0 && tcp->has_keepintvl)
		r = sock_set_int(file, fd, IPPROTO_TCP, TCP_KEEPINTVL, tcp->keepintvl,
				 "TCP_KEEPINTVL");
	return r;
}

static int restore_binding(const struct file *file, int fd)
{
	const InetSkEntry *isk = file->entry->isk;
	union address want, got = {};
	socklen_t len = sizeof(got);
	int r = make_address(file, isk->src_addr, isk->src_port, &want);

	if (r < 0)
		return r;
	if (!isk->src_port && address_is_any(&want))
		return 0;
	if (bind(fd, &want.any, address_len(isk->family)) < 0)
		return log_errno(-errno, "socket %#x: cannot bind to port %u", file->id,
				 isk->src_port);
	if (getsockname(fd, &got.any, &len) < 0 || address_port(&got) != isk->src_port)
		return log_errno(-EADDRNOTAVAIL, "socket %#x: is bound to port %u instead of %u",
				 file->id, address_port(&got), isk->src_port);
	return 0;
}

static int restore_udp(const struct file *file, int fd)
{
	const InetSkEntry *isk = file->entry->isk;
	static const int how[] = {
		[SK_SHUTDOWN__READ] = SHUT_RD,
		[SK_SHUTDOWN__WRITE] = SHUT_WR,
		[SK_SHUTDOWN__BOTH] = SHUT_RDWR,
	};
	union address peer;
	int r = make_address(file, isk->dst_addr, isk->dst_port, &peer);

	if (r < 0)
		return r;
	if (isk->dst_port && connect(fd, &peer.any, address_len(isk->family)) < 0)
		return log_errno(-errno, "socket %#x: cannot connect to port %u", file->id,
				 isk->dst_port);
	if (!isk->has_shutdown || isk->shutdown == SK_SHUTDOWN__NONE)
		return 0;
	/* Works, and says that it does not, where there is no peer. */
	if (shutdown(fd, how[isk->shutdown]) < 0 && errno != ENOTCONN)
		return log_errno(-errno, "socket %#x: cannot shut it down", file->id);
	return 0;
}

static int restore_socket(const struct file *file, int fd)
{
	const InetSkEntry *isk = file->entry->isk;
	/* For TCP to share the port, or take it over from its last connections. */
	int reuse = isk->proto == IPPROTO_TCP ? 1 : isk->opts->reuseaddr, r;

	r = sock_set_int(file, fd, SOL_SOCKET, SO_REUSEADDR, reuse, "SO_REUSEADDR");
	if (r >= 0)
		r = restore_ip_options(file, fd);
	if (r >= 0)
		r = sock_options_restore(file, fd, isk->opts);
	if (r >= 0 && isk->proto == IPPROTO_TCP)
		r = restore_tcp_options(file, fd);
	if (r >= 0)
		r = restore_binding(file, fd);
	if (r >= 0 && isk->proto == IPPROTO_UDP)
		r = restore_udp(file, fd);
	return r < 0 ? r : restore_file_flags(file, fd, isk->flags);
}

static int inet_open(struct restore *r, struct file *file)
{
	const InetSkEntry *isk = file->entry->isk;
	_cleanup_close_ int fd = socket(isk->family, isk->type | SOCK_CLOEXEC, isk->proto);
	int ret;

	if (fd < 0)
		return log_errno(-errno, "socket %#x: cannot make it", file->id);
	ret = restore_socket(file, fd);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

/* The system may have a lower limit now (net.core.somaxconn). */
static int check_backlog(const struct file *file, int fd)
{
	struct tcp_info tcp = {};
	socklen_t len = sizeof(tcp);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) < 0)
		return log_errno(-errno, "socket %#x: cannot read TCP_INFO", file->id);
	if (tcp.tcpi_sacked != file->entry->isk->backlog)
		log_warn("socket %#x: its backlog was %u, the kernel gives %u (see "
			 "net.core.somaxconn)", file->id, file->entry->isk->backlog,
			 tcp.tcpi_sacked);
	return 0;
}

static int inet_post_open(struct restore *r, struct task *t, struct file *file, int fd)
{
	const InetSkEntry *isk = file->entry->isk;
	int ret;

	if (isk->state == TCP_LISTEN && isk->proto == IPPROTO_TCP) {
		if (listen(fd, isk->backlog) < 0)
			return log_errno(-errno, "socket %#x: cannot listen on port %u", file->id,
					 isk->src_port);
		ret = check_backlog(file, fd);
		if (ret < 0)
			return ret;
	}
	if (!isk->opts->has_reuseaddr)
		return 0;
	return sock_set_int(file, fd, SOL_SOCKET, SO_REUSEADDR, isk->opts->reuseaddr,
			    "SO_REUSEADDR");
}

const struct file_kind inet_kind = {
	.name = "socket",
	.type = FD_TYPES__INETSK,
	.proto = "inetsk.proto",
	.test = "sock/tcp-listen",
	.probe = inet_probe,
	.dump = inet_dump,
	.collect = inet_collect,
	.open = inet_open,
	.post_open = inet_post_open,
};
