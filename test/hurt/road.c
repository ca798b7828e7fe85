// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bad road between two network namespaces: carries the packets of two TUN devices to each
 * other, late, and not all of them.
 *
 *	road FD FD [NAME=VALUE...]
 *
 *	delay, jitter		microseconds, of each packet on its way
 *	rate			kbit/s, of each direction
 *	queue			KiB that may wait for that; what is more is dropped
 *	loss, duplicate, reorder, corrupt	of a million packets
 *
 * A kernel's netem does that, too, but not every kernel has it. It ends when who started it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <bsd/sys/queue.h>

#define PACKET_MAX 65536
#define NS_PER_S 1000000000ULL
/* A device that is down gives nothing, and is not waited for. */
#define DOWN_NS 1000000ULL

enum {
	DELAY, JITTER, RATE, QUEUE, LOSS, DUPLICATE, REORDER, CORRUPT, N_SETTINGS,
};

static const char *const names[] = {
	"delay", "jitter", "rate", "queue", "loss", "duplicate", "reorder", "corrupt",
};

static uint64_t settings[N_SETTINGS] = { [QUEUE] = 256 };

struct packet {
	TAILQ_ENTRY(packet) link;
	uint64_t due_ns;
	size_t len;
	unsigned char data[];
};

struct lane {
	int from, to;
	uint64_t free_ns;		/* when the last bit of what was sent has left */
	uint64_t up_ns;			/* not read before that */
	TAILQ_HEAD(packets, packet) packets;	/* by due_ns */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static bool happens(unsigned int what)
{
	return settings[what] && (uint64_t)random() % 1000000 < settings[what];
}

static void enqueue(struct lane *lane, const void *data, size_t len, uint64_t due_ns)
{
	struct packet *p = malloc(sizeof(*p) + len), *before;

	if (!p)
		return;
	p->due_ns = due_ns;
	p->len = len;
	memcpy(p->data, data, len);
	if (happens(CORRUPT))
		p->data[random() % len] ^= 1 << random() % 8;
	TAILQ_FOREACH_REVERSE(before, &lane->packets, packets, link)
		if (before->due_ns <= due_ns)
			break;
	if (before)
		TAILQ_INSERT_AFTER(&lane->packets, before, p, link);
	else
		TAILQ_INSERT_HEAD(&lane->packets, p, link);
}

/* When a packet of @len bytes that comes now is there; 0: never. */
static uint64_t send_it(struct lane *lane, size_t len, uint64_t now)
{
	uint64_t due, bit_ns = settings[RATE] ? len * 8 * 1000000 / settings[RATE] : 0;

	if (lane->free_ns < now)
		lane->free_ns = now;
	if (settings[RATE] &&
	    (lane->free_ns - now) * settings[RATE] / 8000000 > settings[QUEUE] << 10)
		return 0;
	lane->free_ns += bit_ns;
	if (happens(LOSS))
		return 0;
	due = happens(REORDER) ? lane->free_ns : lane->free_ns + settings[DELAY] * 1000;
	return settings[JITTER] ? due + random() % (settings[JITTER] * 1000) : due;
}

static void take(struct lane *lane)
{
	unsigned char buf[PACKET_MAX];
	uint64_t now = now_ns(), due;
	ssize_t len;

	if (lane->up_ns > now)
		return;
	while ((len = read(lane->from, buf, sizeof(buf))) > 0) {
		now = now_ns();
		due = send_it(lane, len, now);
		if (due)
			enqueue(lane, buf, len, due);
		if (due && happens(DUPLICATE))
			enqueue(lane, buf, len, due);
	}
	if (len < 0 && errno != EAGAIN && errno != EINTR)
		lane->up_ns = now + DOWN_NS;
}

/* When the next one is due. */
static uint64_t give(struct lane *lane)
{
	struct packet *p;

	while ((p = TAILQ_FIRST(&lane->packets))) {
		if (p->due_ns > now_ns())
			return p->due_ns;
		/* A device that is down loses it. */
		if (write(lane->to, p->data, p->len) < 0 && errno == EBADF)
			exit(1);
		TAILQ_REMOVE(&lane->packets, p, link);
		free(p);
	}
	return UINT64_MAX;
}

static void wait_until(const struct lane *lanes, uint64_t due)
{
	uint64_t now = now_ns();
	struct pollfd fds[2];
	struct timespec t;

	for (int i = 0; i < 2; i++) {
		bool up = lanes[i].up_ns <= now;

		fds[i] = (struct pollfd){ .fd = up ? lanes[i].from : -1, .events = POLLIN };
		if (!up && lanes[i].up_ns < due)
			due = lanes[i].up_ns;
	}
	due = due > now ? due - now : 0;
	t = (struct timespec){ due / NS_PER_S, due % NS_PER_S };
	ppoll(fds, 2, due < NS_PER_S * 1000 ? &t : NULL, NULL);
}

static bool set(const char *word)
{
	const char *value = strchr(word, '=');

	for (int i = 0; value && i < N_SETTINGS; i++)
		if (!strncmp(word, names[i], value - word) && !names[i][value - word]) {
			settings[i] = strtoull(value + 1, NULL, 10);
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	struct lane lanes[2];

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc; i++)
		if (!set(argv[i]))
			return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	for (int i = 0; i < 2; i++) {
		lanes[i] = (struct lane){ .from = atoi(argv[1 + i]), .to = atoi(argv[2 - i]) };
		TAILQ_INIT(&lanes[i].packets);
		if (fcntl(lanes[i].from, F_SETFL, O_NONBLOCK))
			return 1;
	}
	for (;;) {
		uint64_t due = UINT64_MAX;

		for (int i = 0; i < 2; i++) {
			uint64_t next;

			take(&lanes[i]);
			next = give(&lanes[i]);
			due = next < due ? next : due;
		}
		wait_until(lanes, due);
	}
}
