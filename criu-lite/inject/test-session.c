// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the parasite: victims in every kind of state are stopped, asked and
 * let go, over and over, and must not notice. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/pad.h"
#include "inject/session.h"
#include "inject/test-freeze.h"
#include "inject/test-victim.h"
#include "inject/tracee.h"
#include "sys/proc.h"
#include "sys/proc_maps.h"
#include "sys/proc_stat.h"
#include "util/macro.h"

/* Nothing of ours is left behind the vdso. */
static void assert_no_pad(pid_t pid)
{
	struct pad_area areas[PAD_STALE_MAX];
	int mem_fd = proc_open(pid, O_RDONLY, "mem");

	assert_true(mem_fd >= 0);
	assert_int_equal(pad_stale(pid, mem_fd, areas), 0);
	close(mem_fd);
}

/* A page of code with zeros behind it, and what dead dumpers may have left there. */
static void test_pad_tells_apart(void **state)
{
	_Alignas(8) uint8_t clean[PAGE_SIZE] = { 1, 2, 3 }, page[PAGE_SIZE] = { 1, 2, 3 };
	size_t place = ALIGN_UP(arch_pad_size(), 64);

	assert_true(pad_tells_apart(page, clean));
	arch_pad_init(page + PAGE_SIZE - place, 1);
	assert_true(pad_tells_apart(page, clean));
	arch_pad_init(page + PAGE_SIZE - 2 * place, 2);
	assert_true(pad_tells_apart(page, clean));
	/* Another kernel's code. */
	page[1] = 9;
	assert_false(pad_tells_apart(page, clean));
	page[1] = 2;
	/* Code where the pad is. */
	clean[PAGE_SIZE - 8] = 1;
	assert_false(pad_tells_apart(page, clean));
	clean[PAGE_SIZE - 8] = 0;
	/* Not a pad. */
	memset(page + PAGE_SIZE - place, 0xcc, 16);
	assert_false(pad_tells_apart(page, clean));
}

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
	assert_no_pad(v.pid);
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

static void test_poll_until_signal(void **state)
{
	check_rounds((victim_work[]){ victim_poll_until_signal }, 1, 0, 300);
}

