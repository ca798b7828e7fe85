// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each answer of the kernel to a fill means, case by case: a script of
 * answers stands in for the kernel.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lazy-pages/fill.h"
#include "sys/proc_maps.h"
#include "sys/uffd.h"
#include "util/macro.h"

#define HUGE_PAGE (2UL << 20)
#define DST (4 * HUGE_PAGE)

/* One call: what is expected of it, and the answer. Lengths in pages of page_size. */
struct step {
	uint64_t len;
	int err;
	uint64_t done;
};

static const struct step *script;
static size_t n_steps, at_step;
static uint64_t page_size;

static int answer(uint64_t dst, uint64_t len, uint64_t *done)
{
	const struct step *s = &script[at_step++];

	assert_true(at_step <= n_steps);
	assert_int_equal(dst, DST);
	assert_int_equal(len, s->len * page_size);
	*done = s->done * page_size;
	return s->err;
}

static int fake_copy(int uffd, uint64_t dst, const void *src, uint64_t len, uint64_t mode,
		     uint64_t *done)
{
	assert_non_null(src);
	return answer(dst, len, done);
}

static int fake_zeropage(int uffd, uint64_t dst, uint64_t len, uint64_t mode, uint64_t *done)
{
	return answer(dst, len, done);
}

static int fake_wake(int uffd, uint64_t start, uint64_t len)
{
	return -EINVAL;
}

static const struct fill_ops fake_ops = { fake_copy, fake_zeropage, fake_wake };

struct fill_case {
	const char *name;
	uint64_t len;			/* pages asked for */
	struct step steps[8];
	int err;
	enum fill_outcome outcome;
	uint64_t done;			/* pages */
};

static const struct fill_case case_table[] = {
	{ "all at once", 4, { { 4, 0, 4 } }, 0, FILL_FILLED, 4 },
	{ "short copy counts", 4, { { 4, -EAGAIN, 3 } }, 0, FILL_FILLED, 3 },
	{ "an event is outstanding", 4, { { 4, -EAGAIN, 0 } }, 0, FILL_AGAIN, 0 },
	{ "a page that is there", 4, { { 4, -EEXIST, 0 } }, 0, FILL_PRESENT, 1 },
	{ "interrupted", 4, { { 4, -EINTR, 0 }, { 4, 0, 4 } }, 0, FILL_FILLED, 4 },
	{ "over the border of a mapping", 4, { { 4, -ENOENT, 0 }, { 2, 0, 2 } },
	  0, FILL_FILLED, 2 },
	{ "an odd length is halved to pages", 5,
	  { { 5, -ENOENT, 0 }, { 2, -ENOENT, 0 }, { 1, 0, 1 } }, 0, FILL_FILLED, 1 },
	{ "no memory there, asked twice", 1, { { 1, -ENOENT, 0 }, { 1, -ENOENT, 0 } },
	  0, FILL_ABSENT, 1 },
	{ "no memory there, and more asked for", 2,
	  { { 2, -ENOENT, 0 }, { 1, -ENOENT, 0 }, { 1, -ENOENT, 0 } }, 0, FILL_ABSENT, 1 },
	{ "gone because of an event", 1, { { 1, -ENOENT, 0 }, { 1, -EAGAIN, 0 } },
	  0, FILL_AGAIN, 0 },
	{ "came back between the two", 1, { { 1, -ENOENT, 0 }, { 1, -EEXIST, 0 } },
	  0, FILL_PRESENT, 1 },
	{ "the task is no more", 4, { { 4, -ESRCH, 0 } }, 0, FILL_GONE, 0 },
	{ "no memory to be had", 4, { { 4, -ENOMEM, 0 } }, 0, FILL_NO_MEMORY, 0 },
	{ "no room for shared memory", 4, { { 4, -ENOSPC, 0 } }, 0, FILL_NO_MEMORY, 0 },
	{ "the source cannot be read", 4, { { 4, -EFAULT, 0 } }, -EFAULT, 0, 0 },
	{ "larger pages", 4, { { 4, -EINVAL, 0 } }, 0, FILL_LARGER, 0 },
	{ "what nobody expects", 4, { { 4, -EBADF, 0 } }, -EBADF, 0, 0 },
	{ "some came before the error", 4, { { 4, -EFAULT, 2 } }, 0, FILL_FILLED, 2 },
};

static void run_case(const struct fill_case *c, const void *src, uint64_t page)
{
	enum fill_outcome outcome;
	uint64_t done;
	int err;

	script = c->steps;
	page_size = page;
	at_step = 0;
	for (n_steps = 0; n_steps < ARRAY_SIZE(c->steps) && c->steps[n_steps].len;)
		n_steps++;
	err = fill_range(&fake_ops, 5, DST, src, c->len * page, page, &outcome, &done);
	if (err != c->err || at_step != n_steps)
		print_message("case: %s\n", c->name);
	assert_int_equal(err, c->err);
	assert_int_equal(at_step, n_steps);
	if (err)
		return;
	if (outcome != c->outcome || done != c->done * page)
		print_message("case: %s: %s\n", c->name, fill_outcome_str(outcome));
	assert_int_equal(outcome, c->outcome);
	assert_int_equal(done, c->done * page);
}

static void test_copy(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(case_table); i++)
		run_case(&case_table[i], case_table, PAGE_SIZE);
}

static void test_zeropage(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(case_table); i++)
		run_case(&case_table[i], NULL, PAGE_SIZE);
}

/* The same answers are about pages of another size. */
static void test_copy_huge(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(case_table); i++)
		run_case(&case_table[i], case_table, HUGE_PAGE);
}

static void test_wake(void **state)
{
	assert_int_equal(fill_wake(&fake_ops, 5, DST, PAGE_SIZE), -EINVAL);
}

/* Whether the mapping at @at is tracked. */
static bool is_tracked(const void *at)
{
	struct proc_maps maps;
	const struct proc_vma *vma;
	bool tracked;

	assert_int_equal(proc_smaps_read(getpid(), &maps), 0);
	vma = proc_maps_find(&maps, (uintptr_t)at);
	assert_non_null(vma);
	tracked = vma_has_flag(vma, VMA_FLAG_UM);
	proc_maps_fini(&maps);
	return tracked;
}

/* Anywhere: what is tracked stays so, and nothing else is. */
static void test_take_lock(void **state)
{
	static const uint64_t places[] = { 1UL << 20, 1UL << 40, 0x7ffffffff000ULL - PAGE_SIZE };
	char *shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			    0);
	int uffd = uffd_open(0, NULL);

	if (uffd < 0) {
		print_message("no userfaultfd here: %s\n", strerror(-uffd));
		skip();
	}
	assert_ptr_not_equal(shared, MAP_FAILED);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		void *at = (void *)(uintptr_t)places[i];

		assert_ptr_equal(mmap(at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
				      MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), at);
		assert_int_equal(uffd_register(uffd, places[i], PAGE_SIZE,
					       UFFDIO_REGISTER_MODE_MISSING, NULL), 0);
	}
	fill_take_lock(uffd);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		assert_true(is_tracked((void *)(uintptr_t)places[i]));
		munmap((void *)(uintptr_t)places[i], PAGE_SIZE);
	}
	assert_false(is_tracked(shared));
	munmap(shared, PAGE_SIZE);
	close(uffd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_copy_huge),
		cmocka_unit_test(test_take_lock),
		cmocka_unit_test(test_zeropage),
		cmocka_unit_test(test_wake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
