// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plans of engine/memory-plan.c, drawn: one character is one page.
 *
 *	areas	R read   L lazy   K kernel   N no pages; each letter change, or a
 *		lower-case letter, begins a new area; '.' is unmapped
 *	pages	digit: a page from the pages file of that descriptor; '.' none.
 *		Pages of one descriptor follow each other in its file.
 *	reads	as planned: a letter is one read, a b c in order
 */
#include "engine/memory-plan.h"

#include <ctype.h>
#include <errno.h>
#include <linux/mman.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "image/vma.h"
#include "inject/abi/mempolicy.h"
#include "util/log.h"
#include "util/macro.h"

#define MAX_PAGES 64
#define TASK_SIZE 0x7ffffffff000UL

static enum plan_pages pages_of(char c)
{
	switch (toupper(c)) {
	case 'R':
		return PLAN_PAGES_READ;
	case 'L':
		return PLAN_PAGES_LAZY;
	case 'K':
		return PLAN_PAGES_KERNEL;
	}
	return PLAN_PAGES_NONE;
}

static size_t draw_areas(const char *text, struct plan_area *areas)
{
	size_t n = 0;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '.')
			continue;
		if (i && text[i - 1] == text[i]) {
			areas[n - 1].end += PAGE_SIZE;
			continue;
		}
		areas[n].start = i * PAGE_SIZE;
		areas[n].end = (i + 1) * PAGE_SIZE;
		areas[n++].pages = pages_of(text[i]);
	}
	return n;
}

/* Adds every run of equal digits as one extent. */
static int add_pages(struct plan_reads *p, const char *text, uint64_t *bad)
{
	uint64_t used[10] = {};

	for (size_t i = 0, k; text[i]; i = k) {
		int fd = text[i] - '0', ret;

		for (k = i; text[k] == text[i];)
			k++;
		if (text[i] == '.')
			continue;
		ret = plan_reads_add(p, i * PAGE_SIZE, (k - i) * PAGE_SIZE, fd, used[fd], bad);
		if (ret < 0)
			return ret;
		used[fd] += (k - i) * PAGE_SIZE;
	}
	return 0;
}

static void check_reads(const char *areas_text, const char *pages, const char *expected)
{
	struct plan_area areas[MAX_PAGES];
	struct restorer_read reads[MAX_PAGES];
	size_t n = draw_areas(areas_text, areas);
	struct plan_reads count, plan;
	char drawn[MAX_PAGES + 1];
	uint64_t bad;

	plan_reads_init(&count, areas, n, NULL, 0);
	assert_int_equal(add_pages(&count, pages, &bad), 0);
	plan_reads_init(&plan, areas, n, reads, MAX_PAGES);
	assert_int_equal(add_pages(&plan, pages, &bad), 0);
	assert_int_equal(count.n_reads, plan.n_reads);

	memset(drawn, '.', sizeof(drawn));
	drawn[strlen(areas_text)] = '\0';
	for (size_t i = 0; i < plan.n_reads; i++)
		memset(drawn + reads[i].addr / PAGE_SIZE, 'a' + i, reads[i].len / PAGE_SIZE);
	assert_string_equal(drawn, expected);
}

static void test_reads(void **state)
{
	check_reads("RRRR", "....",
		    "....");
	check_reads("RRRR", "0000",
		    "aaaa");
	check_reads("RRRR", "0..0",
		    "a..b");
	/* One extent over a border is two reads. */
	check_reads("RRrr", "0000",
		    "aabb");
	/* A gap in memory is none in the file, and still two reads. */
	check_reads("RRRRR.", "00.00.",
		    "aa.bb.");
	/* Extents of different files. */
	check_reads("RRRRRR", "001100",
		    "aabbcc");
	/* Lazy and kernel areas take pages and give no reads. */
	check_reads("RRLLRRKK", "00000000",
		    "aa..bb..");
	check_reads("LLLL....KK", "0000....00",
		    "..........");
	/* Gaps and areas without pages between. */
	check_reads("RR..NN..RR", "00......00",
		    "aa......bb");
}

