// SPDX-License-Identifier: GPL-2.0-only
/*
 * Talking to a parasite: requests and replies over its control socket.
 *
 * The parasite's thread is traced, so that a stop that reaches its task (^Z
 * from a terminal) stops it with a ptrace stop, which nobody but us can end.
 * While we wait for its answer we look for that.
 */
#include "inject/parasite.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "inject/session.h"
#include "inject/stop.h"
#include "util/log.h"
#include "util/macro.h"

enum {
	LOOK_MS = 20,			/* how often the thread is looked after */
	PATIENCE = 500,			/* looks */
};

int parasite_look(struct parasite *p)
{
	int r = stop_pass_by(&p->guest);

	if (r == -ESRCH && p->guest.exited)
		return log_errno(-EPIPE, "parasite of pid %d: it left (RLIMIT_NOFILE?)", p->pid);
	return r;
}

int parasite_wait(struct parasite *p, int fd)
{
	for (int i = 0; i < PATIENCE; i++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int r = poll(&pfd, 1, LOOK_MS);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return log_errno(-errno, "parasite of pid %d: cannot wait for it", p->pid);
		r = parasite_look(p);
		if (r < 0)
			return r;
	}
	return log_errno(-ETIMEDOUT, "parasite of pid %d does not answer", p->pid);
}

int parasite_send(struct parasite *p, enum parasite_command command, uint32_t count, size_t len,
		  int fd)
{
	struct iovec iov = { &p->packet, sizeof(p->packet.header) + len };
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	p->packet.header = (struct parasite_header){
		.token = p->token,
		.command = command,
		.count = count,
	};
	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(p->sock, &msg, MSG_NOSIGNAL) < 0) {
		int err = -errno, r = parasite_look(p);

		return r < 0 ? r : log_errno(err, "parasite of pid %d: cannot send a request",
					     p->pid);
	}
	return 0;
}

int parasite_receive(struct parasite *p, enum parasite_command command, size_t len)
{
	struct parasite_header *h = &p->packet.header;
	ssize_t n;
	int r = parasite_wait(p, p->sock);

	if (r < 0)
		return r;
	n = recv(p->sock, &p->packet, sizeof(p->packet), 0);
	if (n < 0)
		return log_errno(-errno, "parasite of pid %d: cannot receive a reply", p->pid);
	if (n == 0) {
		r = parasite_look(p);
		return r < 0 ? r : log_errno(-EPIPE, "parasite of pid %d: hung up", p->pid);
	}
	if ((size_t)n != sizeof(*h) + len || h->command != command ||
	    memcmp(&h->token, &p->token, sizeof(p->token)) != 0)
		return log_errno(-EPROTO, "parasite of pid %d: a reply that makes no sense",
				 p->pid);
	return 0;
}

int parasite_misc(struct parasite *p, const struct parasite_misc **misc)
{
	int r = parasite_send(p, PARASITE_MISC, 0, 0, -1);

	if (r >= 0)
		r = parasite_receive(p, PARASITE_MISC, sizeof(p->packet.misc));
	if (r < 0)
		return r;
	if (p->packet.header.result < 0)
		return log_errno(p->packet.header.result, "parasite of pid %d: cannot tell the "
				 "state of the process", p->pid);
	p->misc = p->packet.misc;
	*misc = &p->misc;
	return 0;
}

static int ask_timers(struct parasite *p, const int32_t *ids, size_t n,
		      struct parasite_timer *timers)
{
	int r;

	memcpy(p->packet.timer_ids, ids, n * sizeof(*ids));
	r = parasite_send(p, PARASITE_TIMERS, n, n * sizeof(*ids), -1);
	if (r >= 0)
		r = parasite_receive(p, PARASITE_TIMERS, n * sizeof(*timers));
	if (r < 0)
		return r;
	if (p->packet.header.result < 0)
		return log_errno(p->packet.header.result, "parasite of pid %d: cannot read its "
				 "timers", p->pid);
	memcpy(timers, p->packet.timers, n * sizeof(*timers));
	return 0;
}

static int ask_mempolicies(struct parasite *p, const uint64_t *addrs, size_t n,
			   struct mempolicy *policies)
{
	int r;

	memcpy(p->packet.addrs, addrs, n * sizeof(*addrs));
	r = parasite_send(p, PARASITE_POLICIES, n, n * sizeof(*addrs), -1);
	if (r >= 0)
		r = parasite_receive(p, PARASITE_POLICIES, n * sizeof(*policies));
	if (r < 0)
		return r;
	if (p->packet.header.result < 0)
		return log_errno(p->packet.header.result, "parasite of pid %d: cannot read memory "
				 "policies", p->pid);
	memcpy(policies, p->packet.policies, n * sizeof(*policies));
	return 0;
}

int parasite_mempolicies(struct parasite *p, const uint64_t *addrs, size_t n,
			 struct mempolicy *policies)
{
	while (n) {
		size_t some = MIN(n, (size_t)PARASITE_POLICIES_MAX);
		int r = ask_mempolicies(p, addrs, some, policies);

		if (r < 0)
			return r;
		addrs += some;
		policies += some;
		n -= some;
	}
	return 0;
}

int parasite_timers(struct parasite *p, const int32_t *ids, size_t n,
		    struct parasite_timer *timers)
{
	while (n) {
		size_t some = MIN(n, (size_t)PARASITE_TIMERS_MAX);
		int r = ask_timers(p, ids, some, timers);

		if (r < 0)
			return r;
		ids += some;
		timers += some;
		n -= some;
	}
	return 0;
}
