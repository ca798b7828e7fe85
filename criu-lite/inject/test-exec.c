// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that executes a program takes its leader's number, and ends the threads
 * that stand.
 *
 * The victim has a leader that waits for ever, and a thread that executes a program
 * as soon as it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/tracee.h"
#include "sys/proc_stat.h"
#include "sys/proc_tasks.h"
#include "util/cleanup.h"

#define LOOKS 10000			/* of a millisecond */

static struct {
	pid_t leader, thread;
	int go;				/* a byte in this pipe: execute */
} victim;

static void *execute(void *arg)
{
	char byte;

	while (read(*(int *)arg, &byte, 1) < 0 && errno == EINTR)
		;
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(127);
}

static void run_victim(int go)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_create(&thread, NULL, execute, &go);
	for (;;)
		pause();
}

static int begin(void **state)
{
	size_t n = 0;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	victim.go = fds[1];
	victim.leader = fork();
	if (victim.leader == 0)
		run_victim(fds[0]);
	close(fds[0]);
	while (n < 2) {
		_cleanup_free_ pid_t *tids = NULL;

		assert_int_equal(proc_threads_read(victim.leader, &tids, &n), 0);
		victim.thread = tids[n - 1];
		usleep(1000);
	}
	return 0;
}

static int end(void **state)
{
	kill(victim.leader, SIGKILL);
	waitpid(victim.leader, NULL, __WALL);
	close(victim.go);
	return 0;
}

/* Until the program runs, by the leader's number. */
static void let_execute(void)
{
	struct proc_stat stat = {};

	assert_int_equal(write(victim.go, "", 1), 1);
	for (int i = 0; i < LOOKS; i++) {
		if (proc_stat_read(victim.leader, 0, &stat) == 0 && stat.state != 'Z' &&
		    !strcmp(stat.comm, "sleep"))
			return;
		usleep(1000);
	}
	fail_msg("no program is executed");
}

static void seize_and_stop(pid_t tid, struct tracee *t)
{
	assert_int_equal(tracee_seize(victim.leader, tid, t), 0);
	assert_int_equal(tracee_stop(t), 0);
	assert_true(tracee_stands(t));
}

static void test_leader_falls(void **state)
{
	struct tracee leader, again;

	seize_and_stop(victim.leader, &leader);
	let_execute();
	assert_false(tracee_stands(&leader));
	/* Who has the number now was never ours. */
	seize_and_stop(victim.leader, &again);
	assert_int_equal(tracee_detach(&again), 0);
}

static void test_thread_is_known_by_its_new_number(void **state)
{
	struct tracee thread, leader;

	seize_and_stop(victim.thread, &thread);
	assert_int_equal(tracee_run_on(&thread), 0);
	let_execute();
	assert_false(tracee_stands(&thread));
	seize_and_stop(victim.leader, &leader);
	assert_int_equal(tracee_detach(&leader), 0);
}

static void test_both_are_ours(void **state)
{
	struct tracee leader;

	seize_and_stop(victim.leader, &leader);
	test_thread_is_known_by_its_new_number(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_leader_falls, begin, end),
		cmocka_unit_test_setup_teardown(test_thread_is_known_by_its_new_number, begin,
						end),
		cmocka_unit_test_setup_teardown(test_both_are_ours, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
