// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/maps and smaps, on saved and on hostile text, and at 65 000 VMAs. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/proc_maps.h"
#include "util/cleanup.h"
#include "util/macro.h"

static const char smaps_text[] =
	"55a217f8e000-55a217f90000 r--p 00000000 fe:00 247498      /usr/bin/a b\\012c (deleted)\n"
	"Size:                  8 kB\n"
	"Rss:                   4 kB\n"
	"Pss:                   8 kB\n"
	"Swap:                 12 kB\n"
	"SwapPss:               0 kB\n"
	"THPeligible:           0\n"
	"ProtectionKey:         3\n"
	"VmFlags: rd mr mw me \n"
	"55a217f90000-55a217f96000 r-xp 00002000 fe:00 247498      /usr/bin/a b\\012c (deleted)\n"
	"Size:                 24 kB\n"
	"VmFlags: rd ex mr mw me zz z\274 \n"
	"7fc0a0000000-7fd0a0000000 -w-s 1000000000 100:fffff 18446744073709551615 /dev/x\n"
	"VmFlags: wr sh mr mw me ms dc nr gd\n"
	"7fd0a0000000-7fd0a0001000 ---p 00000000 00:00 0 \n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]\n"
	"VmFlags: ex\n";

static void test_smaps(void **state)
{
	struct proc_maps m;
	const struct proc_vma *v;

	assert_int_equal(proc_maps_parse(smaps_text, &m), 0);
	assert_int_equal(m.n_vmas, 5);
	v = &m.vmas[0];
	assert_int_equal(v->start, 0x55a217f8e000);
	assert_int_equal(v->end, 0x55a217f90000);
	assert_int_equal(v->prot, PROT_READ);
	assert_false(v->shared);
	assert_int_equal(v->major, 0xfe);
	assert_int_equal(v->minor, 0);
	assert_int_equal(v->ino, 247498);
	assert_string_equal(v->name, "/usr/bin/a b\\012c (deleted)");
	assert_int_equal(v->rss, 4096);
	assert_int_equal(v->swap, 12288);
	assert_int_equal(v->pkey, 3);
	assert_true(vma_has_flag(v, VMA_FLAG_RD) && vma_has_flag(v, VMA_FLAG_ME));
	assert_false(vma_has_flag(v, VMA_FLAG_EX) || vma_has_flag(v, VMA_FLAG_UNKNOWN));
	v = &m.vmas[1];
	assert_string_equal(v->name, m.vmas[0].name);
	assert_int_equal(v->prot, PROT_READ | PROT_EXEC);
	assert_int_equal(v->pgoff, 0x2000);
	assert_int_equal(v->pkey, 0);
	assert_true(vma_has_flag(v, VMA_FLAG_UNKNOWN));
	v = &m.vmas[2];
	assert_true(v->shared);
	assert_int_equal(v->prot, PROT_WRITE);
	assert_int_equal(v->pgoff, 0x1000000000);
	assert_int_equal(v->major, 0x100);
	assert_int_equal(v->minor, 0xfffff);
	assert_true(v->ino == UINT64_MAX);
	assert_true(vma_has_flag(v, VMA_FLAG_DC) && vma_has_flag(v, VMA_FLAG_GD));
	assert_null(m.vmas[3].name);
	assert_int_equal(m.vmas[3].flags, 0);
	assert_string_equal(m.vmas[4].name, "[vsyscall]");
	assert_int_equal(m.vmas[4].flags, VMA_FLAG_BIT(VMA_FLAG_EX));

	assert_ptr_equal(proc_maps_find(&m, 0x55a217f8e000), &m.vmas[0]);
	assert_ptr_equal(proc_maps_find(&m, 0x55a217f90000), &m.vmas[1]);
	assert_ptr_equal(proc_maps_find(&m, 0x7fd09fffffff), &m.vmas[2]);
	assert_null(proc_maps_find(&m, 0x55a217f96000));
	assert_null(proc_maps_find(&m, 0));
	assert_null(proc_maps_find(&m, UINT64_MAX));
	proc_maps_fini(&m);
}

#define LINE "1000-2000 rw-p 00000000 00:00 0"

/* A task that ran while it was read: the second has grown downwards, into what was read. */
static void test_merged(void **state)
{
	struct proc_maps m;

	assert_int_equal(proc_maps_parse("1000-3000 rw-p 00000000 00:00 0\n"
					 "2000-5000 rw-p 00000000 00:00 0\n", &m), 0);
	assert_int_equal(m.n_vmas, 2);
	assert_int_equal(m.vmas[0].end, 0x3000);
	assert_int_equal(m.vmas[1].start, 0x3000);
	assert_int_equal(m.vmas[1].end, 0x5000);
	proc_maps_fini(&m);
}

