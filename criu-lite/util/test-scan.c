// SPDX-License-Identifier: GPL-2.0-only
/* The cursor over text: what it takes, and that it stays when it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/macro.h"
#include "util/scan.h"

static void test_numbers(void **state)
{
	const char *p = "18446744073709551615 ffFF -9223372036854775808 4294967295 -2147483648";
	int64_t i64;
	int32_t i32;
	uint64_t u64;
	uint32_t u32;

	assert_true(scan_u64(&p, 10, &u64) && u64 == UINT64_MAX);
	scan_blanks(&p);
	assert_true(scan_u64(&p, 16, &u64) && u64 == 0xffff);
	scan_blanks(&p);
	assert_true(scan_i64(&p, &i64) && i64 == INT64_MIN);
	scan_blanks(&p);
	assert_true(scan_u32(&p, 10, &u32) && u32 == UINT32_MAX);
	scan_blanks(&p);
	assert_true(scan_i32(&p, &i32) && i32 == INT32_MIN);
	assert_true(scan_end_of_line(&p));
}

static void test_no_numbers(void **state)
{
	static const struct { const char *text; int base; } bad[] = {
		{ "", 10 }, { " 1", 10 }, { "+1", 10 }, { "-1", 10 }, { "x", 16 }, { "8", 8 },
		{ "18446744073709551616", 10 }, { "99999999999999999999", 10 },
		{ "10000000000000000", 16 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *p = bad[i].text;
		uint64_t v = 7;

		assert_false(scan_u64(&p, bad[i].base, &v));
		assert_ptr_equal(p, bad[i].text);
		assert_int_equal(v, 7);
	}
}

static void test_signed_limits(void **state)
{
	static const char *const bad[] = {
		"9223372036854775808", "-9223372036854775809", "--1", "-", "- 1",
	};
	size_t i;
	int64_t v;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *p = bad[i];

		assert_false(scan_i64(&p, &v));
		assert_ptr_equal(p, bad[i]);
	}
}

static void test_narrow(void **state)
{
	const char *p = "4294967296", *q = "2147483648";
	uint32_t u32;
	int32_t i32;

	assert_false(scan_u32(&p, 10, &u32));
	assert_int_equal(*p, '4');
	assert_false(scan_i32(&q, &i32));
	assert_int_equal(*q, '2');
}

static void test_text(void **state)
{
	const char *p = "ab cd\n\nef", *word, *line;
	size_t len;

	assert_false(scan_text(&p, "abc"));
	assert_true(scan_text(&p, "ab"));
	assert_false(scan_word(&p, &word, &len));
	scan_blanks(&p);
	assert_true(scan_word(&p, &word, &len));
	assert_int_equal(len, 2);
	assert_memory_equal(word, "cd", 2);
	assert_true(scan_line(&p, &line, &len));
	assert_int_equal(len, 0);
	assert_true(scan_line(&p, &line, &len));
	assert_int_equal(len, 0);
	assert_false(scan_end_of_line(&p));
	assert_true(scan_line(&p, &line, &len));
	assert_int_equal(len, 2);
	assert_false(scan_line(&p, &line, &len));
	assert_true(scan_end_of_line(&p));
	assert_false(scan_text(&p, "x"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_signed_limits),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
