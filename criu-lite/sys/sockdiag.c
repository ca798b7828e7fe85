// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets, as sock_diag(7) lists them.
 *
 * One request a family and protocol; the kernel answers with a message a
 * socket. Two errors are easily missed and would make a short list look like
 * a whole one: a dump that fails half-way says so only in its last message,
 * and one that was disturbed is marked and has to be asked for again.
 */
#include "sys/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

enum {
	REPLY_SIZE = 64 << 10,
	DUMP_TRIES = 16,
};

struct sockdiag {
	struct sockdiag_sock *socks;	/* ascending by ino */
	size_t n_socks, cap_socks;
};

DEFINE_CLEANUP(struct sockdiag *, sockdiag, sockdiag_free)
DEFINE_CLEANUP(struct nl_sock *, nl_socket, nl_socket_free)

struct query {
	enum sockdiag_families bit;
	uint8_t family, protocol, type;
	const char *name;
};

static const struct query query_table[] = {
	{ SOCKDIAG_TCP, AF_INET, IPPROTO_TCP, SOCK_STREAM, "tcp" },
	{ SOCKDIAG_TCP, AF_INET6, IPPROTO_TCP, SOCK_STREAM, "tcp6" },
	{ SOCKDIAG_UDP, AF_INET, IPPROTO_UDP, SOCK_DGRAM, "udp" },
	{ SOCKDIAG_UDP, AF_INET6, IPPROTO_UDP, SOCK_DGRAM, "udp6" },
	{ SOCKDIAG_UDPLITE, AF_INET, IPPROTO_UDPLITE, SOCK_DGRAM, "udplite" },
	{ SOCKDIAG_UDPLITE, AF_INET6, IPPROTO_UDPLITE, SOCK_DGRAM, "udplite6" },
	{ SOCKDIAG_UNIX, AF_UNIX, 0, 0, "unix" },
};

/* One dump under way: where it goes to, and what went wrong in a callback. */
struct dump {
	struct sockdiag *diag;
	const struct query *query;
	int err;
};

static int fail(struct dump *d, int err)
{
	d->err = err;
	return NL_STOP;
}

static bool shorter(const struct nlattr *attr, size_t size)
{
	return attr && (size_t)nla_len(attr) < size;
}

static int take_inet(struct dump *d, struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *msg = nlmsg_data(nlh);
	struct nlattr *attrs[__INET_DIAG_MAX + 1], *shutdown, *v6only;
	struct sockdiag_sock *s;

	if (nlmsg_parse(nlh, sizeof(*msg), attrs, __INET_DIAG_MAX, NULL) < 0)
		return -EPROTO;
	/* No inode: no descriptor either (TIME_WAIT, not accepted yet). */
	if (!msg->idiag_inode)
		return 0;
	shutdown = attrs[INET_DIAG_SHUTDOWN];
	v6only = attrs[INET_DIAG_SKV6ONLY];
	if (shorter(shutdown, 1) || shorter(v6only, 1))
		return -EPROTO;
	s = array_push(&d->diag->socks, &d->diag->n_socks, &d->diag->cap_socks);
	if (!s)
		return -ENOMEM;
	s->ino = msg->idiag_inode;
	s->family = msg->idiag_family;
	s->type = d->query->type;
	s->protocol = d->query->protocol;
	s->state = msg->idiag_state;
	s->shutdown = shutdown ? nla_get_u8(shutdown) : 0;
	s->rqueue = msg->idiag_rqueue;
	s->wqueue = msg->idiag_wqueue;
	memcpy(s->inet.src, msg->id.idiag_src, sizeof(s->inet.src));
	memcpy(s->inet.dst, msg->id.idiag_dst, sizeof(s->inet.dst));
	s->inet.sport = ntohs(msg->id.idiag_sport);
	s->inet.dport = ntohs(msg->id.idiag_dport);
	s->inet.ifindex = msg->id.idiag_if;
	s->inet.has_v6only = v6only;
	s->inet.v6only = v6only && nla_get_u8(v6only);
	return 0;
}