static void check_bad(const char *areas_text, const char *pages, uint64_t page)
{
	struct plan_area areas[MAX_PAGES];
	struct plan_reads p;
	uint64_t bad = ~0UL;

	plan_reads_init(&p, areas, draw_areas(areas_text, areas), NULL, 0);
	assert_int_equal(add_pages(&p, pages, &bad), -EINVAL);
	assert_int_equal(bad, page * PAGE_SIZE);
}

static void test_pages_without_area(void **state)
{
	check_bad("....", "0...", 0);
	check_bad("RR..", "000.", 2);
	check_bad(".RRR", "0000", 0);
	check_bad("RRNN", "0000", 2);
	check_bad("RR.RR", "00000", 2);
	check_bad("", "1", 0);
}

static void test_adjacent_extents_merge(void **state)
{
	struct plan_area area = { 0, 1UL << 40, PLAN_PAGES_READ };
	struct restorer_read reads[2];
	struct plan_reads p;
	uint64_t bad;

	plan_reads_init(&p, &area, 1, reads, 2);
	assert_int_equal(plan_reads_add(&p, 0, PAGE_SIZE, 7, 0, &bad), 0);
	assert_int_equal(plan_reads_add(&p, PAGE_SIZE, PAGE_SIZE, 7, PAGE_SIZE, &bad), 0);
	assert_int_equal(p.n_reads, 1);
	assert_int_equal(reads[0].len, 2 * PAGE_SIZE);
	/* Next in memory, not next in the file. */
	assert_int_equal(plan_reads_add(&p, 2 * PAGE_SIZE, PAGE_SIZE, 7, 0, &bad), 0);
	assert_int_equal(p.n_reads, 2);
	assert_int_equal(plan_reads_add(&p, 4 * PAGE_SIZE, PAGE_SIZE, 7, 0, &bad), -ENOSPC);
	assert_int_equal(p.pages, 4);
}

/* Pages whose bytes are not here: only where somebody brings them. */
static void test_pages_left_elsewhere(void **state)
{
	static const struct {
		enum plan_pages pages;
		int ret;
	} cases[] = {
		{ PLAN_PAGES_LAZY, 0 }, { PLAN_PAGES_READ, -EINVAL }, { PLAN_PAGES_NONE, -EINVAL },
		{ PLAN_PAGES_KERNEL, -EINVAL }, { PLAN_PAGES_THERE, -EINVAL },
		{ PLAN_PAGES_LAZY_HERE, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan_area areas[] = {
			{ 0, PAGE_SIZE, PLAN_PAGES_LAZY }, { PAGE_SIZE, 1UL << 20, cases[i].pages },
		};
		struct plan_reads p;
		uint64_t bad = 0;

		plan_reads_init(&p, areas, ARRAY_SIZE(areas), NULL, 0);
		assert_int_equal(plan_reads_add(&p, 0, 2 * PAGE_SIZE, -1, 0, &bad), cases[i].ret);
		assert_int_equal(p.n_reads, 0);
		assert_int_equal(bad, cases[i].ret ? PAGE_SIZE : 0);
	}
}

static void test_long_reads_are_cut(void **state)
{
	struct plan_area area = { 0, 1UL << 40, PLAN_PAGES_READ };
	struct restorer_read reads[4];
	struct plan_reads p;
	uint64_t bad;

	plan_reads_init(&p, &area, 1, reads, 4);
	assert_int_equal(plan_reads_add(&p, 0, 2 * PLAN_READ_MAX + PAGE_SIZE, 3, 0, &bad), 0);
	assert_int_equal(p.n_reads, 3);
	assert_int_equal(reads[1].addr, PLAN_READ_MAX);
	assert_int_equal(reads[1].offset, PLAN_READ_MAX);
	assert_int_equal(reads[2].len, PAGE_SIZE);
	/* The short one goes on growing. */
	assert_int_equal(plan_reads_add(&p, 2 * PLAN_READ_MAX + PAGE_SIZE, PAGE_SIZE, 3,
					2 * PLAN_READ_MAX + PAGE_SIZE, &bad), 0);
	assert_int_equal(p.n_reads, 3);
	assert_int_equal(reads[2].len, 2 * PAGE_SIZE);
}

static size_t draw_ranges(const char *text, struct plan_range *ranges)
{
	size_t n = 0;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '.')
			continue;
		if (i && text[i - 1] == text[i]) {
			ranges[n - 1].end += PAGE_SIZE;
			continue;
		}
		ranges[n++] = (struct plan_range){ i * PAGE_SIZE, (i + 1) * PAGE_SIZE };
	}
	return n;
}

