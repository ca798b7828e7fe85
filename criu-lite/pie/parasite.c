// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parasite: serves the dumper from inside a dumped task.
 *
 * It runs as a thread of the task that shares its memory and signal handlers
 * but not its descriptor table, with all signals blocked. Whatever goes wrong,
 * and when the dumper is gone, it leaves: parasite_main() returns, the code
 * behind args->leave unmaps the area and ends the thread, and that closes its
 * descriptors.
 *
 * It trusts neither end of its socket before the tokens match: see
 * inject/abi/parasite.h. What a request counts is bounded before it is used.
 */
#include "pie/parasite.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/time_types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "pie/string.h"
#include "pie/syscall.h"

enum { PAUSE_NS = 20 * 1000 };

struct parasite {
	const struct parasite_args *args;
	struct parasite_packet *packet;
	int sock;
	int pipe;			/* -1: none yet */
};

/* The buffer behind the arguments. */
static struct parasite_packet *packet_of(struct parasite_args *args)
{
	return (struct parasite_packet *)(args + 1);
}

static int connect_to_dumper(const struct parasite_args *args)
{
	long sock, r;

	if (args->addr_len > sizeof(args->addr))
		return -EINVAL;
	sock = pie_call(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return sock;
	r = pie_call(connect, sock, args->addr, args->addr_len);
	return r < 0 ? r : sock;
}

/*
 * A thread of the task may be about to make its kernel write into the area: with the dumper
 * gone it does so on its way back to its frame.
 */
static void await_thread(const struct parasite_args *args)
{
	const volatile uint64_t *const *done_addr = (const volatile uint64_t *const *)args->done;
	const struct __kernel_timespec pause = { .tv_nsec = PAUSE_NS };
	const volatile uint64_t *done;

	while ((done = __atomic_load_n(done_addr, __ATOMIC_RELAXED)) && !*done)
		pie_call(ppoll, 0, 0, &pause, 0, sizeof(uint64_t));
}

/* Sends the header and @len bytes behind it. */
static int send_packet(struct parasite *p, uint32_t len)
{
	struct parasite_header *h = &p->packet->header;
	long n = sizeof(*h) + len;

	h->token = p->args->token;
	return pie_call(sendto, p->sock, h, n, MSG_NOSIGNAL, 0, 0) == n ? 0 : -EPIPE;
}

/* A descriptor may come along: it replaces the pipe. */
static void take_descriptor(struct parasite *p, struct msghdr *msg)
{
	struct cmsghdr *c = msg->msg_control;

	if (msg->msg_controllen < CMSG_LEN(sizeof(int)) || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS)
		return;
	if (p->pipe >= 0)
		pie_call(close, p->pipe);
	memcpy(&p->pipe, CMSG_DATA(c), sizeof(int));
}

/* Returns the number of bytes behind the header, or -errno when it is over. */
static long receive_packet(struct parasite *p)
{
	struct parasite_packet *packet = p->packet;
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { packet, sizeof(*packet) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	long n = pie_call(recvmsg, p->sock, &msg, MSG_CMSG_CLOEXEC);

	if (n < (long)sizeof(packet->header))
		return -EPIPE;
	if (memcmp(&packet->header.token, &p->args->token, sizeof(p->args->token)) != 0)
		return -EPERM;
	take_descriptor(p, &msg);
	return n - sizeof(packet->header);
}

/*
 * Puts the ranges into the pipe by reference. Stops at the first page that
 * can't be had; header.bytes says how far it came.
 */
static int give_pages(struct parasite *p)
{
	struct parasite_packet *packet = p->packet;
	struct iovec *iov = (struct iovec *)packet->ranges;
	uint32_t i = 0, n = packet->header.count;

	while (i < n) {
		long r = pie_call(vmsplice, p->pipe, &iov[i], n - i, 0);

		if (r < 0)
			return r;
		packet->header.bytes += r;
		for (; i < n && (uint64_t)r >= iov[i].iov_len; i++)
			r -= iov[i].iov_len;
		if (i < n) {
			iov[i].iov_base = (char *)iov[i].iov_base + r;
			iov[i].iov_len -= r;
		}
	}
	return 0;
}

/* Answers one request of @len bytes. -errno: it makes no sense, leave. */
static int answer(struct parasite *p, uint64_t len)
{
	struct parasite_packet *packet = p->packet;
	struct parasite_header *h = &packet->header;
	uint32_t reply_len = 0;

	h->result = 0;
	h->bytes = 0;
	switch (h->command) {
	case PARASITE_MISC:
		h->result = parasite_misc(packet);
		reply_len = sizeof(packet->misc);
		break;
	case PARASITE_TIMERS:
		if (h->count > PARASITE_TIMERS_MAX || len != h->count * sizeof(int32_t))
			return -EINVAL;
		h->result = parasite_timers(packet);
		reply_len = h->count * sizeof(struct parasite_timer);
		break;
	case PARASITE_POLICIES:
		if (h->count > PARASITE_POLICIES_MAX || len != h->count * sizeof(uint64_t))
			return -EINVAL;
		h->result = parasite_policies(packet);
		reply_len = h->count * sizeof(struct mempolicy);
		break;
	case PARASITE_PIPE:
		h->result = p->pipe < 0 ? -EBADF : 0;
		break;
	case PARASITE_PAGES:
		if (h->count > PARASITE_RANGES_MAX ||
		    len != h->count * sizeof(struct parasite_range))
			return -EINVAL;
		h->result = give_pages(p);
		break;
	default:
		return -EINVAL;
	}
	return send_packet(p, reply_len);
}

void parasite_main(struct parasite_args *args)
{
	struct parasite p = { .args = args, .packet = packet_of(args), .pipe = -1 };
	long len;

	pie_call(prctl, PR_SET_NAME, PARASITE_COMM, 0, 0, 0);
	/*
	 * The table is ours alone, a copy. Without the task's files in it there
	 * is room for the socket, and no pipe of the task is kept open here.
	 */
	pie_call(close_range, 0, ~0u, 0);
	p.sock = connect_to_dumper(args);
	if (p.sock < 0)
		return;
	memset(&p.packet->header, 0, sizeof(p.packet->header));
	p.packet->header.command = PARASITE_HELLO;
	if (send_packet(&p, 0) < 0)
		return;
	do {
		len = receive_packet(&p);
	} while (len >= 0 && answer(&p, len) == 0);
	await_thread(args);
}
