// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plans of engine/cow-plan.c, drawn: one character is one page.
 *
 *	areas	A letter is a key: what a parent and child must have in common.
 *		'.' is unmapped; another letter, or the other case, begins an area
 *		(a and A have the same key).
 *	pages	a letter is the content of a page, '.' none. Each run of one letter
 *		is an extent.
 *	pieces	as areas; + in what is expected: part of a piece
 */
#include "engine/cow-plan.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pages/pagemap.h"
#include "util/macro.h"

#define MAX_PAGES 64
/* Where pieces are, in pages above where they belong. */
#define ASIDE 1000

static size_t draw_areas(const char *text, struct cow_area *areas)
{
	size_t n = 0;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '.')
			continue;
		if (i && text[i - 1] == text[i]) {
			areas[n - 1].end += PAGE_SIZE;
			continue;
		}
		areas[n++] = (struct cow_area){
			.start = i * PAGE_SIZE,
			.end = (i + 1) * PAGE_SIZE,
			.key.class = toupper(text[i]),
			.vma = n,
		};
	}
	return n;
}

static void draw_map(const char *text, struct page_map *map, struct page_extent *extents)
{
	*map = (struct page_map){ .extents = extents };
	for (size_t i = 0, k; text[i]; i = k) {
		for (k = i; text[k] == text[i];)
			k++;
		if (text[i] == '.')
			continue;
		extents[map->n_extents++] = (struct page_extent){
			.start = i * PAGE_SIZE,
			.len = (k - i) * PAGE_SIZE,
			.offset = map->nr_pages * PAGE_SIZE,
			.flags = PAGE_PRESENT,
		};
		map->nr_pages += k - i;
	}
}

static void draw_pieces(const char *text, struct cow_pieces *pieces)
{
	struct cow_area areas[MAX_PAGES];
	size_t n = draw_areas(text, areas);

	*pieces = (struct cow_pieces){};
	for (size_t i = 0; i < n; i++) {
		struct cow_piece p = {
			.start = areas[i].start,
			.end = areas[i].end,
			.at = areas[i].start + ASIDE * PAGE_SIZE,
			.key = areas[i].key,
		};

		assert_int_equal(cow_pieces_add(pieces, &p), 0);
	}
}

static void check_want(const char *parent, const char *pages, const char *child,
		       const char *child_pages, const char *expected)
{
	struct cow_area areas[MAX_PAGES], theirs[MAX_PAGES];
	struct page_extent e[MAX_PAGES], their_e[MAX_PAGES];
	struct page_map map, their_map;
	char drawn[MAX_PAGES + 1] = "";
	size_t n = draw_areas(parent, areas), n_theirs = draw_areas(child, theirs);

	draw_map(pages, &map, e);
	draw_map(child_pages, &their_map, their_e);
	cow_want(areas, n, &map, theirs, n_theirs, &their_map);
	memset(drawn, '.', strlen(parent));
	for (size_t i = 0; i < n; i++)
		if (areas[i].wanted)
			memset(drawn + areas[i].start / PAGE_SIZE, '+',
			       (areas[i].end - areas[i].start) / PAGE_SIZE);
	assert_string_equal(drawn, expected);
}

static void test_want(void **state)
{
	check_want("AAAA", "x..x",
		   "AAAA", "y..y",
		   "++++");
	/* Another nature; another place. */
	check_want("AAAA", "xxxx",
		   "BBBB", "xxxx",
		   "....");
	check_want("AA..", "xx..",
		   "..AA", "..xx",
		   "....");
	/* Nothing is stored of one, or of what they have in common. */
	check_want("AAAA", "xxxx",
		   "AAAA", "....",
		   "....");
	check_want("AAAA..", "xx....",
		   "..AAAA", "..xxxx",
		   "......");
	check_want("AAAA..", "..x...",
		   "..AAAA", "...x..",
		   "++++..");
	/* Several of one side, against one of the other. */
	check_want("AABBaa", "xxxxxx",
		   "AAAAAA", "xxxxxx",
		   "++..++");
	check_want("AAAAAA.BB", "x.......x",
		   "AABBaa.bB", "....xxx.x",
		   ".......++");
	check_want("AAAAAA", "x....x",
		   "AABBaa", "....xx",
		   "++++++");
}

