// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spaces, drawn. One character is one page, from address 0 on:
 *
 *	a b c ...	PENDING: page 0, 1, 2, ... of the image
 *	A B C ...	SHARED: page 0, 1, 2, ... of the segment
 *	.		SETTLED: delivered, or holds nothing
 *	_		no range covers it
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lazy-pages/space.h"
#include "util/macro.h"

#define PAGES_MAX 64
#define AT(page) ((uint64_t)(page) * PAGE_SIZE)

struct drawing {
	char text[PAGES_MAX + 1];
};

/* Arms [start, end), pages. */
static int add(struct space *space, size_t start, size_t end, enum range_kind kind,
	       uint64_t source, struct segment *segment)
{
	return space_add(space, &(struct range){
		.start = AT(start), .end = AT(end), .kind = kind, .source = source,
		.segment = segment,
	});
}

/* Ranges begin where the character does not continue the one before. */
static void draw_in(struct space *space, struct segment *segment, const char *picture)
{
	space_init(space);
	for (size_t i = 0; picture[i]; i++) {
		char c = picture[i];
		int err = 0;

		if (c >= 'a' && c <= 'z')
			err = add(space, i, i + 1, RANGE_PENDING, AT(c - 'a'), NULL);
		else if (c >= 'A' && c <= 'Z')
			err = add(space, i, i + 1, RANGE_SHARED, AT(c - 'A'), segment);
		else if (c == '.')
			err = add(space, i, i + 1, RANGE_SETTLED, 0, NULL);
		assert_int_equal(err, 0);
	}
}

static struct drawing draw_out(const struct space *space, size_t n)
{
	struct drawing d = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct range *r = range_find(&space->map, AT(i));
		size_t page = r ? (r->source + (AT(i) - r->start)) / PAGE_SIZE : 0;

		d.text[i] = !r ? '_' : r->kind == RANGE_SETTLED ? '.' :
			    r->kind == RANGE_PENDING ? 'a' + page : 'A' + page;
	}
	return d;
}

#define assert_drawn(space, picture) \
	assert_string_equal(draw_out((space), strlen(picture)).text, (picture))

static void test_merge(void **state)
{
	struct space s;

	/* What continues in address and image is one range. */
	draw_in(&s, NULL, "abcd..xyz");
	assert_int_equal(s.map.n_ranges, 3);
	assert_int_equal(s.map.pending, AT(7));
	assert_int_equal(add(&s, 3, 5, RANGE_PENDING, 0, NULL), -EEXIST);
	assert_int_equal(add(&s, 20, 20, RANGE_PENDING, 0, NULL), -EINVAL);
	space_fini(&s);
}

/* The pages of a range are of one size, wherever it goes. */
static void test_huge(void **state)
{
	const struct range small = { .start = AT(0), .end = AT(512), .kind = RANGE_SETTLED };
	const struct range huge = {
		.start = AT(512), .end = AT(2048), .kind = RANGE_PENDING, .source = AT(512),
		.huge = 21,
	};
	struct space s;

	space_init(&s);
	assert_int_equal(space_add(&s, &small), 0);
	assert_int_equal(space_add(&s, &huge), 0);
	assert_int_equal(space_filled(&s, AT(512), AT(1024)), 0);
	/* Not part of what is next to it, though nothing of both is to come. */
	assert_int_equal(s.map.n_ranges, 3);
	assert_int_equal(range_page(range_find(&s.map, AT(511))), PAGE_SIZE);
	assert_int_equal(range_page(range_find(&s.map, AT(512))), AT(512));
	assert_int_equal(space_move(&s, AT(1024), AT(4096), AT(512)), 0);
	assert_int_equal(range_find(&s.map, AT(4096))->huge, 21);
	assert_int_equal(range_find(&s.map, AT(4096))->source, AT(1024));
	space_fini(&s);
}

