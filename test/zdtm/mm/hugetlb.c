// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages (MAP_HUGETLB): private, with a page that was never touched and one that
 * may only be read; shared with a child; a sealed memfd of them, mapped both ways.
 * All is in huge pages again, and shared where it was.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

/* Private ones are reserved again in the child. */
#define PAGES 20
#define N 3
#define FLAGS (MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB)
#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK)

struct state {
	char *private, *shared, *memfd_shared, *memfd_private;
	int fd;
	pid_t child;
};

static const char *unsupported(void)
{
	return hugetlb_missing(PAGES);
}

static void child(void *arg)
{
	struct state *s = arg;

	MUST(munmap(s->private, N * HUGE_PAGE));
	MUST(munmap(s->memfd_private, N * HUGE_PAGE));
	zdtm_wait();
	pattern_check(s->shared, PAGE, 20);
	pages_check(s->shared + PAGE, HUGE_PAGE - PAGE, 2);
	pattern_fill(s->shared + HUGE_PAGE, PAGE, 21);
}

static char *map_huge(int flags, int fd)
{
	return MUST(mmap(NULL, N * HUGE_PAGE, PROT_READ | PROT_WRITE, flags, fd, 0));
}

static void setup(void *arg)
{
	struct state *s = arg;

	hugetlb_allow(PAGES);
	s->private = map_huge(MAP_PRIVATE | FLAGS, -1);
	pages_fill(s->private, HUGE_PAGE, 1);
	pages_fill(s->private + 2 * HUGE_PAGE + 7 * PAGE, PAGE, 1);
	MUST(mprotect(s->private + 2 * HUGE_PAGE, HUGE_PAGE, PROT_READ));
	s->shared = map_huge(MAP_SHARED | FLAGS, -1);
	pages_fill(s->shared, HUGE_PAGE, 2);
	s->fd = MUST(memfd_create("huge", MFD_HUGETLB | MFD_HUGE_2MB | MFD_ALLOW_SEALING));
	MUST(ftruncate(s->fd, N * HUGE_PAGE));
	s->memfd_shared = map_huge(MAP_SHARED, s->fd);
	s->memfd_private = map_huge(MAP_PRIVATE, s->fd);
	pages_fill(s->memfd_shared + HUGE_PAGE, HUGE_PAGE, 3);
	pages_fill(s->memfd_private, PAGE, 4);
	MUST(fcntl(s->fd, F_ADD_SEALS, SEALS));
	s->child = zdtm_fork(child, s);
}

/* Small pages with the same content. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(munmap(s->private + HUGE_PAGE, HUGE_PAGE));
	MUST(mmap(s->private + HUGE_PAGE, HUGE_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void check_private(const struct state *s)
{
	struct mapping m;

	pages_check(s->private, HUGE_PAGE, 1);
	pattern_check_zero(s->private + HUGE_PAGE, HUGE_PAGE + 7 * PAGE);
	pages_check(s->private + 2 * HUGE_PAGE + 7 * PAGE, PAGE, 1);
	pattern_check_zero(s->private + 2 * HUGE_PAGE + 8 * PAGE, PAGE);
	mapping_get(s->private + 2 * HUGE_PAGE, &m);
	CHECK(m.prot[1] == '-', "the last page may be %s", m.prot);
}

static void check_memfd(const struct state *s)
{
	struct statfs fs;

	MUST(fstatfs(s->fd, &fs));
	CHECK(fs.f_bsize == HUGE_PAGE, "the memfd has pages of %ld bytes", (long)fs.f_bsize);
	CHECK(fcntl(s->fd, F_GET_SEALS) == SEALS, "seals %#x", fcntl(s->fd, F_GET_SEALS));
	pattern_check_zero(s->memfd_shared, HUGE_PAGE);
	pages_check(s->memfd_shared + HUGE_PAGE, HUGE_PAGE, 3);
	pages_check(s->memfd_private, PAGE, 4);
	pattern_check_zero(s->memfd_private + PAGE, PAGE);
	pattern_fill(s->memfd_shared + 2 * HUGE_PAGE, PAGE, 5);
	pattern_check(s->memfd_private + 2 * HUGE_PAGE, PAGE, 5);
}

static void check(void *arg)
{
	struct state *s = arg;
	char *const maps[] = { s->private, s->private + HUGE_PAGE, s->private + 2 * HUGE_PAGE,
			       s->shared, s->memfd_shared, s->memfd_private };

	hugetlb_disallow(PAGES);
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		CHECK(mapping_has(maps[i], "ht"), "mapping %zu has no huge pages", i);
	check_private(s);
	check_memfd(s);
	pages_check(s->shared, HUGE_PAGE, 2);
	pattern_fill(s->shared, PAGE, 20);
	zdtm_finish(s->child);
	pattern_check(s->shared + HUGE_PAGE, PAGE, 21);
}

const struct zdtm_test zdtm_test = {
	.about = "huge pages: private, shared, memfd",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