/* What is kept, and the rest: every page of @pieces is in one of the two. */
static void check_inherit(const char *pieces, const char *child, const char *expected)
{
	struct cow_pieces from, kept = {}, dropped = {};
	struct cow_area areas[MAX_PAGES];
	size_t n = draw_areas(child, areas);
	char drawn[MAX_PAGES + 1] = "", rest[MAX_PAGES + 1] = "";

	draw_pieces(pieces, &from);
	assert_int_equal(cow_inherit(&from, areas, n, &kept, &dropped), 0);
	memset(drawn, '.', strlen(pieces));
	memset(rest, '.', strlen(pieces));
	for (size_t i = 0; i < kept.n; i++) {
		const struct cow_piece *p = &kept.list[i];

		assert_int_equal(p->at, p->start + ASIDE * PAGE_SIZE);
		memset(drawn + p->start / PAGE_SIZE, 'a' + i, (p->end - p->start) / PAGE_SIZE);
	}
	for (size_t i = 0; i < dropped.n; i++) {
		const struct cow_piece *p = &dropped.list[i];

		assert_int_equal(p->at, p->start + ASIDE * PAGE_SIZE);
		memset(rest + p->start / PAGE_SIZE, '-', (p->end - p->start) / PAGE_SIZE);
	}
	assert_string_equal(drawn, expected);
	for (size_t i = 0; pieces[i]; i++)
		assert_int_equal(rest[i], pieces[i] != '.' && drawn[i] == '.' ? '-' : '.');
	cow_pieces_fini(&from);
	cow_pieces_fini(&kept);
	cow_pieces_fini(&dropped);
}

static void test_inherit(void **state)
{
	check_inherit("AAAA", "AAAA",
		      "aaaa");
	check_inherit("AAAA", "....",
		      "....");
	check_inherit("AAAA", "BBBB",
		      "....");
	check_inherit("AAAA", ".AA.",
		      ".aa.");
	check_inherit(".AA.", "AAAA",
		      ".aa.");
	/* A hole, another nature in the middle, two mappings of one. */
	check_inherit("AAAAAA", "AA..AA",
		      "aa..bb");
	check_inherit("AAAAAA", "ABBBBA",
		      "a....b");
	check_inherit("AAAAAA", "AAAaaa",
		      "aaabbb");
	/* Two pieces in one mapping stay two: they may be in different places. */
	check_inherit("AAAaaa", "AAAAAA",
		      "aaabbb");
	check_inherit("AA.BB.aa", "aaaabbAA",
		      "aa..b.cc");
	check_inherit("AABBCC", ".CCAAB",
		      "......");
	check_inherit("AABBCC", ".ABBC.",
		      ".abbc.");
}

static void check_segments(const char *pieces, const char *vmas, const char *expected)
{
	struct cow_area areas[MAX_PAGES];
	struct cow_pieces there;
	size_t n = draw_areas(vmas, areas), at = 0;
	char drawn[MAX_PAGES + 1] = "", next = 'a';

	draw_pieces(pieces, &there);
	memset(drawn, '.', strlen(vmas));
	for (size_t i = 0; i < n; i++) {
		struct cow_segment s;

		for (uint64_t start = areas[i].start; start < areas[i].end; start = s.end) {
			s = cow_segment_at(&there, &at, start, areas[i].end);
			assert_int_equal(s.start, start);
			assert_true(s.end > start && s.end <= areas[i].end);
			if (s.piece)
				assert_true(s.piece->start == s.start && s.piece->end == s.end);
			memset(drawn + start / PAGE_SIZE, s.piece ? toupper(next) : next,
			       (s.end - start) / PAGE_SIZE);
			next++;
		}
	}
	assert_string_equal(drawn, expected);
	cow_pieces_fini(&there);
}

static void test_segments(void **state)
{
	check_segments("......", "AAAbbb",
		       "aaabbb");
	check_segments("AAA...", "AAAbbb",
		       "AAAbbb");
	check_segments("A..B.a", "AAAAAA",
		       "AbbCdE");
	check_segments("..BB..", "AABBAA",
		       "aaBBcc");
	check_segments("AAaa..A", "AAAA.AA",
		       "AABB.cD");
}