static int take_unix_attrs(struct sockdiag_sock *s, struct nlattr **attrs)
{
	struct nlattr *name = attrs[UNIX_DIAG_NAME], *icons = attrs[UNIX_DIAG_ICONS];

	if (name) {
		if (nla_len(name) > SOCKDIAG_UNIX_NAME_MAX)
			return -EPROTO;
		s->un.name_len = nla_len(name);
		memcpy(s->un.name, nla_data(name), s->un.name_len);
	}
	if (attrs[UNIX_DIAG_PEER])
		s->un.peer = nla_get_u32(attrs[UNIX_DIAG_PEER]);
	if (attrs[UNIX_DIAG_SHUTDOWN])
		s->shutdown = nla_get_u8(attrs[UNIX_DIAG_SHUTDOWN]);
	if (attrs[UNIX_DIAG_VFS]) {
		const struct unix_diag_vfs *vfs = nla_data(attrs[UNIX_DIAG_VFS]);

		s->un.vfs_ino = vfs->udiag_vfs_ino;
		s->un.vfs_dev = vfs->udiag_vfs_dev;
	}
	if (attrs[UNIX_DIAG_RQLEN]) {
		const struct unix_diag_rqlen *rqlen = nla_data(attrs[UNIX_DIAG_RQLEN]);

		s->rqueue = rqlen->udiag_rqueue;
		s->wqueue = rqlen->udiag_wqueue;
	}
	if (icons && nla_len(icons) >= (int)sizeof(uint32_t)) {
		s->un.n_pending = nla_len(icons) / sizeof(uint32_t);
		s->un.pending = malloc(s->un.n_pending * sizeof(uint32_t));
		if (!s->un.pending)
			return -ENOMEM;
		memcpy(s->un.pending, nla_data(icons), s->un.n_pending * sizeof(uint32_t));
	}
	return 0;
}

static int take_unix(struct dump *d, struct nlmsghdr *nlh)
{
	static const struct nla_policy policy[__UNIX_DIAG_MAX + 1] = {
		[UNIX_DIAG_PEER] = { .minlen = sizeof(uint32_t) },
		[UNIX_DIAG_RQLEN] = { .minlen = sizeof(struct unix_diag_rqlen) },
		[UNIX_DIAG_SHUTDOWN] = { .minlen = sizeof(uint8_t) },
		[UNIX_DIAG_VFS] = { .minlen = sizeof(struct unix_diag_vfs) },
	};
	const struct unix_diag_msg *msg = nlmsg_data(nlh);
	struct nlattr *attrs[__UNIX_DIAG_MAX + 1];
	struct sockdiag_sock *s;

	if (nlmsg_parse(nlh, sizeof(*msg), attrs, __UNIX_DIAG_MAX, policy) < 0)
		return -EPROTO;
	if (!msg->udiag_ino)
		return 0;
	s = array_push(&d->diag->socks, &d->diag->n_socks, &d->diag->cap_socks);
	if (!s)
		return -ENOMEM;
	s->ino = msg->udiag_ino;
	s->family = AF_UNIX;
	s->type = msg->udiag_type;
	s->state = msg->udiag_state;
	return take_unix_attrs(s, attrs);
}

static int on_socket(struct nl_msg *msg, void *arg)
{
	struct dump *d = arg;
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	int r = d->query->family == AF_UNIX ? take_unix(d, nlh) : take_inet(d, nlh);

	return r < 0 ? fail(d, r) : NL_OK;
}

/* The last message holds the result of the whole dump. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	int32_t result = 0;

	if (nlmsg_datalen(nlh) >= (int)sizeof(result))
		memcpy(&result, nlmsg_data(nlh), sizeof(result));
	if (result < 0)
		return fail(arg, result);
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	return fail(arg, err->error < 0 ? err->error : -EPROTO);
}

static int send_query(struct nl_sock *sk, const struct query *q)
{
	struct inet_diag_req_v2 inet = {
		.sdiag_family = q->family, .sdiag_protocol = q->protocol,
		.idiag_states = ~0U,
	};
	struct unix_diag_req un = {
		.sdiag_family = AF_UNIX, .udiag_states = ~0U,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER |
			      UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
	};

	if (q->family == AF_UNIX)
		return nl_send_simple(sk, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &un, sizeof(un));
	return nl_send_simple(sk, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &inet, sizeof(inet));
}

/* libnl has error numbers of its own. */
static int nl_failure(int err, const char *name, const char *action)
{
	return log_errno(err == -NLE_NOMEM ? -ENOMEM : -EIO, "sockets %s: cannot %s (%s)", name,
			 action, nl_geterror(err));
}

