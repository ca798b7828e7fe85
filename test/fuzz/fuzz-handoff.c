// SPDX-License-Identifier: GPL-2.0-only
/*
 * What somebody says to the lazy-pages server: records of two bytes of length,
 * one of how many descriptors come along, and the content.
 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pages/handoff.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

#define HEAD 3
#define FDS_MAX 3

static void send_record(int sock, const uint8_t *data, size_t len, size_t n_fds)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {};
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS_MAX] = { sock, sock, sock };

	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
	}
	(void)sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handoff_record rec;
	int pair[2];

	target_silence();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		err(1, "socketpair");
	while (size >= HEAD) {
		size_t len = MIN((size_t)(data[0] | data[1] << 8), size - HEAD);

		send_record(pair[0], data + HEAD, len, data[2] % (FDS_MAX + 1));
		data += HEAD + len;
		size -= HEAD + len;
		while (handoff_receive(pair[1], &rec) > 0)
			handoff_record_fini(&rec);
	}
	close(pair[0]);
	close(pair[1]);
	return 0;
}