/* As the kernel would: pages of the parent, and what the runs make of them. */
static void check_walk(const char *parent, const char *child, size_t first, size_t end,
		       const char *expected)
{
	struct page_extent e[MAX_PAGES], their_e[MAX_PAGES];
	struct page_map map, their_map;
	struct cow_walk walk;
	struct cow_run run;
	char drawn[MAX_PAGES + 1] = "", memory[MAX_PAGES + 1];
	uint64_t last = first * PAGE_SIZE;

	draw_map(parent, &map, e);
	draw_map(child, &their_map, their_e);
	memset(drawn, '.', strlen(parent));
	strcpy(memory, parent);
	cow_walk_init(&walk, first * PAGE_SIZE, end * PAGE_SIZE, &map, &their_map);
	while (cow_walk_next(&walk, &run)) {
		size_t start = run.start / PAGE_SIZE, len = (run.end - run.start) / PAGE_SIZE;

		assert_true(run.start >= last && len && run.end <= end * PAGE_SIZE);
		last = run.end;
		memset(drawn + start, "rcd"[run.kind], len);
		if (run.kind == COW_DROP) {
			assert_null(run.from);
			memset(memory + start, '.', len);
			continue;
		}
		assert_true(run.from->start <= run.start && page_extent_end(run.from) >= run.end);
		memcpy(memory + start, child + start, len);
		/* What is only read must not lie under a page of the parent. */
		for (size_t i = 0; i < len; i++)
			assert_int_equal(parent[start + i] == '.', run.kind == COW_READ);
	}
	assert_memory_equal(memory + first, child + first, end - first);
	if (expected)
		assert_string_equal(drawn, expected);
}

static void test_walk(void **state)
{
	check_walk("....", "....", 0, 4,
		   "....");
	check_walk("xxxx", "xxyy", 0, 4,
		   "cccc");
	check_walk("xxxx", "....", 0, 4,
		   "dddd");
	check_walk("....", "xxxx", 0, 4,
		   "rrrr");
	check_walk("xx..xx..", "..xxxx..", 0, 8,
		   "ddrrcc..");
	check_walk("xyxy.xy.", "x..yyyy.", 0, 8,
		   "cddcrcc.");
	/* Only a part of it. */
	check_walk("xxxxxxxx", "yyyyyyyy", 2, 5,
		   "..ccc...");
	check_walk("xx....xx", "..yyyy..", 1, 7,
		   ".drrrrd.");
}

static void test_walk_random(void **state)
{
	srand(1);
	for (int round = 0; round < 20000; round++) {
		char parent[MAX_PAGES + 1] = "", child[MAX_PAGES + 1] = "";
		size_t n = 1 + rand() % (MAX_PAGES - 1), a = rand() % n;
		size_t b = a + rand() % (n - a + 1);

		for (size_t i = 0; i < n; i++) {
			/* Runs, so that extents have some length. */
			parent[i] = i && rand() % 3 ? parent[i - 1] : ".xyz"[rand() % 4];
			child[i] = i && rand() % 3 ? child[i - 1] : ".xyz"[rand() % 4];
		}
		check_walk(parent, child, a, b, NULL);
	}
}

/* Without a parent all is read; an extent without bytes is no page. */
static void test_walk_alone(void **state)
{
	struct page_extent e[] = {
		{ .start = 0, .len = PAGE_SIZE, .flags = PAGE_LAZY },
		{ .start = PAGE_SIZE, .len = 2 * PAGE_SIZE, .flags = PAGE_PRESENT },
	};
	struct page_map map = { .extents = e, .n_extents = 2 };
	struct cow_walk walk;
	struct cow_run run;

	cow_walk_init(&walk, 0, 1UL << 46, NULL, &map);
	assert_true(cow_walk_next(&walk, &run));
	assert_int_equal(run.kind, COW_READ);
	assert_int_equal(run.start, PAGE_SIZE);
	assert_int_equal(run.end, 3 * PAGE_SIZE);
	assert_false(cow_walk_next(&walk, &run));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_alone),
		cmocka_unit_test(test_walk_random),
		cmocka_unit_test(test_want),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
