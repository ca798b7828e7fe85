// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page state of a child with known pages, both ways, which must agree.
 *
 *	anon	| written | untouched | only read | written, dropped | written x 2 | guard? |
 *	file	| untouched | only read | written | only read |
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/features.h"
#include "sys/pagemap.h"
#include "util/cleanup.h"
#include "util/macro.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
	ANON_PAGES = 7,
	FILE_PAGES = 4,
	MANY_PAGES = 3 * 4096 + 5,	/* several batches of either way */
	SPARSE_PAGES = 3,
};

#define SPARSE_SIZE (16ULL << 40)

struct layout {
	char *anon, *file, *many, *whole, *sparse;
};

struct fixture {
	struct kernel_features features;	/* as the kernel has them */
	struct layout at;
	pid_t child;
};

static void touch(struct layout *at, bool guard)
{
	size_t i;

	at->anon[0] = 1;
	(void)*(volatile char *)&at->anon[2 * PAGE_SIZE];
	at->anon[3 * PAGE_SIZE] = 1;
	madvise(at->anon + 3 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
	at->anon[4 * PAGE_SIZE] = 1;
	at->anon[5 * PAGE_SIZE] = 1;
	if (guard)
		madvise(at->anon + 6 * PAGE_SIZE, PAGE_SIZE, MADV_GUARD_INSTALL);
	(void)*(volatile char *)&at->file[1 * PAGE_SIZE];
	at->file[2 * PAGE_SIZE] = 1;
	(void)*(volatile char *)&at->file[3 * PAGE_SIZE];
	for (i = 0; i < MANY_PAGES; i += 2)
		at->many[i * PAGE_SIZE] = 1;
	for (i = 0; i < MANY_PAGES; i++)
		at->whole[i * PAGE_SIZE] = 1;
	for (i = 0; i < SPARSE_PAGES; i++)
		at->sparse[i * (SPARSE_SIZE / SPARSE_PAGES) / PAGE_SIZE * PAGE_SIZE] = 1;
}

static char *map(size_t size, int fd)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	assert_true(p != MAP_FAILED);
	/* One page stays one page. */
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static int setup(void **state)
{
	static struct fixture fx;
	char path[] = "/tmp/test-pagemap-XXXXXX", byte = 0;
	_cleanup_close_ int fd = mkstemp(path);
	int ready[2];

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, FILE_PAGES * PAGE_SIZE), 0);
	assert_int_equal(features_probe(&fx.features), 0);
	fx.at.anon = map(ANON_PAGES * PAGE_SIZE, -1);
	fx.at.file = map(FILE_PAGES * PAGE_SIZE, fd);
	/* Each fault maps one page only, not its neighbours in the page cache too. */
	madvise(fx.at.file, FILE_PAGES * PAGE_SIZE, MADV_RANDOM);
	fx.at.many = map(MANY_PAGES * PAGE_SIZE, -1);
	fx.at.whole = map(MANY_PAGES * PAGE_SIZE, -1);
	fx.at.sparse = map(SPARSE_SIZE, -1);
	assert_int_equal(pipe(ready), 0);
	fx.child = fork();
	assert_true(fx.child >= 0);
	if (fx.child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		touch(&fx.at, fx.features.madv_guard);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	kill(fx->child, SIGKILL);
	return waitpid(fx->child, NULL, 0) == fx->child ? 0 : -1;
}

static struct pagemap *open_way(const struct fixture *fx, bool fast)
{
	struct kernel_features features = fx->features;
	struct pagemap *pm;

	features.pagemap_scan = fast;
	assert_int_equal(pagemap_open(fx->child, &features, &pm), 0);
	assert_int_equal(pagemap_is_fast(pm), fast);
	return pm;
}

/* What a walk finds, as a string of one letter a page: "x" or ".". */
static char *picture(struct pagemap *pm, const char *start, size_t pages,
		     enum pagemap_select select)
{
	uint64_t base = (uintptr_t)start, last_end = 0;
	char *out = calloc(1, pages + 1);
	struct page_range range;
	int r;

	memset(out, '.', pages);
	assert_int_equal(pagemap_start(pm, base, base + pages * PAGE_SIZE, select), 0);
	while ((r = pagemap_next(pm, &range)) > 0) {
		assert_true(range.start >= base && range.end <= base + pages * PAGE_SIZE);
		assert_true(range.start < range.end && range.start > last_end);
		memset(out + (range.start - base) / PAGE_SIZE, 'x',
		       (range.end - range.start) / PAGE_SIZE);
		last_end = range.end;
	}
	assert_int_equal(r, 0);
	return out;
}

static void check_picture(struct pagemap *pm, const char *start, const char *expected,
			  enum pagemap_select select)
{
	_cleanup_free_ char *found = picture(pm, start, strlen(expected), select);

	assert_string_equal(found, expected);
}

