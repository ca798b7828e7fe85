// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paths that lead to another file now: one was replaced by rename, one deleted and made
 * again. The open files are the old ones, the new ones stay as they are, also a file that
 * has come to stand where a directory was.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int renamed, again, dir, inside;
	ino_t inode;
};

static int make(const char *name, const char *text)
{
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));

	MUST(write(fd, text, strlen(text)));
	return fd;
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct stat st;

	s->renamed = make("renamed", "old");
	close(make("replacement", "new"));
	MUST(rename("replacement", "renamed"));
	s->again = make("again", "first");
	MUST(unlink("again"));
	close(make("again", "second"));
	MUST(mkdir("dir", 0700));
	s->dir = MUST(open("dir", O_RDONLY));
	s->inside = make("dir/inside", "of the first");
	MUST(unlink("dir/inside"));
	MUST(rmdir("dir"));
	MUST(mkdir("dir", 0755));
	close(make("dir/inside", "of the second"));
	MUST(stat("renamed", &st));
	s->inode = st.st_ino;
}

static void spoil(void *arg)
{
	MUST(rename("again", "renamed"));
}

static void compare(int fd, const char *what, const char *wanted)
{
	char found[32] = "";

	MUST(pread(fd, found, sizeof(found) - 1, 0));
	CHECK(!strcmp(found, wanted), "%s contains \"%s\", not \"%s\"", what, found, wanted);
}

static void compare_path(const char *path, const char *wanted)
{
	int fd = MUST(open(path, O_RDONLY));

	compare(fd, path, wanted);
	close(fd);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;

	compare(s->renamed, "the replaced file", "old");
	compare(s->again, "the deleted file", "first");
	compare(s->inside, "the file in the deleted directory", "of the first");
	compare_path("renamed", "new");
	compare_path("again", "second");
	compare_path("dir/inside", "of the second");
	MUST(stat("renamed", &st));
	CHECK(st.st_ino == s->inode && st.st_nlink == 1, "the new file is another one");
	MUST(fstat(s->dir, &st));
	CHECK(!st.st_nlink, "the deleted directory has a name");
}

const struct zdtm_test zdtm_test = {
	.about = "replaced files stay what they are, and so do their successors",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