/* An unmapping that ends inside a huge page was refused, whatever the kernel said before. */
static void test_unmap_refused(void **state)
{
	struct space s;

	space_init(&s);
	assert_int_equal(add(&s, 0, 512, RANGE_PENDING, AT(0), NULL), 0);
	assert_int_equal(space_add(&s, &(struct range){
		.start = AT(512), .end = AT(1536), .kind = RANGE_SETTLED, .huge = 21,
	}), 0);
	assert_int_equal(space_unmap(&s, AT(500), AT(513)), 0);
	assert_int_equal(space_unmap(&s, AT(500), AT(1025)), 0);
	assert_int_equal(s.map.pending, AT(512));
	assert_int_equal(space_unmap(&s, AT(500), AT(1024)), 0);
	assert_int_equal(s.map.pending, AT(500));
	assert_null(range_find(&s.map, AT(1023)));
	assert_non_null(range_find(&s.map, AT(1024)));
	assert_int_equal(space_unmap(&s, AT(400), AT(450)), 0);
	assert_int_equal(s.map.pending, AT(450));
	space_fini(&s);
}

/* A window of huge pages ends where it ends: they do not grow. */
static void test_huge_window(void **state)
{
	struct segment seg;
	struct space s;

	segment_init(&seg, 7, 21);
	seg.size = AT(1024);
	space_init(&s);
	assert_int_equal(space_add(&s, &(struct range){
		.start = AT(0), .end = AT(512), .kind = RANGE_SHARED, .segment = &seg, .huge = 21,
	}), 0);
	assert_non_null(space_fault(&s, AT(511)));
	assert_null(space_fault(&s, AT(512)));
	space_fini(&s);
	segment_fini(&seg);
}

static void test_filled(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcdefgh__ij");
	assert_int_equal(space_filled(&s, AT(2), AT(4)), 0);
	assert_drawn(&s, "ab..efgh__ij");
	assert_int_equal(space_filled(&s, AT(0), AT(1)), 0);
	assert_drawn(&s, ".b..efgh__ij");
	assert_int_equal(space_filled(&s, AT(1), AT(12)), 0);
	assert_drawn(&s, "........__..");
	assert_int_equal(s.map.n_ranges, 2);
	assert_true(space_done(&s));
	space_fini(&s);
}

/* Piece by piece: the number of ranges says that each became one with those before and behind. */
static void test_filled_in_pieces(void **state)
{
	static const struct { int start, end; const char *picture; size_t n_ranges; } steps[] = {
		{ 0, 1, ".bcdefghij", 2 },	/* the front: nothing is before it */
		{ 1, 3, "...defghij", 2 },	/* an edge moves */
		{ 8, 10, "...defgh..", 3 },	/* the back: nothing is behind it */
		{ 7, 8, "...defg...", 3 },
		{ 4, 5, "...d.fg...", 5 },	/* the middle */
		{ 3, 4, ".....fg...", 3 },	/* all of a range */
		{ 4, 6, "......g...", 3 },	/* what is there, and an edge */
		{ 0, 10, "..........", 1 },
	};
	struct space s;

	draw_in(&s, NULL, "abcdefghij");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t pending = 0;

		assert_int_equal(space_filled(&s, AT(steps[i].start), AT(steps[i].end)), 0);
		assert_drawn(&s, steps[i].picture);
		assert_int_equal(s.map.n_ranges, steps[i].n_ranges);
		for (const char *c = steps[i].picture; *c; c++)
			pending += *c == '.' ? 0 : PAGE_SIZE;
		assert_int_equal(s.map.pending, pending);
	}
	assert_true(space_done(&s));
	space_fini(&s);
}

static void test_fault(void **state)
{
	const struct range *r;
	struct space s;

	draw_in(&s, NULL, "ab..__cd");
	r = space_fault(&s, AT(1));
	assert_int_equal(r->kind, RANGE_PENDING);
	assert_int_equal(r->source + (AT(1) - r->start), AT(1));
	assert_int_equal(space_fault(&s, AT(3))->kind, RANGE_SETTLED);
	assert_null(space_fault(&s, AT(4)));
	assert_int_equal(space_pending_from(&s, AT(2))->start, AT(6));
	assert_null(space_pending_from(&s, AT(8)));
	space_fini(&s);
}

static void test_remove(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcdefgh");
	assert_int_equal(space_remove(&s, AT(2), AT(5)), 0);
	assert_drawn(&s, "ab...fgh");
	assert_int_equal(space_remove(&s, AT(0), AT(20)), 0);
	assert_drawn(&s, "........");
	space_fini(&s);
}

