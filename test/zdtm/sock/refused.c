// SPDX-License-Identifier: GPL-2.0-only
/*
 * An established TCP connection cannot be saved without its peer being kept waiting:
 * it is refused. The victim can go on talking, with what was on its way.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/inet.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE 4096

struct state {
	int client, server;
};

static void send_pattern(int fd, uint64_t seed)
{
	char content[SIZE];

	pattern_fill(content, sizeof(content), seed);
	CHECK(MUST(send(fd, content, sizeof(content), MSG_NOSIGNAL)) == SIZE, "short send");
}

static void receive_pattern(int fd, uint64_t seed)
{
	char content[SIZE];

	CHECK(MUST(recv(fd, content, sizeof(content), MSG_WAITALL)) == SIZE, "short receive");
	pattern_check(content, sizeof(content), seed);
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct inet_address address;
	int listener = inet_bound(AF_INET, SOCK_STREAM, &address);

	MUST(listen(listener, 1));
	s->client = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(s->client, &address.any, address.len));
	s->server = MUST(accept(listener, NULL, NULL));
	close(listener);
	send_pattern(s->client, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	receive_pattern(s->server, 1);
	send_pattern(s->client, 9);
}

static void check(void *arg)
{
	struct state *s = arg;

	receive_pattern(s->server, 1);
	send_pattern(s->server, 2);
	receive_pattern(s->client, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "a TCP connection is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "TCP connection",
};
