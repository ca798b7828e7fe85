// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes of other sizes than the usual, filled to the last byte: one smaller, one
 * larger, which holds more than the usual pipe takes. Nothing of it may need a pipe
 * that is larger than the system lets anyone make.
 */
#include <fcntl.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

static const int sizes[] = { 4096, 65536, 512 * 1024 };

#define N_PIPES (sizeof(sizes) / sizeof(*sizes))

struct state {
	int pipes[N_PIPES][2];
	size_t lengths[N_PIPES];
};

static void fill(int fd, size_t *length)
{
	char block[512];

	for (*length = 0;; *length += sizeof(block)) {
		pattern_fill(block, sizeof(block), *length);
		if (write(fd, block, sizeof(block)) < 0)
			break;
	}
	CHECK(errno == EAGAIN, "the pipe is not full");
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_PIPES; i++) {
		MUST(pipe2(s->pipes[i], O_NONBLOCK));
		MUST(fcntl(s->pipes[i][1], F_SETPIPE_SZ, sizes[i]));
		fill(s->pipes[i][1], &s->lengths[i]);
		CHECK(s->lengths[i] == (size_t)sizes[i], "%zu bytes fit into %d", s->lengths[i],
		      sizes[i]);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;
	char block[512];

	MUST(read(s->pipes[2][0], block, sizeof(block)));
}

static void check(void *arg)
{
	struct state *s = arg;
	char block[512];

	for (size_t i = 0; i < N_PIPES; i++) {
		size_t length = 0;
		ssize_t n;

		CHECK(fcntl(s->pipes[i][0], F_GETPIPE_SZ) == sizes[i], "the size is %d, not %d",
		      fcntl(s->pipes[i][0], F_GETPIPE_SZ), sizes[i]);
		CHECK(write(s->pipes[i][1], block, sizeof(block)) < 0 && errno == EAGAIN,
		      "the pipe of %d is not full", sizes[i]);
		while ((n = read(s->pipes[i][0], block, sizeof(block))) > 0) {
			pattern_check(block, n, length);
			length += n;
		}
		CHECK(length == s->lengths[i], "the pipe of %d had %zu bytes", sizes[i], length);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "pipes keep their size and all that fits in",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