static void drop_from(struct sockdiag *diag, size_t n)
{
	while (diag->n_socks > n) {
		struct sockdiag_sock *s = &diag->socks[--diag->n_socks];

		if (s->family == AF_UNIX)
			free(s->un.pending);
	}
}

/* 0, -EAGAIN: disturbed, to be asked again; -errno (logged). */
static int run_query(struct nl_sock *sk, struct dump *d)
{
	int r = send_query(sk, d->query);

	if (r < 0)
		return nl_failure(r, d->query->name, "ask");
	d->err = 0;
	r = nl_recvmsgs_default(sk);
	/* ENOENT: the kernel, or its module for this family, is not there. */
	if (d->err == -ENOENT)
		return 0;
	if (d->err < 0)
		return log_errno(d->err, "sockets %s: cannot list", d->query->name);
	if (r == -NLE_DUMP_INTR)
		return -EAGAIN;
	if (r < 0)
		return nl_failure(r, d->query->name, "list");
	return 0;
}

static int open_diag(struct nl_sock **out)
{
	_cleanup_(nl_socket_cleanup) struct nl_sock *sk = nl_socket_alloc();
	int r;

	if (!sk)
		return -ENOMEM;
	/* A dump ends with its last message: no acknowledgement is due. */
	nl_socket_disable_auto_ack(sk);
	r = nl_connect(sk, NETLINK_SOCK_DIAG);
	if (r < 0)
		return nl_failure(r, "all", "connect to the kernel");
	nl_socket_set_msg_buf_size(sk, REPLY_SIZE);
	nl_socket_enable_msg_peek(sk);
	*out = take_ptr(sk);
	return 0;
}

/* With a socket of its own, so that a failed dump leaves nothing for the next. */
static int list_family(struct sockdiag *diag, const struct query *q)
{
	size_t before = diag->n_socks;
	int r = -EAGAIN, tries;

	for (tries = 0; r == -EAGAIN && tries < DUMP_TRIES; tries++) {
		_cleanup_(nl_socket_cleanup) struct nl_sock *sk = NULL;
		struct dump d = { .diag = diag, .query = q };

		drop_from(diag, before);
		r = open_diag(&sk);
		if (r < 0)
			return r;
		nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_socket, &d);
		nl_socket_modify_cb(sk, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &d);
		nl_socket_modify_err_cb(sk, NL_CB_CUSTOM, on_error, &d);
		r = run_query(sk, &d);
	}
	if (r == -EAGAIN)
		return log_errno(r, "sockets %s: the list changes all the time", q->name);
	return r;
}

static int by_ino(const void *a, const void *b)
{
	const struct sockdiag_sock *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

int sockdiag_read(unsigned int families, struct sockdiag **out)
{
	_cleanup_(sockdiag_cleanup) struct sockdiag *diag = calloc(1, sizeof(*diag));
	size_t i;
	int r;

	if (!diag)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(query_table); i++) {
		if (!(families & query_table[i].bit))
			continue;
		r = list_family(diag, &query_table[i]);
		if (r < 0)
			return r;
	}
	if (diag->n_socks)
		qsort(diag->socks, diag->n_socks, sizeof(*diag->socks), by_ino);
	*out = take_ptr(diag);
	return 0;
}

void sockdiag_free(struct sockdiag *diag)
{
	if (!diag)
		return;
	drop_from(diag, 0);
	free(diag->socks);
	free(diag);
}

const struct sockdiag_sock *sockdiag_find(const struct sockdiag *diag, uint32_t ino)
{
	struct sockdiag_sock key = { .ino = ino };

	if (!diag->n_socks)
		return NULL;
	return bsearch(&key, diag->socks, diag->n_socks, sizeof(*diag->socks), by_ino);
}

size_t sockdiag_count(const struct sockdiag *diag)
{
	return diag->n_socks;
}

const struct sockdiag_sock *sockdiag_at(const struct sockdiag *diag, size_t index)
{
	return &diag->socks[index];
}
