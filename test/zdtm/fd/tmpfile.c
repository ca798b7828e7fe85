// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of O_TMPFILE never had a name. It keeps its content, and linkat(2) can still give
 * it one, which it can't to a file that was deleted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int fd, reader, flags;
};

static void setup(void *arg)
{
	struct state *s = arg;
	char path[32];

	s->fd = MUST(open(".", O_TMPFILE | O_WRONLY | O_APPEND, 0640));
	s->flags = MUST(fcntl(s->fd, F_GETFL));
	MUST(write(s->fd, "0123456789", 10));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	s->reader = MUST(open(path, O_RDONLY));
	MUST(lseek(s->reader, 3, SEEK_SET));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(ftruncate(s->fd, 5));
}

static void check(void *arg)
{
	struct state *s = arg;
	char path[32], text[16] = "";
	struct stat st;
	int fd;

	MUST(fstat(s->fd, &st));
	CHECK(!st.st_nlink && st.st_mode == (S_IFREG | 0640), "%lu names, mode %o",
	      (unsigned long)st.st_nlink, st.st_mode);
	CHECK(fcntl(s->fd, F_GETFL) == s->flags, "its flags are %#x, were %#x",
	      fcntl(s->fd, F_GETFL), s->flags);
	CHECK(read(s->reader, text, sizeof(text)) == 7 && !strcmp(text, "3456789"),
	      "read gives \"%s\"", text);
	MUST(write(s->fd, "more", 4));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	MUST(linkat(AT_FDCWD, path, AT_FDCWD, "published", AT_SYMLINK_FOLLOW));
	fd = MUST(open("published", O_RDONLY));
	CHECK(read(fd, text, sizeof(text)) == 14 && !memcmp(text, "0123456789more", 14),
	      "the new name holds \"%.16s\"", text);
}

const struct zdtm_test zdtm_test = {
	.about = "a file without a name can still be given one",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