static void test_flood(void **state)
{
	check_rounds((victim_work[]){ victim_flood }, 1, 0, 300);
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

static void test_rseq(void **state)
{
	int in_sequence = 0;
	struct victim v;

	victim_start(&v, (victim_work[]){ victim_rseq }, 1, 0);
	for (int i = 0; i < 100; i++) {
		uint64_t ip;
		struct frozen f;

		freeze(&v, &f);
		ip = f.threads[0].regs.rip;
		in_sequence += ip == (uintptr_t)victim_rseq_abort;
		assert_false(ip >= (uintptr_t)victim_rseq_start && ip < (uintptr_t)victim_rseq_end);
		thaw(&f);
		usleep(1000);
	}
	assert_true(in_sequence > 10);
	victim_check(&v);
	victim_end(&v);
}

static void test_no_vdso(void **state)
{
	check_rounds((victim_work[]){ victim_registers }, 1, VICTIM_NO_VDSO | VICTIM_STORM, 50);
}

static void test_no_exec_gain(void **state)
{
	check_rounds((victim_work[]){ victim_registers }, 1, VICTIM_MDWE, 20);
}

static void test_network_namespace(void **state)
{
	check_rounds((victim_work[]){ victim_registers }, 1, VICTIM_NEW_NET, 20);
}

static char state_of(pid_t pid)
{
	struct proc_stat stat = {};

	assert_int_equal(proc_stat_read(pid, 0, &stat), 0);
	return stat.state;
}

/* Whoever is let go takes the stop up again as soon as it gets to run. */
static void await_job_stopped(pid_t pid)
{
	for (int i = 0; i < 10000 && state_of(pid) != 'T'; i++)
		usleep(1000);
	assert_int_equal(state_of(pid), 'T');
}

/* A task that job control has stopped stays so, and its parent hears nothing of us. */
static void test_job_stopped(void **state)
{
	siginfo_t info;
	struct victim v;

	victim_start(&v, (victim_work[]){ victim_registers, victim_sleep }, 2, 0);
	kill(v.pid, SIGSTOP);
	assert_int_equal(waitid(P_PID, v.pid, &info, WSTOPPED), 0);
	for (int i = 0; i < 20; i++) {
		round_trip(&v);
		await_job_stopped(v.pid);
	}
	info.si_pid = 0;
	assert_int_equal(waitid(P_PID, v.pid, &info, WSTOPPED | WNOHANG), 0);
	assert_int_equal(info.si_pid, 0);
	kill(v.pid, SIGCONT);
	victim_check(&v);
	victim_end(&v);
}

/* ^Z comes while the parasite serves. */
static void test_stop_meanwhile(void **state)
{
	struct parasite *p;
	struct frozen f;
	struct victim v;

	victim_start(&v, (victim_work[]){ victim_registers, victim_sleep }, 2, 0);
	freeze(&v, &f);
	assert_int_equal(parasite_inject(&f.threads[0], &p), 0);
	kill(v.pid, SIGSTOP);
	ask_everything(&v, &f, p);
	assert_int_equal(parasite_cure(p), 0);
	thaw(&f);
	await_job_stopped(v.pid);
	kill(v.pid, SIGCONT);
	victim_check(&v);
	victim_end(&v);
}

/* The victim is killed at each of three moments: errors, no hang, a corpse for its parent. */
static void test_killed_meanwhile(void **state)
{
	for (int moment = 0; moment < 3; moment++) {
		const struct parasite_misc *misc;
		struct thread_facts facts;
		struct parasite *p = NULL;
		struct frozen f;
		struct victim v;
		int status;

		victim_start(&v, (victim_work[]){ victim_registers, victim_sleep }, 2, 0);
		freeze(&v, &f);
		if (moment > 0)
			assert_int_equal(parasite_inject(&f.threads[0], &p), 0);
		kill(v.pid, SIGKILL);
		if (moment == 0)
			assert_true(parasite_inject(&f.threads[0], &p) < 0);
		if (moment == 1)
			assert_true(parasite_misc(p, &misc) < 0);
		if (moment == 2)
			assert_true(parasite_thread_facts(p, &f.threads[1], &facts) < 0);
		if (moment > 0)
			assert_int_equal(parasite_cure(p), -ESRCH);
		thaw(&f);
		for (int i = 0; i < 2000 && waitpid(v.pid, &status, WNOHANG) == 0; i++)
			usleep(1000);
		assert_true(kill(v.pid, 0) < 0 && errno == ESRCH);
		free(v.state);
	}
}

/*
 * A limit makes the injection fail, with that errno, and the victim is unhurt.
 * @flags: the victim has set it itself.
 */
static void check_limit(int resource, rlim_t value, unsigned int flags, int err)
{
	const struct rlimit limit = { value, value };
	struct parasite *p;
	struct frozen f;
	struct victim v;

	victim_start(&v, (victim_work[]){ victim_registers }, 1, flags);
	freeze(&v, &f);
	if (!flags)
		assert_int_equal(prlimit(v.pid, resource, &limit, NULL), 0);
	assert_int_equal(parasite_inject(&f.threads[0], &p), err);
	thaw(&f);
	assert_no_pad(v.pid);
	victim_check(&v);
	victim_end(&v);
}

static void test_limits(void **state)
{
	check_limit(RLIMIT_AS, PAGE_SIZE, 0, -ENOMEM);
	check_limit(RLIMIT_NPROC, 1, VICTIM_ALONE, -EAGAIN);
	check_limit(RLIMIT_NOFILE, 0, 0, -EPIPE);
}

/* Filters that let a parasite live, and filters that would not. */
static void test_filters(void **state)
{
	const victim_work work[] = { victim_registers, victim_sleep, victim_sigsuspend };
	const unsigned int flags[] = { VICTIM_FILTERED, VICTIM_FILTER_FAILS, VICTIM_NO_RESTART };
	struct victim v;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		victim_start(&v, work, ARRAY_SIZE(work), flags[i]);
		for (int round = 0; round < 20; round++) {
			round_trip(&v);
			victim_check(&v);
		}
		victim_end(&v);
	}
	check_limit(0, 0, VICTIM_FILTER_KILLS, -ENOTSUP);
	check_limit(0, 0, VICTIM_FILTER_LIES, -ENOTSUP);
	/* Any of several is enough. */
	check_limit(0, 0, VICTIM_FILTERED | VICTIM_FILTER_FAILS | VICTIM_FILTER_KILLS, -ENOTSUP);
}

/* More ranges than one request holds, to a file that splice() does not take. */
static void test_many_ranges(void **state)
{
	enum { COUNT = 3000 };
	struct iovec iov[COUNT];
	struct parasite *p;
	struct frozen f;
	struct victim v;
	uint8_t page[PAGE_SIZE];
	int fd = memfd_create("pages", MFD_CLOEXEC);

	fcntl(fd, F_SETFL, O_APPEND);
	victim_start(&v, (victim_work[]){ victim_registers }, 1, 0);
	freeze(&v, &f);
	assert_int_equal(parasite_inject(&f.threads[0], &p), 0);
	for (int i = 0; i < COUNT; i++)
		iov[i] = (struct iovec){
			(void *)(v.shared->page + i % VICTIM_PAGES * PAGE_SIZE), PAGE_SIZE,
		};
	assert_int_equal(parasite_pages(p, iov, COUNT, fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), COUNT * PAGE_SIZE);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(pread(fd, page, PAGE_SIZE, i * PAGE_SIZE), PAGE_SIZE);
		for (size_t b = 0; b < PAGE_SIZE; b++)
			assert_int_equal(page[b], victim_byte(i % VICTIM_PAGES * PAGE_SIZE + b));
	}
	/* A hole in the address space is an error. */
	iov[0].iov_base = (void *)PAGE_SIZE;
	assert_int_equal(parasite_pages(p, iov, 1, fd), -EFAULT);
	assert_int_equal(parasite_cure(p), 0);
	thaw(&f);
	close(fd);
	victim_check(&v);
	victim_end(&v);
}