/* @found shows where the area goes, as "__", or is NULL: nowhere. */
static void check_place(const char *old, const char *new, const char *found, size_t pages,
			size_t margin)
{
	struct plan_range a[MAX_PAGES], b[MAX_PAGES];
	uint64_t addr = 0;
	int ret = area_place(a, draw_ranges(old, a), b, draw_ranges(new, b), pages * PAGE_SIZE,
			     margin * PAGE_SIZE, 0, strlen(old) * PAGE_SIZE, &addr);

	if (!found) {
		assert_int_equal(ret, -ENOMEM);
		return;
	}
	assert_int_equal(ret, 0);
	assert_int_equal(addr / PAGE_SIZE, strchr(found, '_') - found);
}

static void test_area_place(void **state)
{
	check_place("........",
		    "........",
		    "__......", 2, 0);
	check_place("oo......",
		    "..nn....",
		    "....__..", 2, 0);
	check_place("o.o.o...",
		    "........",
		    ".....__.", 2, 0);
	/* What is free in one only is not free. */
	check_place("oooo....",
		    "....nnnn",
		    NULL, 1, 0);
	/* A range of one that lies inside the gap of the other. */
	check_place("oo......oo..",
		    "....nn......",
		    "..__........", 2, 0);
	check_place("oo......oo..",
		    "....nn......",
		    NULL, 3, 0);
	/* The margin keeps away from both sides. */
	check_place("o......o........",
		    "...n............",
		    ".........__.....", 2, 1);
	check_place("........", "........", "________", 8, 0);
	check_place("........", "........", NULL, 9, 0);
	/* Adjacent and overlapping ranges. */
	check_place("oooOO...", "..nnnn..", "......__", 2, 0);
}

static void test_area_place_low_and_overflow(void **state)
{
	struct plan_range all = { 0, TASK_SIZE };
	uint64_t addr;

	assert_int_equal(area_place(&all, 1, NULL, 0, PAGE_SIZE, 0, 0, TASK_SIZE, &addr), -ENOMEM);
	assert_int_equal(area_place(NULL, 0, NULL, 0, TASK_SIZE, 0, PAGE_SIZE, TASK_SIZE, &addr),
			 -ENOMEM);
	assert_int_equal(area_place(NULL, 0, NULL, 0, PAGE_SIZE, 1UL << 20, 1UL << 32, TASK_SIZE,
				    &addr), 0);
	assert_int_equal(addr, 1UL << 32);
}

static void vma_set(VmaEntry *e, uint64_t start, uint64_t end, uint32_t status)
{
	vma_entry__init(e);
	e->start = start;
	e->end = end;
	e->status = status;
	e->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	e->prot = PROT_READ;
}

static int check_vmas(VmaEntry *vmas, size_t n, size_t *ordinary)
{
	VmaEntry *list[8];
	MmEntry mm = MM_ENTRY__INIT;

	for (size_t i = 0; i < n; i++)
		list[i] = &vmas[i];
	mm.vmas = list;
	mm.n_vmas = n;
	return plan_check_vmas(&mm, 1, TASK_SIZE, ordinary);
}

