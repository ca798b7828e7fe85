// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints: their descriptions, and where this kernel lets us, their hits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/tracepoint.h"
#include "util/macro.h"

#define N_HITS 200

static const char format[] =
	"name: mmap_lock_acquire_returned\n"
	"ID: 675\n"
	"format:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
	"\n"
	"\tfield:struct mm_struct * mm;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 memcg_id;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:bool write;\toffset:24;\tsize:1;\tsigned:0;\n"
	"\n"
	"print fmt: \"mm=%p\", REC->mm\n";

static void test_parse(void **state)
{
	uint16_t id = 0, offset = 0;

	assert_int_equal(tracepoint_parse(format, "mm", &id, &offset), 0);
	assert_int_equal(id, 675);
	assert_int_equal(offset, 8);
	assert_int_equal(tracepoint_parse(format, "memcg_id", &id, &offset), 0);
	assert_int_equal(offset, 16);
}

static void test_parse_refuses(void **state)
{
	uint16_t id, offset;

	/* Not there; only the end of a name; of another size. */
	assert_int_equal(tracepoint_parse(format, "address", &id, &offset), -EINVAL);
	assert_int_equal(tracepoint_parse(format, "id", &id, &offset), -EINVAL);
	assert_int_equal(tracepoint_parse(format, "write", &id, &offset), -EINVAL);
	assert_int_equal(tracepoint_parse("", "mm", &id, &offset), -EINVAL);
	assert_int_equal(tracepoint_parse(strchr(format, '\n') + 9, "mm", &id, &offset), -EINVAL);
	assert_int_equal(tracepoint_parse("ID: 99999999999\n\tfield:u64 mm;", "mm", &id, &offset),
			 -EINVAL);
}

/* Two locks and a place for each mapping that is made and taken away again. */
struct seen {
	struct tracepoint_hit hits[3 * N_HITS];
	unsigned int n;
};

static int take(void *arg, const struct tracepoint_hit *hit)
{
	struct seen *seen = arg;

	if (hit->tid != gettid() || hit->args[1] != PAGE_SIZE)
		return 0;
	assert_true(seen->n < ARRAY_SIZE(seen->hits));
	seen->hits[seen->n++] = *hit;
	return 0;
}

/* A thread that moves to another processor goes on in another ring. */
static int by_time(const void *a, const void *b)
{
	const struct tracepoint_hit *x = a, *y = b;

	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static void check_hits(struct seen *seen, void *const *at)
{
	unsigned int rooms = 0, locks = 0;

	qsort(seen->hits, seen->n, sizeof(*seen->hits), by_time);
	for (unsigned int i = 0; i < seen->n; i++) {
		const struct tracepoint_hit *hit = &seen->hits[i];

		assert_true(!i || hit->time_ns > hit[-1].time_ns);
		assert_true(hit->field);
		if (hit->which == 1)
			assert_ptr_equal((void *)(uintptr_t)hit->field, at[rooms++]);
		else
			locks++;
	}
	assert_int_equal(rooms, N_HITS);
	assert_int_equal(locks, 2 * N_HITS);
}

/* More than one time around the ring. */
static void test_hits(void **state)
{
	static const struct tracepoint_want wants[] = {
		{ "mmap_lock/mmap_lock_acquire_returned", "mm", "write == 1" },
		{ "mmap/vm_unmapped_area", "addr", NULL },
	};
	static struct seen seen;
	void *at[N_HITS];
	unsigned int whole = 0;
	struct tracepoints tp;
	int err = tracepoints_open(&tp, wants, ARRAY_SIZE(wants), 64 * PAGE_SIZE);

	if (err) {
		print_message("no tracepoints here: %s\n", strerror(-err));
		skip();
	}
	for (unsigned int round = 0; round < 40; round++) {
		uint64_t lost;

		seen.n = 0;
		for (unsigned int i = 0; i < N_HITS; i++) {
			at[i] = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				     0);
			assert_ptr_not_equal(at[i], MAP_FAILED);
			assert_int_equal(munmap(at[i], PAGE_SIZE), 0);
		}
		assert_int_equal(tracepoints_read(&tp, take, &seen, &lost), 0);
		/* Others have filled it. */
		if (lost)
			continue;
		whole++;
		check_hits(&seen, at);
	}
	assert_true(whole);
	tracepoints_close(&tp);
}

static int take_any(void *arg, const struct tracepoint_hit *hit)
{
	return 0;
}

/* It is known at once, and not only when there is room again. */
static void test_a_full_ring(void **state)
{
	static const struct tracepoint_want want = {
		"mmap_lock/mmap_lock_acquire_returned", "mm", "write == 1",
	};
	struct tracepoints tp;
	uint64_t lost;
	int err = tracepoints_open(&tp, &want, 1, 4 * PAGE_SIZE);

	if (err) {
		print_message("no tracepoints here: %s\n", strerror(-err));
		skip();
	}
	for (unsigned int i = 0; i < 10000; i++)
		assert_int_equal(munmap((void *)PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(tracepoints_read(&tp, take_any, NULL, &lost), 0);
	assert_true(lost);
	tracepoints_close(&tp);
}

static void test_no_such_tracepoint(void **state)
{
	static const struct tracepoint_want want = { "mmap_lock/no_such_thing", "mm", NULL };
	struct tracepoints tp;

	assert_true(tracepoints_open(&tp, &want, 1, 64 * PAGE_SIZE) < 0);
	tracepoints_close(&tp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_ring),
		cmocka_unit_test(test_hits),
		cmocka_unit_test(test_no_such_tracepoint),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
