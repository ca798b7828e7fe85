// SPDX-License-Identifier: GPL-2.0-only
/* Parsers of what /proc says of a task, on saved and on hostile text. */
#include <errno.h>
#include <linux/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>

#include "sys/proc.h"
#include "sys/proc_auxv.h"
#include "sys/proc_limits.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "sys/proc_tasks.h"
#include "sys/proc_timers.h"
#include "util/cleanup.h"
#include "util/macro.h"

#define STAT_TAIL " S 1 42 7 34816 42 4194304 99 0 0 0 0 0 0 0 20 -5 3 0 197875 3133440 367 " \
	"18446744073709551615 94755178647552 94755178667433 140723332439280 0 0 0 0 0 0 0 0 0 17 " \
	"0 0 0 0 0 0 94755178683440 94755178685056 94755493003264 140723332446839 " \
	"140723332446877 140723332446878 140723332448235 256\n"

static void test_stat(void **state)
{
	struct proc_stat st;

	assert_int_equal(proc_stat_parse("42 (cat)" STAT_TAIL, &st), 0);
	assert_int_equal(st.pid, 42);
	assert_string_equal(st.comm, "cat");
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.ppid, 1);
	assert_int_equal(st.pgrp, 42);
	assert_int_equal(st.session, 7);
	assert_int_equal(st.tty_nr, 34816);
	assert_int_equal(st.tty_pgrp, 42);
	assert_int_equal(st.flags, 4194304);
	assert_int_equal(st.priority, 20);
	assert_int_equal(st.nice, -5);
	assert_int_equal(st.num_threads, 3);
	assert_int_equal(st.start_time, 197875);
	assert_int_equal(st.start_code, 94755178647552);
	assert_int_equal(st.end_code, 94755178667433);
	assert_int_equal(st.start_stack, 140723332439280);
	assert_int_equal(st.start_data, 94755178683440);
	assert_int_equal(st.end_data, 94755178685056);
	assert_int_equal(st.start_brk, 94755493003264);
	assert_int_equal(st.arg_start, 140723332446839);
	assert_int_equal(st.arg_end, 140723332446877);
	assert_int_equal(st.env_start, 140723332446878);
	assert_int_equal(st.env_end, 140723332448235);
	assert_int_equal(st.exit_code, 256);
	assert_int_equal(st.exit_signal, 17);
}

static void test_stat_comm(void **state)
{
	static const char *const comms[] = {
		"a) R 1 (b", ")", "(", "", " ", "a\nb", "))) Z 1", "\x01\xff) S",
		"kworker/u256:100-events_unbound_long_name",
	};
	struct proc_stat st;
	char text[1024];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(comms); i++) {
		snprintf(text, sizeof(text), "42 (%s)" STAT_TAIL, comms[i]);
		assert_int_equal(proc_stat_parse(text, &st), 0);
		assert_string_equal(st.comm, comms[i]);
		assert_int_equal(st.ppid, 1);
	}
}

