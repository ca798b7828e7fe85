// SPDX-License-Identifier: GPL-2.0-only
/* CRC-32C: the examples of RFC 3720, appendix B.4, and both ways against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "util/crc32c.h"
#include "util/macro.h"

static void test_examples(void **state)
{
	uint8_t data[32];

	(void)state;
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	memset(data, 0, sizeof(data));
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i;
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x46dd794e);
}

/* In any number of steps, from any address, by either way. */
static void test_pieces(void **state)
{
	uint8_t data[100];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 37 + 11;
	for (size_t from = 0; from < 16; from++) {
		size_t len = sizeof(data) - from;
		uint32_t whole = crc32c_portable(0, data + from, len);

		for (size_t cut = 0; cut <= len; cut++)
			assert_int_equal(crc32c(crc32c(0, data + from, cut), data + from + cut,
						len - cut), whole);
	}
}

/* Any number of pages, each by itself. */
static void test_pages(void **state)
{
	enum { N = 9 };
	uint8_t *pages = malloc(N * PAGE_SIZE);
	uint32_t crcs[N + 1];

	(void)state;
	assert_non_null(pages);
	for (size_t i = 0; i < N * PAGE_SIZE; i++)
		pages[i] = i * 37 + i / PAGE_SIZE;
	for (size_t n = 0; n <= N; n++) {
		crcs[n] = 0xbad;
		crc32c_pages(pages, n, crcs);
		assert_int_equal(crcs[n], 0xbad);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(crcs[i], crc32c_portable(0, pages + i * PAGE_SIZE,
								  PAGE_SIZE));
	}
	free(pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