static void test_vmas_good(void **state)
{
	VmaEntry v[4];
	size_t n;

	vma_set(&v[0], 0x1000, 0x3000, VMA_REGULAR | VMA_ANON_PRIVATE);
	vma_set(&v[1], 0x3000, TASK_SIZE, VMA_REGULAR | VMA_ANON_PRIVATE);
	vma_set(&v[2], 0xffffffffff600000, 0xffffffffff601000, VMA_VSYSCALL | VMA_ANON_PRIVATE);
	/* Guard regions lie inside others. */
	vma_set(&v[3], 0x2000, 0x3000, VMA_GUARD);
	assert_int_equal(check_vmas(v, 4, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(check_vmas(v, 0, &n), 0);
	assert_int_equal(n, 0);
}

static void test_vmas_hostile(void **state)
{
	static const struct {
		uint64_t start, end, pgoff;
		uint32_t prot, flags, status;
	} cases[] = {
		{ 0x1000, 0x1000, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0x2000, 0x1000, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0x1001, 0x2000, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0x1000, 0x2001, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0x1000, TASK_SIZE + 0x1000, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0x1000, ~0UL & ~0xfffUL, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0xffffffffff600000, 0xffffffffff601000, 0, 1, MAP_PRIVATE, 0x201 },
		{ 0x1000, 0x2000, 0, 1, MAP_PRIVATE, VMA_VSYSCALL },
		{ 0x1000, 0x2000, 0, 8, MAP_PRIVATE, 0x201 },
		{ 0x1000, 0x2000, 0, 1, MAP_PRIVATE | MAP_FIXED, 0x201 },
		{ 0x1000, 0x2000, 0, 1, MAP_PRIVATE | MAP_SHARED, 0x201 },
		{ 0x1000, 0x2000, 0x10, 1, MAP_PRIVATE, 0x41 },
		{ 0x1000, 0x3000, ~0xfffUL, 1, MAP_PRIVATE, 0x41 },
		{ 0x1000, 0x200000, 0, 1, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_2MB, 0x201 },
		{ 0x200000, 0x401000, 0, 1, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_2MB, 0x201 },
		{ 0x200000, 0x400000, 0x1000, 1, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_2MB, 0x201 },
		{ 0x200000, 0x400000, 0, 1, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_1GB, 0x201 },
	};
	VmaEntry v[3];
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		vma_set(&v[0], cases[i].start, cases[i].end, cases[i].status);
		v[0].pgoff = cases[i].pgoff;
		v[0].prot = cases[i].prot;
		v[0].flags = cases[i].flags;
		assert_int_equal(check_vmas(v, 1, &n), -EINVAL);
	}
	/* On fault is a way of being locked. */
	vma_set(&v[0], 0x3000, 0x4000, 0x201);
	v[0].has_locked_on_fault = v[0].locked_on_fault = true;
	assert_int_equal(check_vmas(v, 1, &n), -EINVAL);
	v[0].flags |= MAP_LOCKED;
	assert_int_equal(check_vmas(v, 1, &n), 0);
	/* Order, overlap, and a VMA behind a guard region. */
	vma_set(&v[0], 0x3000, 0x4000, 0x201);
	vma_set(&v[1], 0x1000, 0x2000, 0x201);
	assert_int_equal(check_vmas(v, 2, &n), -EINVAL);
	vma_set(&v[1], 0x3000, 0x5000, 0x201);
	assert_int_equal(check_vmas(v, 2, &n), -EINVAL);
	vma_set(&v[1], 0x3000, 0x4000, VMA_GUARD);
	vma_set(&v[2], 0x5000, 0x6000, 0x201);
	assert_int_equal(check_vmas(v, 3, &n), -EINVAL);
}

/* What is shared is the segment's, and a mapping may want no promise. */
static void test_huge_pages(void **state)
{
	static const struct {
		uint64_t start, end;
		uint32_t flags;
	} cases[] = {
		{ 0, 4 << 20, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_2MB },
		{ 4 << 20, 6 << 20, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_2MB },
		{ 6 << 20, 8 << 20, MAP_PRIVATE },
		{ 8 << 20, 10 << 20, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_2MB | MAP_NORESERVE },
		{ 10 << 20, 12 << 20, MAP_SHARED | MAP_HUGETLB | MAP_HUGE_2MB },
		{ 12 << 20, 14 << 20, MAP_PRIVATE | MAP_HUGETLB },
		{ 1UL << 30, 3UL << 30, MAP_PRIVATE | MAP_HUGETLB | MAP_HUGE_1GB },
	};
	VmaEntry v[ARRAY_SIZE(cases)], *list[ARRAY_SIZE(cases)];
	uint64_t pages[PLAN_HUGE_SHIFTS] = { [21] = 100 };
	MmEntry mm = MM_ENTRY__INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		vma_set(&v[i], cases[i].start, cases[i].end, 0x201);
		v[i].flags = cases[i].flags;
		list[i] = &v[i];
	}
	mm.vmas = list;
	mm.n_vmas = ARRAY_SIZE(cases);
	plan_huge_pages(&mm, pages);
	for (size_t i = 0; i < PLAN_HUGE_SHIFTS; i++)
		assert_int_equal(pages[i], i == 21 ? 103 : i == 30 ? 2 : 0);
}