static void test_unmap(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcd..ef");
	assert_int_equal(space_unmap(&s, AT(3), AT(7)), 0);
	assert_drawn(&s, "abc____f");
	assert_int_equal(space_unmap(&s, AT(0), AT(1)), 0);
	assert_drawn(&s, "_bc____f");
	space_fini(&s);
}

static void test_move(void **state)
{
	struct space s;

	/* The image address stays; the old place is empty until its UNMAP. */
	draw_in(&s, NULL, "abcdef______");
	assert_int_equal(space_move(&s, AT(1), AT(8), AT(3)), 0);
	assert_drawn(&s, "a...ef__bcd_");
	assert_int_equal(space_unmap(&s, AT(1), AT(4)), 0);
	assert_drawn(&s, "a___ef__bcd_");
	/* And back, over nothing. */
	assert_int_equal(space_move(&s, AT(8), AT(1), AT(3)), 0);
	assert_int_equal(space_unmap(&s, AT(8), AT(11)), 0);
	assert_drawn(&s, "abcdef______");
	space_fini(&s);
}

static void test_move_dontunmap(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcd____");
	assert_int_equal(space_move(&s, AT(0), AT(4), AT(4)), 0);
	/* No UNMAP follows. What is left is given away, and reads as zero. */
	space_quiet(&s);
	assert_drawn(&s, "....abcd");
	assert_int_equal(space_unmap(&s, AT(4), AT(8)), 0);
	assert_int_equal(space_move(&s, AT(0), AT(4), AT(4)), 0);
	assert_drawn(&s, "........");
	space_fini(&s);
}

static void test_move_shrinks(void **state)
{
	struct space s;

	/* The tail is unmapped first. */
	draw_in(&s, NULL, "abcdef______");
	assert_int_equal(space_unmap(&s, AT(4), AT(6)), 0);
	assert_int_equal(space_move(&s, AT(0), AT(8), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_drawn(&s, "________abcd");
	space_fini(&s);
}

static void test_move_onto(void **state)
{
	struct space s;

	/* The place is unmapped first, then taken. */
	draw_in(&s, NULL, "abcd_wxyz");
	assert_int_equal(space_unmap(&s, AT(5), AT(7)), 0);
	assert_int_equal(space_move(&s, AT(1), AT(5), AT(2)), 0);
	assert_int_equal(space_unmap(&s, AT(1), AT(3)), 0);
	assert_drawn(&s, "a__d_bcyz");
	assert_true(TAILQ_EMPTY(&s.departures));
	space_fini(&s);
}

/* The holes of what moves are known to be empty, too. */
static void test_move_covers(void **state)
{
	struct space s;

	draw_in(&s, NULL, "ab__cd______");
	assert_int_equal(space_move(&s, AT(0), AT(6), AT(6)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(6)), 0);
	assert_drawn(&s, "______ab..cd");
	space_fini(&s);
}

/*
 * One thread moved a-d away from X and has not unmapped X yet; another moved
 * w-z there. The first one's UNMAP is not about w-z.
 */
static void test_late_unmap(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcd____wxyz");
	assert_int_equal(space_move(&s, AT(0), AT(4), AT(4)), 0);
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(8), AT(12)), 0);
	assert_drawn(&s, "wxyzabcd____");
	/* The next one is. */
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_drawn(&s, "____abcd____");
	space_fini(&s);
}

