// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memfd: name, size, content, offset, seals; open in two tasks, mapped shared by
 * both, and mapped privately with a page of its own. Another memfd is only mapped,
 * its descriptor closed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (32 * PAGE)
#define LENGTH (SIZE - 100)
#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

struct state {
	int fd;
	char *shared, *private, *nameless;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	pattern_check(s->shared, PAGE, 20);
	MUST(lseek(s->fd, 555, SEEK_SET));
	pattern_fill(s->nameless, PAGE, 31);
}

static void setup(void *arg)
{
	struct state *s = arg;
	int fd;

	s->fd = MUST(memfd_create("a memfd: of zdtm", MFD_ALLOW_SEALING));
	MUST(ftruncate(s->fd, LENGTH));
	s->shared = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0));
	pattern_fill(s->shared, PAGE, 1);
	pattern_fill(s->shared + 8 * PAGE, 8 * PAGE, 2);
	s->private = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd, 0));
	pattern_fill(s->private + PAGE, PAGE, 10);
	MUST(lseek(s->fd, 444, SEEK_SET));
	MUST(fcntl(s->fd, F_ADD_SEALS, SEALS));

	fd = MUST(memfd_create("closed", MFD_CLOEXEC));
	MUST(ftruncate(fd, PAGE));
	s->nameless = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	pattern_fill(s->nameless, PAGE, 30);
	close(fd);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(lseek(s->fd, 0, SEEK_SET));
}

static void check_file(struct state *s)
{
	char link[64] = "";
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	MUST(readlink(path, link, sizeof(link) - 1));
	CHECK(!strcmp(link, "/memfd:a memfd: of zdtm (deleted)"), "the link is %s", link);
	MUST(fstat(s->fd, &st));
	CHECK(st.st_size == LENGTH, "the size is %ld", st.st_size);
	CHECK(lseek(s->fd, 0, SEEK_CUR) == 444, "the offset is %ld", lseek(s->fd, 0, SEEK_CUR));
	CHECK(fcntl(s->fd, F_GET_SEALS) == SEALS, "the seals are %#x", fcntl(s->fd, F_GET_SEALS));
}

static void check(void *arg)
{
	struct state *s = arg;

	check_file(s);
	pattern_check(s->shared, PAGE, 1);
	pattern_check_zero(s->shared + PAGE, 7 * PAGE);
	pattern_check(s->shared + 8 * PAGE, 8 * PAGE, 2);
	pattern_check(s->private, PAGE, 1);
	pattern_check(s->private + PAGE, PAGE, 10);
	pattern_check(s->private + 8 * PAGE, 8 * PAGE, 2);
	pattern_check(s->nameless, PAGE, 30);
	pattern_fill(s->shared, PAGE, 20);
	pattern_check(s->private, PAGE, 20);
	zdtm_finish(s->child);
	CHECK(lseek(s->fd, 0, SEEK_CUR) == 555, "the offset is not shared");
	pattern_check(s->nameless, PAGE, 31);
}

const struct zdtm_test zdtm_test = {
	.about = "memfds keep name, size, content, seals and sharing",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
