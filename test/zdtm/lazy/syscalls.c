// SPDX-License-Identifier: GPL-2.0-only
/*
 * Missing memory that the kernel touches first: buffers of read, write and vectored
 * calls, of a path, of a result. No call may fail with EFAULT or come back short
 * because a page was not there.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * MIB)
#define PIECE (256 * PAGE)
#define PATH_AT (SIZE - PAGE - 5)
#define N_VECTORS 8

struct state {
	char *map;
	int fd;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	s->fd = MUST(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
	/* A name that crosses the border of two pages. */
	strcpy(s->map + PATH_AT, "./file");
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->map[PIECE + 17] ^= 1;
}

static void check_write(struct state *s)
{
	char *piece = s->map + PIECE;

	CHECK(MUST(write(s->fd, piece, PIECE)) == PIECE, "short write");
	CHECK(MUST(pread(s->fd, s->map, PIECE, 0)) == PIECE, "short read");
	for (size_t at = 0; at < PIECE; at += PAGE)
		pattern_check(s->map + at, PAGE, pattern_seed(piece + at, 1));
}

static void check_vectors(struct state *s)
{
	struct iovec vectors[N_VECTORS];
	char *piece = s->map + 3 * PIECE;
	ssize_t n;

	for (int i = 0; i < N_VECTORS; i++)
		vectors[i] = (struct iovec){ piece + 2 * i * PAGE, PAGE };
	n = MUST(pwritev(s->fd, vectors, N_VECTORS, 0));
	CHECK(n == N_VECTORS * PAGE, "short vectored write");
	CHECK(MUST(pread(s->fd, piece + PAGE, PAGE, 2 * PAGE)) == PAGE, "short read");
	pattern_check(piece + PAGE, PAGE, pattern_seed(piece + 4 * PAGE, 1));
}

static void check(void *arg)
{
	struct state *s = arg;
	/* The result goes to a page that nobody has touched. */
	struct stat *st = (struct stat *)(s->map + 5 * PIECE);

	MUST(stat(s->map + PATH_AT, st));
	check_write(s);
	check_vectors(s);
	MUST(stat(s->map + PATH_AT, st));
	CHECK(st->st_size == PIECE, "the size is %ld", st->st_size);
	/* What lies behind the result in its page is untouched. */
	pattern_check((char *)(st + 1), PAGE - sizeof(*st),
		      pattern_seed(s->map + 5 * PIECE, 1) + sizeof(*st));
}

const struct zdtm_test zdtm_test = {
	.about = "system calls work on missing memory",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