/* w-z came to X before the news that a-d had left it, and where to. */
static void test_late_move(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcd____wxyz");
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(4)), 0);
	assert_false(space_done(&s));
	assert_int_equal(s.aside.pending, AT(4));
	assert_int_equal(space_move(&s, AT(0), AT(4), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(8), AT(12)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_drawn(&s, "wxyzabcd____");
	space_fini(&s);
}

/* As above, and what left had grown over memory that no range covers. */
static void test_late_move_of_grown(void **state)
{
	struct space s;

	draw_in(&s, NULL, "ab______________wxyz");
	assert_int_equal(space_move(&s, AT(16), AT(1), AT(4)), 0);
	assert_int_equal(space_move(&s, AT(0), AT(8), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(16), AT(20)), 0);
	assert_drawn(&s, "_wxyz___ab..________");
	space_fini(&s);
}

/* w-z came to X before the news that a-d had been unmapped there. */
static void test_late_unmap_of_other(void **state)
{
	struct space s;

	draw_in(&s, NULL, "abcd____wxyz");
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_drawn(&s, "wxyz____....");
	assert_int_equal(space_unmap(&s, AT(8), AT(12)), 0);
	assert_int_equal(s.aside.n_ranges, 0);
	assert_true(TAILQ_EMPTY(&s.departures));
	space_fini(&s);
}

/* The newcomer begins inside of what left, which nothing was known of. */
static void test_newcomer_inside(void **state)
{
	struct space s;

	draw_in(&s, NULL, "________wxyz");
	assert_int_equal(space_move(&s, AT(8), AT(2), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(6)), 0);
	assert_int_equal(space_unmap(&s, AT(8), AT(12)), 0);
	assert_drawn(&s, "__wxyz______");
	/* When all is quiet, an UNMAP is about what is there. */
	space_quiet(&s);
	assert_int_equal(space_unmap(&s, AT(0), AT(6)), 0);
	assert_drawn(&s, "____________");
	space_fini(&s);
}

/*
 * Two arrivals before the departures of those who were there are news: which of them leaves
 * first can't be told. It is an error, and not the loss of pages.
 */
static void test_third_at_a_place(void **state)
{
	struct space s;

	draw_in(&s, NULL, "ab__cd__ef");
	assert_int_equal(space_move(&s, AT(4), AT(0), AT(2)), 0);
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(2)), -ENOTRECOVERABLE);
	space_fini(&s);
	/* With the news in between, or a quiet moment, all is clear. */
	draw_in(&s, NULL, "ab__cd__ef");
	assert_int_equal(space_move(&s, AT(4), AT(0), AT(2)), 0);
	assert_int_equal(space_unmap(&s, AT(0), AT(2)), 0);
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(2)), 0);
	assert_drawn(&s, "ef");
	space_fini(&s);
	draw_in(&s, NULL, "ab__cd__ef");
	assert_int_equal(space_move(&s, AT(4), AT(0), AT(2)), 0);
	space_quiet(&s);
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(2)), 0);
	assert_drawn(&s, "ef");
	space_fini(&s);
}

static void test_quiet_forgets(void **state)
{
	struct space s;

	/* MREMAP_DONTUNMAP: no UNMAP comes. Later ones are what they seem. */
	draw_in(&s, NULL, "abcd____wxyz");
	assert_int_equal(space_move(&s, AT(0), AT(4), AT(4)), 0);
	assert_true(space_unsettled(&s));
	space_quiet(&s);
	assert_false(space_unsettled(&s));
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_int_equal(space_move(&s, AT(8), AT(0), AT(4)), 0);
	assert_int_equal(space_unmap(&s, AT(8), AT(12)), 0);
	space_quiet(&s);
	assert_int_equal(space_unmap(&s, AT(0), AT(4)), 0);
	assert_drawn(&s, "____abcd____");
	space_fini(&s);
}

static void test_clone(void **state)
{
	struct space s, child;

	draw_in(&s, NULL, "ab..cd__");
	space_init(&child);
	assert_int_equal(space_clone(&child, &s), 0);
	assert_int_equal(space_filled(&s, AT(0), AT(2)), 0);
	assert_int_equal(space_unmap(&child, AT(4), AT(6)), 0);
	assert_drawn(&s, "....cd__");
	assert_drawn(&child, "ab..____");
	space_fini(&s);
	space_fini(&child);
}

/* The parent's UNMAP of a place that was left is no news to the child. */
static void test_clone_amid_move(void **state)
{
	struct space s, child;

	draw_in(&s, NULL, "abcd____wxyz");
	assert_int_equal(space_move(&s, AT(0), AT(4), AT(4)), 0);
	space_init(&child);
	assert_int_equal(space_clone(&child, &s), 0);
	assert_drawn(&child, "____abcdwxyz");
	/* Nothing there is displaced, so this is a plain move, and a plain UNMAP. */
	assert_int_equal(space_move(&child, AT(8), AT(0), AT(4)), 0);
	assert_int_equal(space_unmap(&child, AT(8), AT(12)), 0);
	assert_int_equal(space_unmap(&child, AT(0), AT(4)), 0);
	assert_drawn(&child, "____abcd____");
	space_fini(&s);
	space_fini(&child);
}

