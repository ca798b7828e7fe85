// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that sleep in calls of sockets which have a limit of time (SO_RCVTIMEO,
 * SO_SNDTIMEO): the kernel ends them with EINTR for any stop, though they did nothing.
 * None of that is to be seen. One child for each call.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FAR_S 6000
#define CHUNK 4096

struct victim {
	int row;
	pid_t pid;
	int ends[2];
	struct sockaddr_un name;	/* of the listener, which is ends[0] */
	socklen_t name_len;
};

static void limit(int sock, int which)
{
	const struct timeval far = { .tv_sec = FAR_S };

	MUST(setsockopt(sock, SOL_SOCKET, which, &far, sizeof(far)));
}

static void sleep_in_accept(struct victim *v)
{
	MUST(accept(v->ends[0], NULL, NULL));
}

static void wake_accept(struct victim *v)
{
	int sock = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	MUST(connect(sock, (void *)&v->name, v->name_len));
	close(sock);
}

static void check_byte(long n, char byte)
{
	CHECK(n == 1 && byte == 'y', "%ld bytes, %#x", n, byte);
}

static void sleep_in_recv(struct victim *v)
{
	char byte = 0;
	long n = MUST(recv(v->ends[0], &byte, 1, 0));

	check_byte(n, byte);
}

static void sleep_in_recvmsg(struct victim *v)
{
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	long n = MUST(recvmsg(v->ends[0], &msg, 0));

	check_byte(n, byte);
}

static void wake_by_send(struct victim *v)
{
	MUST(send(v->ends[1], "y", 1, 0));
}

static void fill(int sock)
{
	static const char chunk[CHUNK];

	while (send(sock, chunk, sizeof(chunk), MSG_DONTWAIT) > 0)
		;
}

static void sleep_in_send(struct victim *v)
{
	CHECK(MUST(send(v->ends[0], "x", 1, 0)) == 1, "nothing was sent");
}

static void sleep_in_write(struct victim *v)
{
	CHECK(MUST(write(v->ends[0], "x", 1)) == 1, "nothing was sent");
}

static void sleep_in_sendmsg(struct victim *v)
{
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	CHECK(MUST(sendmsg(v->ends[0], &msg, 0)) == 1, "nothing was sent");
}

static void wake_by_recv(struct victim *v)
{
	char chunk[CHUNK];
	long n;

	while ((n = recv(v->ends[1], chunk, sizeof(chunk), 0)) > 0)
		if (memchr(chunk, 'x', n))
			break;
	CHECK(n > 0, "what was sent did not come");
}

static const struct {
	long nr;
	int option;
	void (*sleep)(struct victim *v);
	void (*wake)(struct victim *v);
} rows[] = {
	{ SYS_accept, SO_RCVTIMEO, sleep_in_accept, wake_accept },
	{ SYS_recvfrom, SO_RCVTIMEO, sleep_in_recv, wake_by_send },
	{ SYS_recvmsg, SO_RCVTIMEO, sleep_in_recvmsg, wake_by_send },
	{ SYS_sendto, SO_SNDTIMEO, sleep_in_send, wake_by_recv },
	{ SYS_sendmsg, SO_SNDTIMEO, sleep_in_sendmsg, wake_by_recv },
	{ SYS_write, SO_SNDTIMEO, sleep_in_write, wake_by_recv },
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

struct state {
	struct victim victims[N_ROWS];
};

static void child(void *arg)
{
	struct victim *v = arg;

	zdtm_let_usr1_interrupt();
	zdtm_ready();
	rows[v->row].sleep(v);
}

/* With a name that the kernel chooses. */
static void listen_unnamed(struct victim *v)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };

	v->ends[0] = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(v->ends[0], (const void *)&any, sizeof(any.sun_family)));
	MUST(listen(v->ends[0], 1));
	v->name_len = sizeof(v->name);
	MUST(getsockname(v->ends[0], (void *)&v->name, &v->name_len));
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_ROWS; i++) {
		struct victim *v = &s->victims[i];

		v->row = i;
		if (rows[i].nr == SYS_accept)
			listen_unnamed(v);
		else
			MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, v->ends));
		if (rows[i].option == SO_SNDTIMEO)
			fill(v->ends[0]);
		limit(v->ends[0], rows[i].option);
		v->pid = zdtm_fork(child, v);
		zdtm_until_in_syscall(v->pid, rows[i].nr);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->victims[1].pid, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_ROWS; i++) {
		zdtm_log("system call %ld", rows[i].nr);
		rows[i].wake(&s->victims[i]);
		zdtm_join(s->victims[i].pid);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "calls of sockets with a limit of time are not interrupted",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	/* A restored queue is made of other pieces: there may be room for who waits to send. */
	.busy = true,
};
