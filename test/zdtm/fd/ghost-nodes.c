// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without a name: a FIFO with content, a directory, a symbolic link, a socket's inode and a
 * device, the last three by O_PATH. All lay in a directory that is gone as well.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define DIR "gone"
#define TEXT "leads to nothing"

struct state {
	int in, out, dir, inner, link, sock, dev;
};

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(mkdir(DIR, 0711));
	MUST(mkdir(DIR "/inner", 0700));
	MUST(mkfifo(DIR "/fifo", 0640));
	MUST(symlink(TEXT, DIR "/link"));
	MUST(mknod(DIR "/sock", S_IFSOCK | 0600, 0));
	MUST(mknod(DIR "/dev", S_IFCHR | 0600, makedev(1, 3)));
	s->in = MUST(open(DIR "/fifo", O_RDONLY | O_NONBLOCK));
	s->out = MUST(open(DIR "/fifo", O_WRONLY));
	MUST(write(s->out, "kept", 4));
	s->dir = MUST(open(DIR, O_RDONLY | O_DIRECTORY));
	s->inner = MUST(open(DIR "/inner", O_PATH));
	s->link = MUST(open(DIR "/link", O_PATH | O_NOFOLLOW));
	s->sock = MUST(open(DIR "/sock", O_PATH));
	s->dev = MUST(open(DIR "/dev", O_PATH));
	MUST(unlink(DIR "/fifo"));
	MUST(unlink(DIR "/link"));
	MUST(unlink(DIR "/sock"));
	MUST(unlink(DIR "/dev"));
	MUST(rmdir(DIR "/inner"));
	MUST(rmdir(DIR));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(write(s->out, "x", 1));
}

static void check_node(int fd, mode_t mode)
{
	struct stat st;

	MUST(fstat(fd, &st));
	CHECK(st.st_mode == mode, "mode %o is %o", mode, st.st_mode);
	CHECK(!st.st_nlink, "mode %o has %lu names", mode, (unsigned long)st.st_nlink);
}

static void check(void *arg)
{
	struct state *s = arg;
	char text[64] = "";
	struct stat st;

	check_node(s->in, S_IFIFO | 0640);
	check_node(s->out, S_IFIFO | 0640);
	check_node(s->dir, S_IFDIR | 0711);
	check_node(s->inner, S_IFDIR | 0700);
	check_node(s->link, S_IFLNK | 0777);
	check_node(s->sock, S_IFSOCK | 0600);
	check_node(s->dev, S_IFCHR | 0600);
	CHECK(read(s->in, text, sizeof(text)) == 4 && !memcmp(text, "kept", 4),
	      "the FIFO holds \"%.60s\"", text);
	MUST(write(s->out, "more", 4));
	CHECK(read(s->in, text, sizeof(text)) == 4, "the FIFO's ends do not meet");
	memset(text, 0, sizeof(text));
	MUST(readlinkat(s->link, "", text, sizeof(text) - 1));
	CHECK(!strcmp(text, TEXT), "the link says \"%s\"", text);
	MUST(fstat(s->dev, &st));
	CHECK(st.st_rdev == makedev(1, 3), "the device is %#lx", (unsigned long)st.st_rdev);
	CHECK(mkdirat(s->dir, "new", 0700) < 0 && errno == ENOENT,
	      "a name can be made in the directory");
}

const struct zdtm_test zdtm_test = {
	.about = "a deleted FIFO, directory, link, socket and device are as they were",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
