// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages for tests. */
#include "lib/hugetlb.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/report.h"

static const char allowed[] = "/proc/sys/vm/nr_overcommit_hugepages";
static const char taken[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages";

/*
 * Tests run side by side: each adds to what it finds, and more than it needs, since
 * one that took its share back has its pages until it ends. What it finds may be
 * taken already, and for ever: Linux 6.18 loses reservations that are given up
 * (MADV_DONTNEED).
 */
#define SHARE(n) (4 * (n))

static int read_number(int fd)
{
	char text[32] = "";

	return fd >= 0 && pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : -1;
}

static int n_taken(void)
{
	int fd = open(taken, O_RDONLY | O_CLOEXEC), n = read_number(fd);

	if (fd >= 0)
		close(fd);
	return n;
}

static int add(int n)
{
	int fd = open(allowed, O_RDWR | O_CLOEXEC), len, result = -1;

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX) == 0) {
		int now = read_number(fd), least = n > 0 ? n_taken() : 0;
		char text[32];

		now = (now < least ? least : now) + n;
		len = snprintf(text, sizeof(text), "%d\n", now < 0 ? 0 : now);
		result = pwrite(fd, text, len, 0) == len ? 0 : -1;
	}
	close(fd);
	return result;
}

const char *hugetlb_missing(int n)
{
	void *map;

	if (add(SHARE(n)) < 0)
		return "there is no hugetlb, or it can't be set up (vm.nr_overcommit_hugepages)";
	map = mmap(NULL, n * HUGE_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (map != MAP_FAILED)
		munmap(map, n * HUGE_PAGE);
	add(-SHARE(n));
	return map == MAP_FAILED ? "the machine has no room for huge pages" : NULL;
}

void hugetlb_allow(int n)
{
	MUST(add(SHARE(n)));
}

void hugetlb_disallow(int n)
{
	MUST(add(-SHARE(n)));
}