static void test_doubt(void **state)
{
	struct space s, child;

	draw_in(&s, NULL, "ab..cd______");
	space_init(&child);
	assert_int_equal(space_clone(&child, &s), 0);
	assert_int_equal(space_move(&child, AT(0), AT(8), AT(2)), 0);
	assert_int_equal(space_doubt(&child, AT(2), AT(6)), 0);
	/* What is pending is asked for; what holds nothing need not be known. */
	assert_drawn(&child, "..__cd__ab__");
	space_fini(&s);
	space_fini(&child);
}

static void test_windows(void **state)
{
	struct segment seg;
	struct space s, child;

	segment_init(&seg, 7, 0);
	seg.size = AT(8);
	assert_int_equal(segment_add(&seg, AT(0), AT(8)), 0);
	draw_in(&s, &seg, "_ABCD_____");
	assert_int_equal(seg.windows, 1);
	space_init(&child);
	assert_int_equal(space_clone(&child, &s), 0);
	assert_int_equal(seg.windows, 2);

	/* A window moves, and stays at its old place until that is unmapped. */
	assert_int_equal(space_move(&s, AT(1), AT(6), AT(4)), 0);
	assert_drawn(&s, "_ABCD_ABCD");
	assert_int_equal(space_unmap(&s, AT(1), AT(5)), 0);
	assert_drawn(&s, "______ABCD");

	/* Delivered once, delivered for all. */
	assert_false(space_done(&s));
	assert_int_equal(segment_filled(&seg, AT(0), AT(8)), 0);
	assert_true(space_done(&s));
	assert_true(space_done(&child));
	space_fini(&s);
	assert_int_equal(seg.windows, 1);
	space_fini(&child);
	assert_int_equal(seg.windows, 0);
	segment_fini(&seg);
}

static void test_window_removed(void **state)
{
	struct segment seg;
	struct space s;

	segment_init(&seg, 7, 0);
	seg.size = AT(8);
	assert_int_equal(segment_add(&seg, AT(2), AT(4)), 0);
	draw_in(&s, &seg, "ABCDEF");
	/* Not delivered yet: only the kernel knows what it means. */
	assert_int_equal(space_remove(&s, AT(3), AT(6)), -EBUSY);
	assert_int_equal(space_remove(&s, AT(0), AT(2)), 0);
	assert_int_equal(space_remove(&s, AT(4), AT(6)), 0);
	assert_int_equal(space_window_pending(&s, AT(0), AT(6))->start, 0);
	assert_int_equal(segment_filled(&seg, AT(2), AT(4)), 0);
	assert_null(space_window_pending(&s, AT(0), AT(6)));
	assert_int_equal(space_remove(&s, AT(0), AT(6)), 0);
	assert_drawn(&s, "ABCDEF");
	space_fini(&s);
	segment_fini(&seg);
}

static void test_window_grows(void **state)
{
	const struct range *r;
	struct segment seg;
	struct space s;

	segment_init(&seg, 7, 0);
	seg.size = AT(6);
	draw_in(&s, &seg, "_ABC________a");
	/* In place, without an event: as far as the segment goes. */
	r = space_fault(&s, AT(5));
	assert_non_null(r);
	assert_drawn(&s, "_ABCDE______a");
	assert_null(space_fault(&s, AT(9)));
	assert_drawn(&s, "_ABCDE______a");
	/* mremap() with an old length of 0: one more window. */
	assert_int_equal(space_move(&s, AT(2), AT(8), 0), 0);
	assert_drawn(&s, "_ABCDE__BCDEa");
	space_fini(&s);
	segment_fini(&seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_filled),
		cmocka_unit_test(test_filled_in_pieces),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_huge_window),
		cmocka_unit_test(test_unmap_refused),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_move_dontunmap),
		cmocka_unit_test(test_move_shrinks),
		cmocka_unit_test(test_move_onto),
		cmocka_unit_test(test_move_covers),
		cmocka_unit_test(test_late_unmap),
		cmocka_unit_test(test_late_move),
		cmocka_unit_test(test_late_move_of_grown),
		cmocka_unit_test(test_late_unmap_of_other),
		cmocka_unit_test(test_newcomer_inside),
		cmocka_unit_test(test_third_at_a_place),
		cmocka_unit_test(test_quiet_forgets),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_clone_amid_move),
		cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_window_removed),
		cmocka_unit_test(test_window_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