static void test_anon_names(void **state)
{
	static char longest[] = "0123456789012345678901234567890123456789"
				"012345678901234567890123456789012345678";
	static char too_long[] = "0123456789012345678901234567890123456789"
				 "0123456789012345678901234567890123456789";
	static const struct { char *name; int result; } cases[] = {
		{ "Go: heap", 0 },
		{ longest, 0 },
		{ too_long, -EINVAL },
		{ "", -EINVAL },
		{ "a]b", -EINVAL },
		{ "a\nb", -EINVAL },
		{ "$HOME", -EINVAL },
		{ "caf\xc3\xa9", -EINVAL },
	};
	VmaEntry v;
	size_t n;

	vma_set(&v, 0x1000, 0x2000, 0x201);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v.anon_name = cases[i].name;
		assert_int_equal(check_vmas(&v, 1, &n), cases[i].result);
	}
}

static void test_mempolicies(void **state)
{
	static const struct {
		uint32_t mode;
		size_t n_nodes;
		uint32_t status;
		int result;
	} cases[] = {
		{ 2, 1, 0x201, 0 },
		{ 3 | 1 << 15, MEMPOLICY_WORDS, 0x201, 0 },
		{ 2, MEMPOLICY_WORDS + 1, 0x201, -EINVAL },
		{ 2, SIZE_MAX, 0x201, -EINVAL },
		/* The default is no entry. */
		{ 0, 1, 0x201, -EINVAL },
		{ 2 | 1U << 31, 1, 0x201, -EINVAL },
		{ 2, 1, 0x41, -EINVAL },
	};
	uint64_t nodes[MEMPOLICY_WORDS] = {};
	MempolicyEntry policy = MEMPOLICY_ENTRY__INIT;
	VmaEntry v;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		vma_set(&v, 0x1000, 0x2000, cases[i].status);
		policy.mode = cases[i].mode;
		policy.nodes = nodes;
		policy.n_nodes = cases[i].n_nodes;
		v.mempolicy = &policy;
		assert_int_equal(check_vmas(&v, 1, &n), cases[i].result);
	}
}

static void test_lock_future(void **state)
{
	static const struct { uint32_t flags; int result; } cases[] = {
		{ MCL_FUTURE, 0 },
		{ MCL_FUTURE | MCL_ONFAULT, 0 },
		{ 0, -EINVAL },
		{ MCL_ONFAULT, -EINVAL },
		{ MCL_FUTURE | MCL_CURRENT, -EINVAL },
		{ MCL_FUTURE | 1U << 31, -EINVAL },
	};
	MmEntry mm = MM_ENTRY__INIT;
	size_t n;

	mm.has_lock_future = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		mm.lock_future = cases[i].flags;
		assert_int_equal(plan_check_vmas(&mm, 1, TASK_SIZE, &n), cases[i].result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_pages_without_area),
		cmocka_unit_test(test_adjacent_extents_merge),
		cmocka_unit_test(test_pages_left_elsewhere),
		cmocka_unit_test(test_long_reads_are_cut),
		cmocka_unit_test(test_area_place),
		cmocka_unit_test(test_area_place_low_and_overflow),
		cmocka_unit_test(test_vmas_good),
		cmocka_unit_test(test_vmas_hostile),
		cmocka_unit_test(test_anon_names),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_lock_future),
		cmocka_unit_test(test_mempolicies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
