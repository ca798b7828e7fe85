// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages out of a source of small ones. Drawn in quarters of a huge page:
 *
 *	digit	data, the digit in each byte	.	hole	?	data that is not here
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lazy-pages/huge.h"
#include "pages/source.h"
#include "util/macro.h"

#define HUGE_PAGE (2UL << 20)
#define QUARTER (HUGE_PAGE / 4)
#define AT(quarter) ((uint64_t)(quarter) * QUARTER)

struct drawn_source {
	struct page_source base;
	const char *picture;
	char *bytes;
};

static int drawn_run(struct page_source *src, uint64_t addr, uint64_t len,
		     struct source_run *run, bool bytes)
{
	struct drawn_source *ds = container_of(src, struct drawn_source, base);
	size_t at = addr / QUARTER, n = strlen(ds->picture);
	char c = at < n ? ds->picture[at] : '.';
	uint64_t end = AT(at + 1);

	while (c == '.' && end / QUARTER < n && ds->picture[end / QUARTER] == '.')
		end += QUARTER;
	while (c >= '0' && end / QUARTER < n && ds->picture[end / QUARTER] == c)
		end += QUARTER;
	if (at >= n)
		end = addr + len;
	run->kind = c == '.' ? SOURCE_HOLE : SOURCE_DATA;
	run->len = MIN(len, end - addr);
	if (c == '?' && bytes)
		return -EAGAIN;
	if (bytes && c != '.')
		run->data = memset(ds->bytes, c, run->len);
	return 0;
}

static int drawn_find(struct page_source *src, uint64_t addr, uint64_t len,
		      struct source_run *run)
{
	return drawn_run(src, addr, len, run, false);
}

static int drawn_lookup(struct page_source *src, uint64_t addr, uint64_t len,
			struct source_run *run)
{
	return drawn_run(src, addr, len, run, true);
}

static const struct page_source_ops drawn_ops = {
	.name = "drawn", .find = drawn_find, .lookup = drawn_lookup,
};

static int setup(void **state)
{
	struct drawn_source *ds = calloc(1, sizeof(*ds));

	assert_non_null(ds);
	ds->base.ops = &drawn_ops;
	ds->bytes = malloc(4 * HUGE_PAGE);
	assert_non_null(ds->bytes);
	*state = ds;
	return 0;
}

static int teardown(void **state)
{
	struct drawn_source *ds = *state;

	free(ds->bytes);
	free(ds);
	return 0;
}

/* Huge pages as runs: D or h for each page, | between runs. */
static void check_found(struct drawn_source *ds, const char *picture, const char *expected)
{
	uint64_t end = ALIGN_UP(AT(strlen(picture)), HUGE_PAGE);
	char runs[32] = "";
	size_t n = 0;

	ds->picture = picture;
	for (uint64_t at = 0; at < end;) {
		struct source_run run;

		assert_int_equal(huge_find(&ds->base, at, end - at, HUGE_PAGE, &run), 0);
		assert_true(run.len && run.len % HUGE_PAGE == 0 && at + run.len <= end);
		for (uint64_t i = 0; i < run.len; i += HUGE_PAGE)
			runs[n++] = run.kind == SOURCE_DATA ? 'D' : 'h';
		at += run.len;
		runs[n++] = at < end ? '|' : '\0';
	}
	assert_string_equal(runs, expected);
}

static void test_find(void **state)
{
	check_found(*state, "1111", "D");
	check_found(*state, "....", "h");
	check_found(*state, "11111111....", "DD|h");
	/* A page with data anywhere is data. */
	check_found(*state, "...1....", "D|h");
	check_found(*state, ".1..", "D");
	check_found(*state, "1...", "D");
	check_found(*state, "1.......", "D|h");
	check_found(*state, ".......1", "h|D");
	check_found(*state, ".........1......", "hh|D|h");
	/* Data that goes on into the next page takes it along. */
	check_found(*state, "..11111.", "D|D");
	check_found(*state, "111111..", "DD");
	/* What is not here is data all the same. */
	check_found(*state, "..?.....", "D|h");
}

/* Of ordinary pages it is what the source says. */
static void test_find_small(void **state)
{
	struct drawn_source *ds = *state;
	struct source_run run;

	ds->picture = "..1.";
	assert_int_equal(huge_find(&ds->base, 0, HUGE_PAGE, PAGE_SIZE, &run), 0);
	assert_int_equal(run.kind, SOURCE_HOLE);
	assert_int_equal(run.len, 2 * QUARTER);
}

static void check_content(struct drawn_source *ds, struct huge_bytes *huge, const char *picture,
			  size_t page)
{
	struct source_run run;

	ds->picture = picture;
	assert_int_equal(huge_lookup(huge, &ds->base, page * HUGE_PAGE, HUGE_PAGE, &run), 0);
	assert_int_equal(run.len, HUGE_PAGE);
	for (size_t i = 0; i < HUGE_PAGE; i++) {
		char c = picture[page * 4 + i / QUARTER];
		char expected = c == '.' ? 0 : c;

		if (((const char *)run.data)[i] != expected)
			fail_msg("%s: byte %#zx of page %zu", picture, i, page);
	}
	assert_int_equal(run.kind, strspn(picture + page * 4, ".") >= 4 ? SOURCE_HOLE : SOURCE_DATA);
}

static void test_lookup(void **state)
{
	struct huge_bytes huge = { 0 };

	/* Whole, out of the source's own memory. */
	check_content(*state, &huge, "11112222", 1);
	assert_null(huge.parts);
	check_content(*state, &huge, "1.2.", 0);
	/* Nothing of what was put together before is left. */
	check_content(*state, &huge, "...3", 0);
	check_content(*state, &huge, "1234..5.....", 1);
	check_content(*state, &huge, "1234..5.....", 2);
	assert_ptr_equal(huge_zeros(&huge, HUGE_PAGE), huge.zeros);
	munmap(huge.zeros, huge.zeros_len);
	munmap(huge.parts, huge.parts_len);
}

/* No part of a page is given out without the rest. */
static void test_not_here(void **state)
{
	struct drawn_source *ds = *state;
	struct huge_bytes huge = { 0 };
	struct source_run run;

	ds->picture = "11?1";
	assert_int_equal(huge_lookup(&huge, &ds->base, 0, HUGE_PAGE, &run), -EPROTO);
	ds->picture = "????";
	assert_int_equal(huge_lookup(&huge, &ds->base, 0, HUGE_PAGE, &run), -EPROTO);
	munmap(huge.parts, huge.parts_len);
}

static void test_larger(void **state)
{
	assert_int_equal(huge_larger(PAGE_SIZE), HUGE_PAGE);
	assert_int_equal(huge_larger(HUGE_PAGE), 1UL << 30);
	assert_int_equal(huge_larger(1UL << 30), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_small),
		cmocka_unit_test(test_larger),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_not_here),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
