// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of hugetlbfs, mapped shared, and privately with a page of its own. What is
 * shared is the file's; the file system stays mounted over the restore.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define PAGES 10
#define N 3

struct state {
	char *shared, *private;
};

static const char *unsupported(void)
{
	if (geteuid())
		return "only root may mount hugetlbfs";
	return hugetlb_missing(PAGES);
}

static void setup(void *arg)
{
	struct state *s = arg;
	int fd;

	hugetlb_allow(PAGES);
	MUST(mkdir("mounted", 0700));
	MUST(mount("hugetlbfs", "mounted", "hugetlbfs", 0, "pagesize=2M"));
	fd = MUST(open("mounted/file", O_CREAT | O_EXCL | O_RDWR, 0600));
	MUST(ftruncate(fd, N * HUGE_PAGE));
	s->shared = MUST(mmap(NULL, N * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	s->private = MUST(mmap(NULL, N * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	MUST(close(fd));
	pages_fill(s->shared, 2 * HUGE_PAGE, 1);
	pages_fill(s->private, PAGE, 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->private[HUGE_PAGE - 1]++;
}

/* The mount would be in the way of whoever removes the test's directory. */
static void clean_up(void)
{
	MUST(unlink("mounted/file"));
	MUST(umount2("mounted", MNT_DETACH));
	hugetlb_disallow(PAGES);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;
	bool is_there = stat("mounted/file", &st) == 0;

	if (is_there)
		clean_up();
	CHECK(is_there, "the file is gone");
	CHECK(mapping_has(s->shared, "ht") && mapping_has(s->private, "ht"), "no huge pages");
	pages_check(s->shared, 2 * HUGE_PAGE, 1);
	pages_check(s->private, PAGE, 2);
	/* What it did not write came along with its huge page. */
	pattern_check(s->private + PAGE, PAGE, pattern_seed(s->shared + PAGE, 1));
	pattern_check(s->private + HUGE_PAGE - PAGE, PAGE,
		      pattern_seed(s->shared + HUGE_PAGE - PAGE, 1));
	pattern_fill(s->shared + HUGE_PAGE, PAGE, 3);
	pattern_check(s->private + HUGE_PAGE, PAGE, 3);
}

const struct zdtm_test zdtm_test = {
	.about = "a mapped file of hugetlbfs",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
