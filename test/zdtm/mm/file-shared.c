// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file mapped shared, read-write in one task and read-only in another, with the
 * descriptor closed: what is written through it after the restore lands in the file
 * and in the other mapping. Its content is the file system's to keep.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)

struct state {
	char *map;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;

	MUST(mprotect(s->map, SIZE, PROT_READ));
	zdtm_wait();
	pattern_check(s->map, PAGE, 2);
	pattern_check(s->map + PAGE, SIZE - PAGE, 1);
}

static void setup(void *arg)
{
	struct state *s = arg;
	int fd = MUST(open("mapped", O_CREAT | O_EXCL | O_RDWR, 0600));

	MUST(ftruncate(fd, SIZE));
	s->map = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	pattern_fill(s->map, PAGE, 0);
	pattern_fill(s->map + PAGE, SIZE - PAGE, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	int fd = MUST(open("mapped", O_RDWR));

	MUST(mmap(s->map, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0));
	close(fd);
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[PAGE];
	int fd;

	pattern_check(s->map, PAGE, 0);
	pattern_check(s->map + PAGE, SIZE - PAGE, 1);
	pattern_fill(s->map, PAGE, 2);
	fd = MUST(open("mapped", O_RDONLY));
	CHECK(MUST(read(fd, content, PAGE)) == PAGE, "the file is too short");
	pattern_check(content, PAGE, 2);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a shared file mapping still writes to the file",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