static void check_small(const struct fixture *fx, bool fast)
{
	struct pagemap *pm = open_way(fx, fast);

	check_picture(pm, fx->at.anon, "x...xx.", PAGEMAP_CONTENT);
	check_picture(pm, fx->at.anon, "x...xx.", PAGEMAP_CHANGED);
	check_picture(pm, fx->at.file, ".xxx", PAGEMAP_CONTENT);
	check_picture(pm, fx->at.file, "..x.", PAGEMAP_CHANGED);
	/* A walk may end inside a run, and may be empty. */
	check_picture(pm, fx->at.anon, "x...x", PAGEMAP_CONTENT);
	check_picture(pm, fx->at.anon + 4 * PAGE_SIZE, "x", PAGEMAP_CONTENT);
	check_picture(pm, fx->at.anon, "", PAGEMAP_CONTENT);
	if (fx->features.pagemap_guard && fx->features.madv_guard)
		check_picture(pm, fx->at.anon, "......x", PAGEMAP_GUARD);
	pagemap_free(pm);
}

static bool zero_pfn_hidden(void)
{
	return geteuid() != 0;
}

static void test_small_fast(void **state)
{
	const struct fixture *fx = *state;

	if (!fx->features.pagemap_scan) {
		print_message("SKIP: no PAGEMAP_SCAN\n");
		skip();
	}
	check_small(fx, true);
}

static void test_small_slow(void **state)
{
	if (zero_pfn_hidden()) {
		print_message("SKIP: frame numbers are hidden: the zero page is content\n");
		skip();
	}
	check_small(*state, false);
}

static void check_many(const struct fixture *fx, bool fast)
{
	struct pagemap *pm = open_way(fx, fast);
	_cleanup_free_ char *found = picture(pm, fx->at.many, MANY_PAGES, PAGEMAP_CONTENT);
	size_t i;

	for (i = 0; i < MANY_PAGES; i++)
		assert_int_equal(found[i], i % 2 ? '.' : 'x');
	/* Whatever is left for the last batch, and for what the kernel makes of it. */
	for (i = 1000; i < MANY_PAGES; i += 997) {
		_cleanup_free_ char *part = picture(pm, fx->at.many, i, PAGEMAP_CONTENT);

		assert_memory_equal(part, found, i);
	}
	pagemap_free(pm);
}

/* One run of pages is one range, whatever the batches are. */
static void check_whole(const struct fixture *fx, bool fast)
{
	struct pagemap *pm = open_way(fx, fast);
	uint64_t base = (uintptr_t)fx->at.whole;
	struct page_range range;

	assert_int_equal(pagemap_start(pm, base, base + MANY_PAGES * PAGE_SIZE,
				       PAGEMAP_CONTENT), 0);
	assert_int_equal(pagemap_next(pm, &range), 1);
	assert_int_equal(range.start, base);
	assert_int_equal(range.end, base + MANY_PAGES * PAGE_SIZE);
	assert_int_equal(pagemap_next(pm, &range), 0);
	assert_int_equal(pagemap_next(pm, &range), 0);
	pagemap_free(pm);
}

static void test_many(void **state)
{
	const struct fixture *fx = *state;

	if (fx->features.pagemap_scan) {
		check_many(fx, true);
		check_whole(fx, true);
	}
	check_many(fx, false);
	check_whole(fx, false);
}

/* 16 TiB with three pages in them: the slow way would take minutes. */
static void test_sparse(void **state)
{
	const struct fixture *fx = *state;
	struct timespec before, after;
	struct page_range range;
	struct pagemap *pm;
	uint64_t base = (uintptr_t)fx->at.sparse;
	size_t n = 0;
	int r;

	if (!fx->features.pagemap_scan) {
		print_message("SKIP: no PAGEMAP_SCAN\n");
		skip();
	}
	pm = open_way(fx, true);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(pagemap_start(pm, base, base + SPARSE_SIZE, PAGEMAP_CONTENT), 0);
	while ((r = pagemap_next(pm, &range)) > 0) {
		assert_int_equal(range.start, base + n * (SPARSE_SIZE / SPARSE_PAGES) /
				 PAGE_SIZE * PAGE_SIZE);
		assert_int_equal(range.end, range.start + PAGE_SIZE);
		n++;
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(r, 0);
	assert_int_equal(n, SPARSE_PAGES);
	assert_true(after.tv_sec - before.tv_sec < 5);
	pagemap_free(pm);
}

static void test_refused(void **state)
{
	const struct fixture *fx = *state;
	struct kernel_features none = {};
	struct pagemap *pm;
	struct page_range range;

	assert_int_equal(pagemap_open(fx->child, &none, &pm), 0);
	assert_int_equal(pagemap_start(pm, 0, PAGE_SIZE, PAGEMAP_GUARD), -EOPNOTSUPP);
	assert_int_equal(pagemap_start(pm, 1, PAGE_SIZE, PAGEMAP_CONTENT), -EINVAL);
	assert_int_equal(pagemap_start(pm, 2 * PAGE_SIZE, PAGE_SIZE, PAGEMAP_CONTENT), -EINVAL);
	/* Past the end of what a process can have there is no answer, not "nothing". */
	assert_int_equal(pagemap_start(pm, 1ULL << 62, (1ULL << 62) + PAGE_SIZE,
				       PAGEMAP_CONTENT), 0);
	assert_int_equal(pagemap_next(pm, &range), -ESRCH);
	pagemap_free(pm);
	assert_int_equal(pagemap_open(INT32_MAX, &none, &pm), -ESRCH);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_fast),
		cmocka_unit_test(test_small_slow),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