static void test_any(void **state)
{
	char *at = mmap(NULL, 6 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t hole = (uintptr_t)at + 2 * PAGE_SIZE;

	assert_true(at != MAP_FAILED);
	assert_int_equal(munmap(at + 2 * PAGE_SIZE, 2 * PAGE_SIZE), 0);
	assert_int_equal(proc_maps_any(getpid(), hole, hole + 2 * PAGE_SIZE), 0);
	assert_int_equal(proc_maps_any(getpid(), hole - PAGE_SIZE, hole + PAGE_SIZE), 1);
	assert_int_equal(proc_maps_any(getpid(), hole + PAGE_SIZE, hole + 3 * PAGE_SIZE), 1);
	/* Above all there is. */
	assert_int_equal(proc_maps_any(getpid(), UINT64_MAX - 2 * PAGE_SIZE, UINT64_MAX), 0);
	assert_int_equal(munmap(at, 6 * PAGE_SIZE), 0);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		LINE, LINE " ", "x\n", "\n", "Size: 8 kB\n", "VmFlags: rd\n" LINE "\n",
		"2000-1000 rw-p 00000000 00:00 0\n", "1000-1000 rw-p 00000000 00:00 0\n",
		"1000-2001 rw-p 00000000 00:00 0\n", "1000-2000 rw-p 00000010 00:00 0\n",
		"1000-2000 rwyp 00000000 00:00 0\n", "1000-2000 rw-q 00000000 00:00 0\n",
		"1000-2000 rw- 00000000 00:00 0\n", "1000-2000 rw-p 00000000 00-00 0\n",
		"1000-2000 rw-p 00000000 00:00\n", "1000-2000 rw-p 00000000 00:00 x\n",
		"1000-2000 rw-p 00000000 00:00 0x\n", "1000-2000 rw-p 00000000 100000000:00 0\n",
		"10000000000000000-20000000000000000 rw-p 00000000 00:00 0\n",
		"1000-2000 rw-p 00000000 00:00 18446744073709551616\n",
		LINE "\n" LINE "\n",			/* overlap */
		"3000-4000 rw-p 00000000 00:00 0\n" LINE "\n",	/* not ascending */
		LINE " /a\nRss: 8\n", LINE " /a\nRss: kB\n",
		LINE " /a\nSwap: 18446744073709551615 kB\n",
		LINE "\nVmFlags: rd w\n", LINE "\nVmFlags: rd wrx\n", LINE "\nProtectionKey: x\n",
	};
	struct proc_maps m;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(proc_maps_parse(bad[i], &m), -EINVAL);
		assert_int_equal(m.n_vmas, 0);
	}
	assert_int_equal(proc_maps_parse("", &m), 0);
	assert_int_equal(m.n_vmas, 0);
	proc_maps_fini(&m);
}

/* Mappings of our own, as this kernel shows them. */
static void test_live(void **state)
{
	char *p = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	const struct proc_vma *v;
	struct proc_maps m;

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p, PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(mprotect(p + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(madvise(p + PAGE_SIZE, PAGE_SIZE, MADV_DONTFORK), 0);
	p[PAGE_SIZE] = 1;
	assert_int_equal(proc_smaps_read(getpid(), &m), 0);
	v = proc_maps_find(&m, (uintptr_t)p + PAGE_SIZE);
	assert_non_null(v);
	assert_int_equal(v->start, (uintptr_t)p + PAGE_SIZE);
	assert_int_equal(v->end, v->start + PAGE_SIZE);
	assert_int_equal(v->prot, PROT_READ | PROT_WRITE);
	assert_int_equal(v->rss, PAGE_SIZE);
	assert_true(vma_has_flag(v, VMA_FLAG_DC) && vma_has_flag(v, VMA_FLAG_RD));
	for (v = m.vmas; v < m.vmas + m.n_vmas; v++)
		assert_false(vma_has_flag(v, VMA_FLAG_UNKNOWN));
	proc_maps_fini(&m);
	munmap(p, 3 * PAGE_SIZE);
	assert_int_equal(proc_maps_read(INT32_MAX, &m), -ESRCH);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* As many VMAs as the default vm.max_map_count allows: every second page. */
static void test_many(void **state)
{
	enum { PAGES = 65000 };
	char *p = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct proc_maps m;
	double start;
	size_t i;

	assert_true(p != MAP_FAILED);
	for (i = 0; i < PAGES; i += 2)
		if (mprotect(p + i * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE) < 0)
			break;
	if (i < PAGES) {
		munmap(p, PAGES * PAGE_SIZE);
		print_message("SKIP: vm.max_map_count allows %zu VMAs only\n", i);
		skip();
	}
	start = seconds();
	assert_int_equal(proc_smaps_read(getpid(), &m), 0);
	print_message("%zu VMAs of smaps in %.3f s\n", m.n_vmas, seconds() - start);
	assert_true(m.n_vmas >= PAGES);
	for (i = 0; i < PAGES; i++) {
		const struct proc_vma *v = proc_maps_find(&m, (uintptr_t)p + i * PAGE_SIZE);

		assert_non_null(v);
		assert_int_equal(v->prot, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE);
	}
	proc_maps_fini(&m);
	munmap(p, PAGES * PAGE_SIZE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_merged),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
