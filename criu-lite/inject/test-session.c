// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the parasite: victims in every kind of state are stopped, asked and
 * let go, over and over, and must not notice. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/test-freeze.h"
#include "inject/test-victim.h"
#include "util/macro.h"

static void check_rounds(const victim_work *work, int n, unsigned int flags, int rounds)
{
	struct victim v;

	victim_start(&v, work, n, flags);
	for (int i = 0; i < rounds; i++) {
		round_trip(&v);
		if (i % 10 == 0)
			victim_check(&v);
		usleep(i % 7 * 300);
	}
	victim_check(&v);
	victim_end(&v);
}

static void test_registers(void **state)
{
	check_rounds((victim_work[]){ victim_registers }, 1, 0, 300);
}

static void test_sleep(void **state)
{
	check_rounds((victim_work[]){ victim_sleep }, 1, 0, 300);
}

static void test_read_until_signal(void **state)
{
	check_rounds((victim_work[]){ victim_read_until_signal }, 1, 0, 300);
}

static void test_read_restarted(void **state)
{
	check_rounds((victim_work[]){ victim_read_restarted }, 1, 0, 300);
}

static void test_sigsuspend(void **state)
{
	check_rounds((victim_work[]){ victim_sigsuspend }, 1, 0, 300);
}

static void test_plain_eintr(void **state)
{
	check_rounds((victim_work[]){ victim_plain_eintr }, 1, 0, 300);
}

static void test_storm(void **state)
{
	check_rounds((victim_work[]){ victim_registers }, 1, VICTIM_STORM, 300);
}

static void test_threads(void **state)
{
	const victim_work work[] = {
		victim_registers, victim_sleep, victim_read_until_signal, victim_read_restarted,
		victim_sigsuspend, victim_registers, victim_sleep, victim_plain_eintr,
	};

	check_rounds(work, ARRAY_SIZE(work), VICTIM_STORM, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_read_until_signal),
		cmocka_unit_test(test_read_restarted),
		cmocka_unit_test(test_sigsuspend),
		cmocka_unit_test(test_plain_eintr),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