static void test_stat_malformed(void **state)
{
	static const char *const bad[] = {
		"", "42", "42 (cat", "42 cat S 1", ") 42 (", "42 (cat)", "42 (cat) ", "(cat) S 1",
		"42 (cat) S 1 2 3\n", "x (cat)" STAT_TAIL, "99999999999 (cat)" STAT_TAIL,
		"42 (0123456789012345678901234567890123456789012345678901234567890123)" STAT_TAIL,
	};
	const char good[] = "42 (cat)" STAT_TAIL;
	struct proc_stat st;
	char text[sizeof(good)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(proc_stat_parse(bad[i], &st), -EINVAL);
	/* Cut anywhere before the last field. */
	for (i = 0; i < sizeof(good) - 6; i++) {
		memcpy(text, good, i);
		text[i] = '\0';
		assert_int_equal(proc_stat_parse(text, &st), -EINVAL);
	}
}

static const char status_text[] =
	"Name:\tevil\\nUid:\n"
	"Umask:\t0022\n"
	"State:\tT (stopped)\n"
	"Tgid:\t6656\n"
	"Ngid:\t0\n"
	"Pid:\t6657\n"
	"PPid:\t6642\n"
	"TracerPid:\t12\n"
	"Uid:\t1\t2\t3\t4294967295\n"
	"Gid:\t5\t6\t7\t8\n"
	"FDSize:\t256\n"
	"Groups:\t0 10 4294967294 \n"
	"NStgid:\t6656\t3\n"
	"NSpid:\t6657\t4\n"
	"NSpgid:\t6642\t0\n"
	"NSsid:\t3450\t0\n"
	"VmPeak:\t    3060 kB\n"
	"VmLck:\t      12 kB\n"
	"THP_enabled:\t1\n"
	"untag_mask:\t0x7fffffffffffffff\n"
	"Threads:\t2\n"
	"SigQ:\t1/96365\n"
	"SigPnd:\t0000000000000200\n"
	"ShdPnd:\t8000000000000000\n"
	"SigBlk:\t0000000000010000\n"
	"SigIgn:\t0000000000000006\n"
	"SigCgt:\t00000001800004ec\n"
	"CapInh:\t0000000000000001\n"
	"CapPrm:\t000001fffeffffff\n"
	"CapEff:\t000001fffeffffff\n"
	"CapBnd:\t000001ffffffffff\n"
	"CapAmb:\t0000000000000000\n"
	"NoNewPrivs:\t1\n"
	"Seccomp:\t2\n"
	"Seccomp_filters:\t3\n"
	"Speculation_Store_Bypass:\tthread force mitigated\n"
	"SpeculationIndirectBranch:\talways enabled\n"
	"Some_new_line:\twhatever\n";

static void test_status(void **state)
{
	struct proc_status st;

	assert_int_equal(proc_status_parse(status_text, &st), 0);
	assert_int_equal(st.umask, 022);
	assert_int_equal(st.state, 'T');
	assert_int_equal(st.tgid, 6656);
	assert_int_equal(st.pid, 6657);
	assert_int_equal(st.ppid, 6642);
	assert_int_equal(st.tracer_pid, 12);
	assert_int_equal(st.uid[0], 1);
	assert_int_equal(st.uid[3], UINT32_MAX);
	assert_int_equal(st.gid[0], 5);
	assert_int_equal(st.gid[3], 8);
	assert_int_equal(st.n_groups, 3);
	assert_int_equal(st.groups[2], 4294967294U);
	assert_int_equal(st.nstgid.n, 2);
	assert_int_equal(st.nspid.id[1], 4);
	assert_int_equal(st.nspgid.id[1], 0);
	assert_int_equal(st.nssid.id[0], 3450);
	assert_int_equal(st.vm_locked, 12 * 1024);
	assert_true(st.thp_enabled && st.has_thp_enabled);
	assert_true(st.has_untag_mask && st.untag_mask == INT64_MAX);
	assert_int_equal(st.store_bypass, PR_SPEC_PRCTL | PR_SPEC_FORCE_DISABLE);
	assert_int_equal(st.indirect_branch, 0);
	assert_int_equal(st.threads, 2);
	assert_int_equal(st.sig_queued, 1);
	assert_int_equal(st.sig_limit, 96365);
	assert_int_equal(st.sig_pending, 1ULL << (SIGUSR1 - 1));
	assert_int_equal(st.shared_pending, 1ULL << 63);
	assert_int_equal(st.sig_blocked, 0x10000);
	assert_int_equal(st.sig_ignored, 6);
	assert_int_equal(st.sig_caught, 0x1800004ec);
	assert_int_equal(st.cap_inh, 1);
	assert_int_equal(st.cap_prm, 0x1fffeffffff);
	assert_int_equal(st.cap_bnd, 0x1ffffffffff);
	assert_true(st.no_new_privs);
	assert_int_equal(st.seccomp, 2);
	assert_int_equal(st.seccomp_filters, 3);
	proc_status_fini(&st);
}

/* The saved text with one piece replaced; @to NULL: cut off there. */
static int parse_changed_status(const char *from, const char *to)
{
	char text[2 * sizeof(status_text)];
	const char *at = strstr(status_text, from);
	struct proc_status st;
	int r;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - status_text), status_text,
		 to ? to : "", to ? at + strlen(from) : "");
	r = proc_status_parse(text, &st);
	if (r == 0)
		proc_status_fini(&st);
	return r;
}

