// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file without a name: content with a hole, owner, mode, times and attributes stay, and
 * all who have it open, by whatever flags and in whatever task, have the same file.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define NAME "gone (deleted)\nfor good"
#define OTHER "other name"
#define DIR "directory"
#define SIZE (256 * KIB)
#define DATA_AT (128 * KIB)

struct state {
	int both, reader, writer, other, path;
	struct stat before;
	pid_t child;
};

static void read_page(int fd, off_t at, unsigned int version, int data)
{
	static char page[PAGE] __attribute__((aligned(8)));

	CHECK(pread(fd, page, PAGE, at) == PAGE, "the page at %#lx is not there", (long)at);
	if (data)
		pattern_check(page, PAGE, version);
	else
		pattern_check_zero(page, PAGE);
}

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	MUST(pwrite(s->writer, "child", 5, SIZE - 5));
}

static void setup(void *arg)
{
	static char page[PAGE] __attribute__((aligned(8)));
	const struct timespec times[] = { { 1000000001, 123456789 }, { 1000000002, 987654321 } };
	struct state *s = arg;

	MUST(mkdir(DIR, 0755));
	s->both = MUST(open(DIR "/" NAME, O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(ftruncate(s->both, SIZE));
	pattern_fill(page, PAGE, 7);
	MUST(pwrite(s->both, page, PAGE, DATA_AT));
	MUST(link(DIR "/" NAME, OTHER));
	s->reader = MUST(open(DIR "/" NAME, O_RDONLY));
	s->writer = MUST(open(DIR "/" NAME, O_WRONLY | O_APPEND));
	s->other = MUST(open(OTHER, O_RDWR | O_NONBLOCK));
	s->path = MUST(open(OTHER, O_PATH));
	MUST(lseek(s->reader, DATA_AT, SEEK_SET));
	MUST(fchown(s->both, 12, 34));
	MUST(fchmod(s->both, 02754));
	(void)fsetxattr(s->both, "user.zdtm", "value", 5, 0);
	MUST(futimens(s->both, times));
	s->child = zdtm_fork(child, s);
	MUST(unlink(DIR "/" NAME));
	MUST(unlink(OTHER));
	MUST(rmdir(DIR));
	MUST(fstat(s->both, &s->before));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(pwrite(s->both, "x", 1, 1));
}

static void check_inode(const struct state *s, int fd)
{
	const struct stat *b = &s->before;
	struct stat st;

	MUST(fstat(fd, &st));
	CHECK(!st.st_nlink, "it has %lu names", (unsigned long)st.st_nlink);
	CHECK(st.st_mode == b->st_mode && st.st_uid == b->st_uid && st.st_gid == b->st_gid,
	      "mode %o, owner %u:%u", st.st_mode, st.st_uid, st.st_gid);
	CHECK(st.st_dev == b->st_dev, "it is on another device");
	CHECK(st.st_size == b->st_size && st.st_blocks == b->st_blocks,
	      "%ld bytes in %ld blocks", (long)st.st_size, (long)st.st_blocks);
	CHECK(!memcmp(&st.st_atim, &b->st_atim, sizeof(st.st_atim)) &&
	      !memcmp(&st.st_mtim, &b->st_mtim, sizeof(st.st_mtim)), "other times: %ld.%ld %ld.%ld",
	      (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec,
	      st.st_mtim.tv_nsec);
}

static void check(void *arg)
{
	struct state *s = arg;
	const int fds[] = { s->both, s->reader, s->writer, s->other, s->path };
	char value[8] = "";
	ssize_t n;

	for (int i = 0; i < 5; i++)
		check_inode(s, fds[i]);
	n = fgetxattr(s->both, "user.zdtm", value, sizeof(value));
	CHECK(n == 5 ? !memcmp(value, "value", 5) : n < 0 && errno == EOPNOTSUPP,
	      "its attribute is \"%.8s\"", value);
	CHECK(lseek(s->reader, 0, SEEK_CUR) == DATA_AT, "the reader is elsewhere");
	CHECK(lseek(s->both, 0, SEEK_DATA) == DATA_AT, "the hole is gone");
	read_page(s->reader, DATA_AT, 7, 1);
	read_page(s->both, 0, 0, 0);
	read_page(s->other, DATA_AT + PAGE, 0, 0);
	CHECK(write(s->reader, "x", 1) < 0 && errno == EBADF, "the reader can write");
	MUST(write(s->writer, "end", 3));
	CHECK(pread(s->other, value, 4, SIZE) == 3 && !memcmp(value, "end", 3),
	      "the other name leads to another file");
	zdtm_finish(s->child);
	/* Appending ignores the position. */
	CHECK(pread(s->both, value, 8, SIZE + 3) == 5 && !memcmp(value, "child", 5),
	      "the child has another file");
}

const struct zdtm_test zdtm_test = {
	.about = "a deleted file stays one file for all who have it open",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
