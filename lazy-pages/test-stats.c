// SPDX-License-Identifier: GPL-2.0-only
/* Statistics: what is counted, how long runs are thinned out, what the file says. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lazy-pages/progress.h"
#include "lazy-pages/stats.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/macro.h"

static uint64_t number(struct json_object *o, const char *name)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, name, &value));
	return json_object_get_uint64(value);
}

static struct json_object *member(struct json_object *o, const char *name)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, name, &value));
	return value;
}

/* Faults that were read this long ago, and what the file then says of them. */
static void test_waits(void **state)
{
	static const uint64_t ago_us[] = { 0, 0, 0, 10, 3000000 };
	char dir[] = "/tmp/test-stats-XXXXXX";
	struct lazy_stats stats = { .forks = 3, .unmaps = 4, .background_pages = 70 };
	_cleanup_close_ int fd = -1;
	struct json_object *all, *rows;
	uint64_t sum = 0;

	stats_start(&stats);
	for (size_t i = 0; i < ARRAY_SIZE(ago_us); i++)
		stats_answered(&stats, clock_ns() - ago_us[i] * 1000);
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(stats_write(&stats, fd, "stats.json"), 0);
	all = json_object_from_fd(openat(fd, "stats.json", O_RDONLY));
	assert_non_null(all);
	assert_int_equal(number(all, "faults"), ARRAY_SIZE(ago_us));
	assert_int_equal(number(member(all, "events"), "fork"), 3);
	assert_int_equal(number(member(all, "events"), "unmap"), 4);
	assert_int_equal(number(member(all, "pages"), "background"), 70);
	all = member(all, "fault_wait_ns");
	assert_true(number(all, "max") >= 3000000000ULL);
	/* The one that waited for seconds is the 99th percentile, and not the median. */
	assert_true(number(all, "p99_below") >= 3000000000ULL);
	assert_true(number(all, "p50_below") < 1000000000ULL);
	rows = member(all, "histogram");
	for (size_t i = 0; i < json_object_array_length(rows); i++)
		sum += number(json_object_array_get_idx(rows, i), "faults");
	assert_int_equal(sum, ARRAY_SIZE(ago_us));
	unlinkat(fd, "stats.json", 0);
	rmdir(dir);
}

/* However long it takes, the first sample stays, they rise, and there is room for more. */
static void test_long_runs(void **state)
{
	struct lazy_stats stats = {};

	stats_start(&stats);
	for (int i = 0; i < 20 * STATS_SAMPLES; i++) {
		/* A millisecond and more goes by. */
		stats.start_ns -= 1100000;
		stats.background_pages++;
		stats_sample(&stats);
	}
	assert_true(stats.n_samples > STATS_SAMPLES / 4 && stats.n_samples <= STATS_SAMPLES);
	assert_int_equal(stats.samples[0].pages, 1);
	for (size_t i = 1; i < stats.n_samples; i++) {
		assert_true(stats.samples[i].ns > stats.samples[i - 1].ns);
		assert_true(stats.samples[i].pages > stats.samples[i - 1].pages);
	}
	assert_true(stats.samples[stats.n_samples - 1].pages > 18 * STATS_SAMPLES);
}

static void test_nothing_before_a_restore(void **state)
{
	struct lazy_stats stats = {};

	stats_sample(&stats);
	assert_int_equal(stats.n_samples, 0);
}

static void test_cannot_write(void **state)
{
	_cleanup_close_ int fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
	struct lazy_stats stats = {};

	assert_true(stats_write(&stats, fd, "stats.json") < 0);
	assert_true(stats_write(&stats, fd, "no/such/directory") < 0);
	/* A disk that is full. */
	assert_int_equal(symlinkat("/dev/full", AT_FDCWD, "test-stats-full"), 0);
	assert_int_equal(stats_write(&stats, AT_FDCWD, "test-stats-full"), -EIO);
	assert_int_equal(access("test-stats-full", F_OK), -1);
}

static void expect_line(const struct lazy_stats *stats, uint64_t total, uint64_t ns,
			const char *want)
{
	char line[192];

	progress_line(line, sizeof(line), stats, total, ns, true);
	assert_string_equal(line, want);
}

static void test_line(void **state)
{
	const uint64_t gib = 1 << 18, second = 1000000000;
	struct lazy_stats stats = {};

	expect_line(&stats, gib, 0, "0 of 1024 MiB here, 0 faults, 0 MiB/s");
	stats.background_pages = gib / 4;
	expect_line(&stats, gib, second, "256 of 1024 MiB here, 0 faults, 256 MiB/s, 3 s left");
	stats.background_pages = gib - 1;
	stats.demand_pages = stats.faults = stats.waits[1] = 1;
	stats.max_wait_ns = 1500000;
	expect_line(&stats, gib, 4 * second, "1024 of 1024 MiB here, 1 faults, p99 < 2 us, "
		    "256 MiB/s");
	/* Children that were forked since want theirs, too. */
	stats.background_pages += gib;
	expect_line(&stats, gib, 8 * second, "2048 of 1024 MiB here, 1 faults, p99 < 2 us, "
		    "256 MiB/s");
	stats = (struct lazy_stats){
		.faults = UINT64_MAX, .waits[STATS_BUCKETS - 1] = UINT64_MAX,
		.background_pages = 1 << 18, .max_wait_ns = UINT64_MAX,
	};
	progress_line((char[192]){}, 192, &stats, UINT64_MAX, UINT64_MAX, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_long_runs),
		cmocka_unit_test(test_nothing_before_a_restore),
		cmocka_unit_test(test_cannot_write),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
