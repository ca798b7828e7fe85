// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dumper is killed, at any instruction: its victim must not notice.
 *
 * A dumper process seizes, injects, asks and cures, and gets SIGKILL: at a
 * random moment, KILL_ROUNDS in the environment says how often (200); and, by
 * a tracer of its own, once before and once after every system call that it
 * makes, for only these change anything outside of it. After each round the
 * victim goes on by itself with everything right in it, and maps, descriptors,
 * threads and tracer are as they were. Needs root.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
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
		victim_sigsuspend, victim_poll_until_signal, victim_flood,
	};

	kill_rounds(work, ARRAY_SIZE(work), VICTIM_STORM);
}

/*
 * A dumper that is stopped at each of its system calls, on the way in and on
 * the way out, and killed at stop number @nth. False: it came to its end first.
 */
static bool kill_at_call(const struct victim *v, int nth)
{
	int status, stops = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (inject_settle(v->pid) < 0 || ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(1);
		raise(SIGSTOP);
		round_trip(v);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int sig = WSTOPSIG(status);

		if (sig == (SIGTRAP | 0x80) && ++stops == nth) {
			kill(pid, SIGKILL);
			sig = 0;
		}
		ptrace(PTRACE_SYSCALL, pid, 0, sig == (SIGTRAP | 0x80) ? 0 : sig);
	}
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return false;
	}
	assert_int_equal(WTERMSIG(status), SIGKILL);
	return true;
}

/* Returns how often a call was made once more where it should have failed. */
static uint64_t kill_at_each_call(const victim_work *work, int n, unsigned int flags)
{
	struct victim v;
	uint64_t late;
	int nth = 1;

	victim_start(&v, work, n, flags);
	while (kill_at_call(&v, nth)) {
		victim_check(&v);
		nth++;
	}
	late = v.shared->late;
	print_message("killed at %d stops; late: %lu\n", nth - 1, late);
	assert_true(nth > 100);
	victim_end(&v);
	return late;
}

static void test_kill_at_each_call_registers(void **state)
{
	kill_at_each_call((victim_work[]){ victim_registers }, 1, VICTIM_STORM);
}

static void test_kill_at_each_call_sleep(void **state)
{
	kill_at_each_call((victim_work[]){ victim_sleep }, 1, 0);
}

static void test_kill_at_each_call_flood(void **state)
{
	kill_at_each_call((victim_work[]){ victim_flood }, 1, 0);
}

/* One signal of hundreds may come in the very last instructions. */
static void test_kill_at_each_call_poll(void **state)
{
	assert_true(kill_at_each_call((victim_work[]){ victim_poll_until_signal }, 1, 0) <= 1);
}

static void test_kill_at_each_call_waiting(void **state)
{
	const victim_work work[] = {
		victim_read_until_signal, victim_read_restarted, victim_sigsuspend,
	};

	kill_at_each_call(work, ARRAY_SIZE(work), 0);
}

/* The parasite is gone long before the slow thread is back in its frame. */
static void test_kill_at_each_call_slow(void **state)
{
	kill_at_each_call((victim_work[]){ victim_mapper, victim_busy, victim_slow }, 3, 0);
}

/* What runs under a suspended filter is on its way out with the filter in force. */
static void test_kill_at_each_call_filtered(void **state)
{
	kill_at_each_call((victim_work[]){ victim_registers }, 1, VICTIM_FILTER_FAILS);
}

static void test_kill_filtered(void **state)
{
	const victim_work work[] = { victim_registers, victim_sleep, victim_sigsuspend };

	kill_rounds(work, ARRAY_SIZE(work), VICTIM_FILTER_FAILS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_at_each_call_registers),
		cmocka_unit_test(test_kill_at_each_call_sleep),
		cmocka_unit_test(test_kill_at_each_call_flood),
		cmocka_unit_test(test_kill_at_each_call_poll),
		cmocka_unit_test(test_kill_at_each_call_waiting),
		cmocka_unit_test(test_kill_at_each_call_slow),
		cmocka_unit_test(test_kill_at_each_call_filtered),
		cmocka_unit_test(test_kill_registers),
		cmocka_unit_test(test_kill_waiting),
		cmocka_unit_test(test_kill_threads),
		cmocka_unit_test(test_kill_filtered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
