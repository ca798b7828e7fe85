// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dumper is killed, at any instruction: its victim must not notice.
 *
 * A dumper process seizes, injects, asks and cures in a loop, and gets SIGKILL
 * at a random moment; KILL_ROUNDS in the environment says how often (200).
 * After each round the victim goes on by itself with everything right in it,
 * and maps, descriptors, threads and tracer are as they were. Needs root.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/session.h"
#include "inject/test-freeze.h"
#include "inject/test-victim.h"
#include "util/macro.h"

enum {
	ROUNDS = 200,
	DELAY_MAX_US = 3000,
};

static int rounds_wanted(void)
{
	const char *text = getenv("KILL_ROUNDS");

	return text ? atoi(text) : ROUNDS;
}

/* The dumper: until it is killed, or something fails. */
static void dump_for_ever(const struct victim *v, int ready)
{
	if (inject_settle(v->pid) < 0)
		_exit(1);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		round_trip(v);
}

static void kill_round(const struct victim *v, long delay_ns)
{
	struct timespec delay = { .tv_nsec = delay_ns };
	int ready[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		dump_for_ever(v, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	nanosleep(&delay, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* Had it ended by itself, it would have failed. */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	victim_check(v);
}

static void kill_rounds(const victim_work *work, int n, unsigned int flags)
{
	unsigned int seed = time(NULL) ^ getpid();
	int rounds = rounds_wanted();
	struct victim v;

	print_message("seed %u\n", seed);
	victim_start(&v, work, n, flags);
	for (int i = 0; i < rounds; i++)
		kill_round(&v, (long)(rand_r(&seed) % DELAY_MAX_US) * 1000);
	victim_end(&v);
}

static void test_kill_registers(void **state)
{
	kill_rounds((victim_work[]){ victim_registers }, 1, VICTIM_STORM);
}

static void test_kill_waiting(void **state)
{
	const victim_work work[] = {
		victim_read_until_signal, victim_read_restarted, victim_sigsuspend, victim_sleep,
	};

	kill_rounds(work, ARRAY_SIZE(work), 0);
}

static void test_kill_threads(void **state)
{
	const victim_work work[] = {
		victim_registers, victim_sleep, victim_read_until_signal, victim_read_restarted,
		victim_sigsuspend, victim_sleep,
	};

	kill_rounds(work, ARRAY_SIZE(work), VICTIM_STORM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_registers),
		cmocka_unit_test(test_kill_waiting),
		cmocka_unit_test(test_kill_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