static void test_status_malformed(void **state)
{
	struct proc_status st;

	assert_int_equal(proc_status_parse("", &st), -EINVAL);
	/* What a zombie or an older kernel lacks. */
	assert_int_equal(parse_changed_status("Umask:\t0022\n", ""), 0);
	assert_int_equal(parse_changed_status("VmLck:\t      12 kB\n", ""), 0);
	assert_int_equal(parse_changed_status("Seccomp_filters:\t3\n", ""), 0);
	assert_int_equal(parse_changed_status("Groups:\t0 10 4294967294 \n", "Groups:\t \n"), 0);
	/* What nobody lacks. */
	assert_int_equal(parse_changed_status("Uid:\t1\t2\t3\t4294967295\n", ""), -EINVAL);
	assert_int_equal(parse_changed_status("CapEff", "CapXff"), -EINVAL);
	assert_int_equal(parse_changed_status("SigCgt:", NULL), -EINVAL);
	/* Twice, too few, too many, too large, no number, other units. */
	assert_int_equal(parse_changed_status("Ngid:\t0", "Tgid:\t6656"), -EINVAL);
	assert_int_equal(parse_changed_status("\t5\t6\t7\t8", "\t5\t6\t7"), -EINVAL);
	assert_int_equal(parse_changed_status("\t5\t6\t7\t8", "\t5\t6\t7\t8\t9"), -EINVAL);
	assert_int_equal(parse_changed_status("4294967295", "4294967296"), -EINVAL);
	assert_int_equal(parse_changed_status("0 10 4294967294", "0 10 -1"), -EINVAL);
	assert_int_equal(parse_changed_status("12 kB", "12 MB"), -EINVAL);
	assert_int_equal(parse_changed_status("12 kB", "18446744073709551615 kB"), -EINVAL);
	assert_int_equal(parse_changed_status("0000000000000006", "10000000000000006"), -EINVAL);
	assert_int_equal(parse_changed_status("NoNewPrivs:\t1", "NoNewPrivs:\t2"), -EINVAL);
	assert_int_equal(parse_changed_status("1/96365", "1"), -EINVAL);
	assert_int_equal(parse_changed_status("State:\tT (stopped)", "State:\t"), -EINVAL);
}

static void test_status_nspid_depth(void **state)
{
	char ids[PROC_NSPID_MAX * 2 + 16] = "6657", *p = ids + 4;
	int i;

	/* 33 levels are the most there can be. */
	for (i = 1; i < PROC_NSPID_MAX; i++)
		p = stpcpy(p, "\t1");
	assert_int_equal(parse_changed_status("6657\t4", ids), 0);
	strcpy(p, "\t1");
	assert_int_equal(parse_changed_status("6657\t4", ids), -EINVAL);
}

#define LIMITS_HEAD \
	"Limit                     Soft Limit           Hard Limit           Units     \n"
#define LIMITS_BODY \
	"Max cpu time              1                    unlimited            seconds   \n" \
	"Max file size             unlimited            unlimited            bytes     \n" \
	"Max data size             unlimited            unlimited            bytes     \n" \
	"Max stack size            8388608              unlimited            bytes     \n" \
	"Max core file size        0                    unlimited            bytes     \n" \
	"Max resident set          unlimited            unlimited            bytes     \n" \
	"Max processes             96365                96365                processes \n" \
	"Max open files            1024                 20000                files     \n" \
	"Max locked memory         8388608              8388608              bytes     \n" \
	"Max address space         unlimited            unlimited            bytes     \n" \
	"Max file locks            unlimited            unlimited            locks     \n" \
	"Max pending signals       96365                96365                signals   \n" \
	"Max msgqueue size         819200               819200               bytes     \n" \
	"Max nice priority         0                    7                    \n" \
	"Max realtime priority     0                    0                    \n"
#define LIMITS_LAST \
	"Max realtime timeout      unlimited            18446744073709551614 us        \n"

static void test_limits(void **state)
{
	struct proc_limits l;

	assert_int_equal(proc_limits_parse(LIMITS_HEAD LIMITS_BODY LIMITS_LAST, &l), 0);
	assert_int_equal(l.limit[RLIMIT_CPU].cur, 1);
	assert_true(l.limit[RLIMIT_CPU].max == RLIM_INFINITY);
	assert_int_equal(l.limit[RLIMIT_STACK].cur, 8388608);
	assert_int_equal(l.limit[RLIMIT_NOFILE].cur, 1024);
	assert_int_equal(l.limit[RLIMIT_NOFILE].max, 20000);
	assert_int_equal(l.limit[RLIMIT_MSGQUEUE].max, 819200);
	assert_int_equal(l.limit[RLIMIT_NICE].max, 7);
	assert_true(l.limit[RLIMIT_RTTIME].max == 18446744073709551614ULL);
}

