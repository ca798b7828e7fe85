// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files: offset, access mode, O_APPEND and other status flags. The content
 * is the file system's; where the next byte goes is the descriptor's.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/zdtm.h"

enum { READ, WRITE, BOTH, APPEND, SYNC, N_FILES };

static const struct {
	const char *name;
	int flags;
	off_t offset;
} files[N_FILES] = {
	[READ] = { "read", O_RDONLY, 3 },
	[WRITE] = { "write", O_WRONLY | O_NONBLOCK, 5 },
	[BOTH] = { "both", O_RDWR | O_NOATIME, 1L << 33 },
	[APPEND] = { "append", O_RDWR | O_APPEND, 2 },
	[SYNC] = { "sync", O_WRONLY | O_SYNC, 0 },
};

static const char content[] = "0123456789";

struct state {
	int fds[N_FILES];
	int flags[N_FILES];
};

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_FILES; i++) {
		int fd = MUST(open(files[i].name, O_CREAT | O_EXCL | O_WRONLY, 0600));

		MUST(write(fd, content, 10));
		close(fd);
		s->fds[i] = MUST(open(files[i].name, files[i].flags));
		MUST(lseek(s->fds[i], files[i].offset, SEEK_SET));
		s->flags[i] = MUST(fcntl(s->fds[i], F_GETFL));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(lseek(s->fds[WRITE], 0, SEEK_SET));
}

static void compare(const char *name, const char *wanted)
{
	char found[32] = "";
	int fd = MUST(open(name, O_RDONLY));

	MUST(read(fd, found, sizeof(found) - 1));
	close(fd);
	CHECK(!strcmp(found, wanted), "%s contains \"%s\", not \"%s\"", name, found, wanted);
}

static void check(void *arg)
{
	struct state *s = arg;
	char found[32] = "";

	for (int i = 0; i < N_FILES; i++) {
		off_t offset = lseek(s->fds[i], 0, SEEK_CUR);

		CHECK(offset == files[i].offset, "the offset of %s is %ld", files[i].name, offset);
		CHECK(fcntl(s->fds[i], F_GETFL) == s->flags[i], "the flags of %s are %#x, were %#x",
		      files[i].name, fcntl(s->fds[i], F_GETFL), s->flags[i]);
	}
	MUST(read(s->fds[READ], found, sizeof(found)));
	CHECK(!strcmp(found, "3456789"), "read gives \"%s\"", found);
	CHECK(write(s->fds[READ], "x", 1) < 0 && errno == EBADF, "read can be written");
	MUST(write(s->fds[WRITE], "AB", 2));
	compare("write", "01234AB789");
	CHECK(read(s->fds[WRITE], found, 1) < 0 && errno == EBADF, "write can be read");
	MUST(write(s->fds[APPEND], "CD", 2));
	compare("append", "0123456789CD");
	MUST(write(s->fds[SYNC], "E", 1));
	compare("sync", "E123456789");
}

const struct zdtm_test zdtm_test = {
	.about = "regular files keep offset, mode and flags",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
