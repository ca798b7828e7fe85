// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connected pairs of datagram and of sequenced-packet sockets: what is queued keeps
 * its boundaries, an empty packet and the largest one among them, in both directions.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

static const size_t sizes[] = { 8, 0, 4096, 16, 60000 };

#define N_PACKETS (sizeof(sizes) / sizeof(*sizes))
#define N_BACK 2
#define SIZE_MAX_PACKET 65536

static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };

#define N_TYPES (sizeof(types) / sizeof(*types))

struct state {
	int pairs[N_TYPES][2];
	char buffer[SIZE_MAX_PACKET];
};

static void send_packet(struct state *s, int fd, size_t size, uint64_t seed)
{
	pattern_fill(s->buffer, size, seed);
	CHECK(MUST(send(fd, s->buffer, size, MSG_DONTWAIT)) == (ssize_t)size, "short send");
}

static void receive_packet(struct state *s, int fd, size_t size, uint64_t seed)
{
	ssize_t n = MUST(recv(fd, s->buffer, sizeof(s->buffer), MSG_DONTWAIT));

	CHECK(n == (ssize_t)size, "the packet has %zd bytes, not %zu", n, size);
	pattern_check(s->buffer, size, seed);
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_TYPES; i++) {
		MUST(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, s->pairs[i]));
		for (size_t p = 0; p < N_PACKETS; p++)
			send_packet(s, s->pairs[i][0], sizes[p], 100 * i + p);
		for (size_t p = 0; p < N_BACK; p++)
			send_packet(s, s->pairs[i][1], 64, 1000 + 100 * i + p);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	receive_packet(s, s->pairs[1][1], sizes[0], 100);
}

static void check_queue(struct state *s, size_t i)
{
	int type;
	socklen_t len = sizeof(type);
	char byte;

	MUST(getsockopt(s->pairs[i][0], SOL_SOCKET, SO_TYPE, &type, &len));
	CHECK(type == types[i], "the type is %d, not %d", type, types[i]);
	for (size_t p = 0; p < N_PACKETS; p++)
		receive_packet(s, s->pairs[i][1], sizes[p], 100 * i + p);
	for (size_t p = 0; p < N_BACK; p++)
		receive_packet(s, s->pairs[i][0], 64, 1000 + 100 * i + p);
	CHECK(recv(s->pairs[i][0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
	      "there are more packets");
	send_packet(s, s->pairs[i][1], 32, 7);
	receive_packet(s, s->pairs[i][0], 32, 7);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_TYPES; i++)
		check_queue(s, i);
}

const struct zdtm_test zdtm_test = {
	.about = "datagram and seqpacket pairs keep packets and boundaries",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