static void test_limits_malformed(void **state)
{
	static const char *const bad[] = {
		"", "Limit", LIMITS_HEAD, LIMITS_HEAD LIMITS_BODY, LIMITS_BODY LIMITS_LAST,
		LIMITS_HEAD LIMITS_BODY LIMITS_LAST LIMITS_LAST,
		LIMITS_HEAD LIMITS_BODY LIMITS_LAST "Max of something new  1  2  x\n",
		LIMITS_HEAD LIMITS_BODY "Max realtime timeout      unlimited\n",
		LIMITS_HEAD LIMITS_BODY "Max realtime timeout      -1     2      us\n",
		LIMITS_HEAD LIMITS_BODY "Max realtime timeout      1 18446744073709551616 us\n",
		LIMITS_HEAD LIMITS_BODY "Max realtime timeout      1 2 us more\n",
	};
	struct proc_limits l;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(proc_limits_parse(bad[i], &l), -EINVAL);
}

#define TIMER_2 "ID: 2\nsignal: 34/00007fff86e452a8\nnotify: thread/tid.2634\nClockID: -6\n"
#define TIMER_0 "ID: 0\nsignal: 14/0000000000000000\nnotify: signal/pid.2633\nClockID: 1\n"
#define TIMER_1 "ID: 1\nsignal: 0/ffffffffffffffff\nnotify: none/pid.2633\nClockID: 0\n"