static const struct proc_vma *find_vdso(const struct proc_maps *maps)
{
	for (size_t i = 0; i < maps->n_vmas; i++)
		if (maps->vmas[i].name && strcmp(maps->vmas[i].name, "[vdso]") == 0)
			return &maps->vmas[i];
	fail_msg("no vdso");
	return NULL;
}

/* The pad lies behind the vdso; who reads the vdso must not see it. */
static void test_vdso_is_clean(void **state)
{
	int fd = memfd_create("vdso", MFD_CLOEXEC);
	uint8_t ours[4 * PAGE_SIZE], theirs[4 * PAGE_SIZE];
	struct proc_maps maps = {};
	const struct proc_vma *vdso;
	struct iovec iov;
	struct parasite *p;
	struct frozen f;
	struct victim v;

	victim_start(&v, (victim_work[]){ victim_registers }, 1, 0);
	freeze(&v, &f);
	assert_int_equal(proc_maps_read(v.pid, &maps), 0);
	vdso = find_vdso(&maps);
	iov = (struct iovec){ (void *)vdso->start, vdso->end - vdso->start };
	assert_true(iov.iov_len <= sizeof(ours));
	/* It was forked from us: our vdso is where its vdso is. */
	memcpy(ours, iov.iov_base, iov.iov_len);
	assert_int_equal(parasite_inject(&f.threads[0], &p), 0);
	assert_int_equal(parasite_pages(p, &iov, 1, fd), 0);
	assert_int_equal(pread(fd, theirs, sizeof(theirs), 0), iov.iov_len);
	assert_memory_equal(ours, theirs, iov.iov_len);
	assert_int_equal(pread(parasite_mem_fd(p), theirs, iov.iov_len, vdso->start), iov.iov_len);
	assert_memory_not_equal(ours, theirs, iov.iov_len);
	parasite_scrub(p, vdso->start, theirs, iov.iov_len);
	assert_memory_equal(ours, theirs, iov.iov_len);
	assert_int_equal(parasite_cure(p), 0);
	thaw(&f);
	proc_maps_fini(&maps);
	close(fd);
	victim_end(&v);
}

static void test_queued_signals(void **state)
{
	const union sigval values[] = { { .sival_int = 17 }, { .sival_int = 18 } };
	siginfo_t *infos;
	struct frozen f;
	struct victim v;
	size_t n;

	/* The other thread of the victim has SIGALRM blocked, as the stopped first one. */
	victim_start(&v, (victim_work[]){ victim_registers }, 1, 0);
	freeze(&v, &f);
	assert_int_equal(tracee_signals(&f.threads[0], true, &infos, &n), 0);
	assert_int_equal(n, 0);
	free(infos);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_int_equal(sigqueue(v.pid, SIGRTMAX, values[i]), 0);
	assert_int_equal(tracee_signals(&f.threads[0], true, &infos, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(infos[0].si_value.sival_int, 17);
	assert_int_equal(infos[1].si_value.sival_int, 18);
	free(infos);
	assert_int_equal(tracee_signals(&f.threads[0], false, &infos, &n), 0);
	assert_int_equal(n, 0);
	free(infos);
	/* They kill it: nothing was lost. */
	thaw(&f);
	waitpid(v.pid, NULL, 0);
	assert_true(kill(v.pid, 0) < 0 && errno == ESRCH);
	free(v.state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pad_tells_apart),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_read_until_signal),
		cmocka_unit_test(test_read_restarted),
		cmocka_unit_test(test_sigsuspend),
		cmocka_unit_test(test_plain_eintr),
		cmocka_unit_test(test_poll_until_signal),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_rseq),
		cmocka_unit_test(test_no_vdso),
		cmocka_unit_test(test_no_exec_gain),
		cmocka_unit_test(test_network_namespace),
		cmocka_unit_test(test_job_stopped),
		cmocka_unit_test(test_stop_meanwhile),
		cmocka_unit_test(test_killed_meanwhile),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_many_ranges),
		cmocka_unit_test(test_vdso_is_clean),
		cmocka_unit_test(test_queued_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
