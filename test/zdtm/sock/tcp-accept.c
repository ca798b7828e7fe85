// SPDX-License-Identifier: GPL-2.0-only
/* A task that sleeps in accept(): the call restarts, without EINTR, and accepts. */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/inet.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	int socket;
	struct inet_address address;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	int fd;

	zdtm_let_usr1_interrupt();
	zdtm_ready();
	fd = MUST(accept(s->socket, NULL, NULL));
	MUST(write(fd, "hello", 5));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->socket = inet_bound(AF_INET, SOCK_STREAM, &s->address);
	MUST(listen(s->socket, 1));
	s->child = zdtm_fork(child, s);
	zdtm_until_in_syscall(s->child, SYS_accept);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;
	int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	/* The queue takes the connection, whether or not somebody still accepts. */
	if (connect(fd, &s->address.any, s->address.len) < 0)
		CHECK(errno == EINPROGRESS, "connect fails");
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "accept goes on waiting and accepts",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