static void test_timers(void **state)
{
	_cleanup_free_ struct proc_timer *t = NULL;
	size_t n;

	assert_int_equal(proc_timers_parse(TIMER_2 TIMER_0 TIMER_1, &t, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(t[0].id, 0);
	assert_int_equal(t[0].signo, 14);
	assert_int_equal(t[0].notify, SIGEV_SIGNAL);
	assert_int_equal(t[0].target, 2633);
	assert_int_equal(t[0].clock, CLOCK_MONOTONIC);
	assert_int_equal(t[1].notify, SIGEV_NONE);
	assert_true(t[1].value == UINT64_MAX);
	assert_int_equal(t[2].id, 2);
	assert_int_equal(t[2].notify, SIGEV_THREAD | SIGEV_THREAD_ID);
	assert_int_equal(t[2].value, 0x7fff86e452a8);
	assert_int_equal(t[2].target, 2634);
	assert_int_equal(t[2].clock, -6);
}

static void test_timers_malformed(void **state)
{
	static const char *const bad[] = {
		"ID: 1\n", TIMER_1 TIMER_1, TIMER_1 "x", "ID: x\n",
		"ID: -1\nsignal: 0/0\nnotify: none/pid.1\nClockID: 0\n",
		"ID: 1\nsignal: 65/0\nnotify: none/pid.1\nClockID: 0\n",
		"ID: 1\nsignal: 1/10000000000000000\nnotify: none/pid.1\nClockID: 0\n",
		"ID: 1\nsignal: 1/0\nnotify: smoke/pid.1\nClockID: 0\n",
		"ID: 1\nsignal: 1/0\nnotify: none/sid.1\nClockID: 0\n",
		"ID: 1\nsignal: 1/0\nnotify: none/pid.\nClockID: 0\n",
		"ID: 1\nsignal: 1/0\nnotify: none/pid.1\nClockID: \n",
	};
	struct proc_timer *t;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(proc_timers_parse(bad[i], &t, &n), -EINVAL);
	assert_int_equal(proc_timers_parse("", &t, &n), 0);
	assert_int_equal(n, 0);
	free(t);
}

static void test_children(void **state)
{
	static const char *const bad[] = { "1,2 ", "x", "-1 ", "0 ", "1 2\n", "4294967297 " };
	_cleanup_free_ pid_t *pids = NULL;
	size_t i, n = 0, cap = 0;

	assert_int_equal(proc_children_parse("", &pids, &n, &cap), 0);
	assert_int_equal(n, 0);
	assert_int_equal(proc_children_parse("12 7 ", &pids, &n, &cap), 0);
	assert_int_equal(proc_children_parse("3", &pids, &n, &cap), 0);
	assert_int_equal(n, 3);
	assert_int_equal(pids[0], 12);
	assert_int_equal(pids[2], 3);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(proc_children_parse(bad[i], &pids, &n, &cap), -EINVAL);
}

static void test_auxv(void **state)
{
	static const uint64_t words[] = { AT_PAGESZ, 4096, AT_ENTRY, 77, AT_NULL, 0, AT_UID, 9 };
	uint64_t value, many[PROC_AUXV_MAX + 2] = {};
	struct proc_auxv auxv;

	assert_int_equal(proc_auxv_parse(words, sizeof(words), &auxv), 0);
	assert_int_equal(auxv.n_words, 8);
	assert_true(proc_auxv_find(&auxv, AT_ENTRY, &value));
	assert_int_equal(value, 77);
	assert_false(proc_auxv_find(&auxv, AT_UID, &value));
	assert_int_equal(proc_auxv_parse(words, 0, &auxv), 0);
	assert_int_equal(proc_auxv_parse(words, 24, &auxv), -EINVAL);
	assert_int_equal(proc_auxv_parse(many, sizeof(many), &auxv), -EINVAL);
}

/* The live files of a child and of its zombie, as this kernel writes them. */
static void test_live(void **state)
{
	_cleanup_free_ pid_t *tids = NULL, *kids = NULL;
	_cleanup_free_ int *fds = NULL;
	_cleanup_free_ char *exe = NULL;
	_cleanup_free_ struct proc_timer *timers = NULL;
	size_t n_tids, n_kids, n_fds, n_timers;
	struct proc_status status;
	struct proc_limits limits;
	struct proc_stat stat;
	struct proc_auxv auxv;
	uint64_t value;
	siginfo_t info;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_int_equal(proc_stat_read(pid, 0, &stat), 0);
	assert_int_equal(stat.pid, pid);
	assert_int_equal(stat.ppid, getpid());
	assert_int_equal(proc_stat_read(pid, pid, &stat), 0);
	assert_true(stat.start_code > 1 && stat.start_code < stat.end_code);
	assert_int_equal(proc_status_read(pid, 0, &status), 0);
	assert_int_equal(status.pid, pid);
	assert_int_equal(status.uid[1], geteuid());
	proc_status_fini(&status);
	assert_int_equal(proc_limits_read(pid, &limits), 0);
	assert_int_equal(proc_timers_read(pid, &timers, &n_timers), 0);
	assert_int_equal(n_timers, 0);
	assert_int_equal(proc_threads_read(pid, &tids, &n_tids), 0);
	assert_int_equal(n_tids, 1);
	assert_int_equal(tids[0], pid);
	assert_int_equal(proc_fds_read(pid, &fds, &n_fds), 0);
	assert_true(n_fds > 0);
	assert_int_equal(proc_auxv_read(pid, &auxv), 0);
	assert_true(proc_auxv_find(&auxv, AT_PAGESZ, &value));
	assert_int_equal(value, 4096);
	assert_int_equal(proc_readlink(pid, &exe, "exe"), 0);
	assert_non_null(strstr(exe, "test-proc-task"));
	assert_int_equal(proc_children_read(getpid(), &kids, &n_kids), 0);
	assert_int_equal(n_kids, 1);
	assert_int_equal(kids[0], pid);
	assert_int_equal(proc_open(pid, 0, "fd/%d", 65000), -ENOENT);

	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_stat_read(pid, 0, &stat), 0);
	assert_int_equal(stat.state, 'Z');
	assert_int_equal(stat.exit_code, SIGKILL);
	assert_int_equal(proc_status_read(pid, 0, &status), 0);
	assert_int_equal(status.state, 'Z');
	proc_status_fini(&status);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_stat_read(pid, 0, &stat), -ESRCH);
	assert_int_equal(proc_open(pid, 0, "maps"), -ESRCH);
	assert_int_equal(proc_threads_read(pid, &tids, &n_tids), -ESRCH);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_stat_comm),
		cmocka_unit_test(test_stat_malformed),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_malformed),
		cmocka_unit_test(test_status_nspid_depth),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limits_malformed),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timers_malformed),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_auxv),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
