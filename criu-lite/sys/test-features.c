// SPDX-License-Identifier: GPL-2.0-only
/* The feature table, and probing on the kernel that runs the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/features.h"
#include "sys/proc_tasks.h"
#include "sys/uffd.h"
#include "util/cleanup.h"

static void test_table(void **state)
{
	const struct kernel_features none = {};
	const struct kernel_feature *f;

	for (f = kernel_feature_table; f->name; f++) {
		assert_non_null(f->description);
		assert_true(f == kernel_feature_table || strcmp(f[-1].name, f->name) < 0);
		assert_ptr_equal(kernel_feature_find(f->name), f);
		assert_false(kernel_feature_has(f, &none));
	}
	assert_null(kernel_feature_find("no_such_feature"));
	assert_null(kernel_feature_find(""));
	f = kernel_feature_find("pidfd_store");
	assert_non_null(f);
	assert_int_equal(f->need, FEATURE_UNSUPPORTED);
}

/* A row reads its own flag and no other. */
static void test_flags(void **state)
{
	struct kernel_features features = { .uffd_noncoop = true };

	assert_true(kernel_feature_has(kernel_feature_find("uffd-noncoop"), &features));
	assert_false(kernel_feature_has(kernel_feature_find("uffd"), &features));
	assert_false(kernel_feature_has(kernel_feature_find("lazy_pages"), &features));
}

/* Probing leaves no descriptor and no child, and is cheap. */
static void test_probe(void **state)
{
	_cleanup_free_ int *before = NULL, *after = NULL;
	_cleanup_free_ pid_t *kids = NULL;
	struct kernel_features features;
	size_t n_before, n_after, n_kids;
	const struct kernel_feature *f;
	uint64_t best = UINT64_MAX;
	int i;

	assert_int_equal(proc_fds_read(getpid(), &before, &n_before), 0);
	for (i = 0; i < 10; i++) {
		assert_int_equal(features_probe(&features), 0);
		if (features.probe_us < best)
			best = features.probe_us;
	}
	assert_int_equal(proc_fds_read(getpid(), &after, &n_after), 0);
	assert_int_equal(n_after, n_before);
	for (f = kernel_feature_table; f->name; f++)
		if (f->need != FEATURE_UNSUPPORTED)
			print_message("%-24s %s\n", f->name,
				      kernel_feature_has(f, &features) ? "yes" : "no");
	print_message("probed in %lu us\n", (unsigned long)best);
	assert_true(best < 2000);
	/* What every kernel that can run this test has. */
	assert_true(features.memfd);
	assert_true(features.last_cap >= 37 && features.last_cap < 64);
	if (features.children) {
		assert_int_equal(proc_children_read(getpid(), &kids, &n_kids), 0);
		assert_int_equal(n_kids, 0);
	}
}

/* What a restore asks for is as it is with all others, and nothing else is there. */
static void test_probe_restore(void **state)
{
	struct kernel_features all, some;

	assert_int_equal(features_probe(&all), 0);
	assert_int_equal(features_probe_restore(&some), 0);
	print_message("probed in %lu us of %lu\n", (unsigned long)some.probe_us,
		      (unsigned long)all.probe_us);
	assert_int_equal(some.anon_vma_name, all.anon_vma_name);
	assert_int_equal(some.madv_guard, all.madv_guard);
	assert_int_equal(some.mseal, all.mseal);
	assert_int_equal(some.seccomp_filters, all.seccomp_filters);
	assert_int_equal(some.timens, all.timens);
	assert_int_equal(some.timer_restore_ids, all.timer_restore_ids);
	assert_int_equal(some.uffd, all.uffd);
	assert_int_equal(some.lazy_huge, all.lazy_huge);
	assert_int_equal(some.uffd_features, all.uffd_features);
	assert_int_equal(some.last_cap, all.last_cap);
	assert_false(some.map_files || some.kcmp || some.sock_diag);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_probe_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
