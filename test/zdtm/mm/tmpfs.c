// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of tmpfs, ordinary and of huge pages, mapped shared and, with a page of its own,
 * privately. What is shared is the file's; the file system stays mounted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * MIB)

enum { ORDINARY, HUGE, N_KINDS };

static const char *const options[N_KINDS] = {
	[ORDINARY] = "size=16m",
	[HUGE] = "size=16m,huge=always",
};

struct state {
	char *shared[N_KINDS], *private[N_KINDS];
};

static const char *unsupported(void)
{
	if (geteuid())
		return "only root may mount tmpfs";
	return access("/sys/kernel/mm/transparent_hugepage/shmem_enabled", F_OK) ?
		       "the kernel has no huge pages in tmpfs" : NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_KINDS; i++) {
		char dir[16], path[32];
		int fd;

		snprintf(dir, sizeof(dir), "mounted-%d", i);
		snprintf(path, sizeof(path), "%s/file", dir);
		MUST(mkdir(dir, 0700));
		MUST(mount("tmpfs", dir, "tmpfs", 0, options[i]));
		fd = MUST(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
		MUST(ftruncate(fd, SIZE));
		s->shared[i] = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
		s->private[i] = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
					  0));
		MUST(close(fd));
		pages_fill(s->shared[i], SIZE / 2, 1);
		pages_fill(s->private[i] + 3 * PAGE, PAGE, 2);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->private[HUGE][3 * PAGE]++;
}

/* The mounts would be in the way of whoever removes the test's directory. */
static void unmount(void)
{
	MUST(umount2("mounted-0", MNT_DETACH));
	MUST(umount2("mounted-1", MNT_DETACH));
}

static void check(void *arg)
{
	struct state *s = arg;

	unmount();
	for (int i = 0; i < N_KINDS; i++) {
		pages_check(s->shared[i], SIZE / 2, 1);
		pattern_check_zero(s->shared[i] + SIZE / 2, SIZE / 2);
		pages_check(s->private[i] + 3 * PAGE, PAGE, 2);
		pattern_check(s->private[i], PAGE, pattern_seed(s->shared[i], 1));
		pages_fill(s->shared[i] + SIZE / 2, PAGE, 3);
		pattern_check(s->private[i] + SIZE / 2, PAGE,
			      pattern_seed(s->shared[i] + SIZE / 2, 3));
	}
}

const struct zdtm_test zdtm_test = {
	.about = "mapped files of tmpfs, also of huge pages",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
