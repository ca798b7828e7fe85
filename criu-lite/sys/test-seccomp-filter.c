// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of seccomp(2): ours against the kernel's. A child installs the
 * program, makes a call, and what becomes of it is the verdict.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/seccomp_filter.h"
#include "util/macro.h"

#define NR offsetof(struct seccomp_data, nr)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RET(action) BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW RET(SECCOMP_RET_ALLOW)
#define DENY RET(SECCOMP_RET_ERRNO | EPERM)
#define KILL RET(SECCOMP_RET_KILL_PROCESS)

enum { RANDOM_MAX = 24, RANDOM_ROUNDS = 1000, NOT_TAKEN = 100 };

/* No core files of those that are killed. */
static long install(const struct sock_filter *insns, size_t n)
{
	struct sock_fprog program = { n, (struct sock_filter *)insns };

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Runs in a child: the verdict on @call, or NOT_TAKEN. Other calls must be allowed. */
static int ask_kernel(const struct sock_filter *insns, size_t n, const struct seccomp_call *call)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const uint64_t *a = call->args;

		if (install(insns, n) < 0)
			_exit(NOT_TAKEN);
		errno = 0;
		if (syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 && errno)
			_exit(SECCOMP_VERDICT_FAILS);
		_exit(SECCOMP_VERDICT_RUNS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : SECCOMP_VERDICT_HARMS;
}

static bool kernel_takes(const struct sock_filter *insns, size_t n)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(install(insns, n) < 0 ? NOT_TAKEN : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !(WIFEXITED(status) && WEXITSTATUS(status) == NOT_TAKEN);
}

static void check_both(const struct sock_filter *insns, size_t n)
{
	bool theirs = kernel_takes(insns, n);
	size_t bad;

	if ((seccomp_program_check(insns, n, &bad) == 0) != theirs)
		fail_msg("code %#x, k %#x: the kernel says %d", insns[0].code, insns[0].k, theirs);
}

static void test_check_codes(void **state)
{
	for (unsigned int code = 0; code < 0x200; code++) {
		struct sock_filter insns[] = { BPF_STMT(code, 0), ALLOW, ALLOW };

		for (unsigned int k = 0; k < 3; k++) {
			/* The kernel knows 16 words of memory, shifts of 31 bits, ... */
			insns[0].k = (unsigned int[]){ 0, 4, 64 }[k];
			check_both(insns, ARRAY_SIZE(insns));
		}
	}
}

static void test_check_programs(void **state)
{
	const struct sock_filter programs[][4] = {
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 2), ALLOW, ALLOW, ALLOW },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 3), ALLOW, ALLOW, ALLOW },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0), ALLOW, ALLOW, ALLOW },
		{ BPF_STMT(BPF_JMP | BPF_JA, 2), ALLOW, ALLOW, ALLOW },
		{ BPF_STMT(BPF_JMP | BPF_JA, 3), ALLOW, ALLOW, ALLOW },
		{ BPF_STMT(BPF_JMP | BPF_JA, -1), ALLOW, ALLOW, ALLOW },
		{ LOAD(60), LOAD(3), ALLOW, ALLOW },
		{ LOAD(0), LOAD(-4096), ALLOW, ALLOW },
		{ ALLOW, ALLOW, ALLOW, LOAD(0) },
		{ BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_MEM, 15), ALLOW, ALLOW },
		{ BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_MEM, 14), ALLOW, ALLOW },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 1),
		  BPF_STMT(BPF_LDX | BPF_MEM, 1), ALLOW },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), BPF_STMT(BPF_STX, 1),
		  BPF_STMT(BPF_LDX | BPF_MEM, 1), ALLOW },
		{ ALLOW, BPF_STMT(BPF_LDX | BPF_MEM, 1), ALLOW, ALLOW },
	};
	struct sock_filter *large = calloc(SECCOMP_PROGRAM_MAX + 1, sizeof(*large));
	size_t bad;

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		check_both(programs[i], ARRAY_SIZE(programs[i]));
	for (size_t i = 0; i <= SECCOMP_PROGRAM_MAX; i++)
		large[i] = (struct sock_filter)ALLOW;
	check_both(large, SECCOMP_PROGRAM_MAX);
	assert_int_equal(seccomp_program_check(large, SECCOMP_PROGRAM_MAX + 1, &bad), -EINVAL);
	assert_int_equal(seccomp_program_check(large, 0, &bad), -EINVAL);
	free(large);
	assert_int_equal(seccomp_program_check(programs[6], 4, &bad), -EINVAL);
	assert_int_equal(bad, 1);
}

static int judge(const struct sock_filter *insns, size_t n, const struct seccomp_call *call)
{
	size_t bad;

	assert_int_equal(seccomp_program_check(insns, n, &bad), 0);
	return seccomp_program_judge(insns, n, call);
}

#define JUDGE(call, ...) judge((struct sock_filter[]){ __VA_ARGS__ },				\
	sizeof((struct sock_filter[]){ __VA_ARGS__ }) / sizeof(struct sock_filter), call)

static void test_actions(void **state)
{
	const struct seccomp_call call = { .nr = SYS_getppid };

	assert_int_equal(JUDGE(&call, ALLOW), SECCOMP_VERDICT_RUNS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_LOG)), SECCOMP_VERDICT_RUNS);
	assert_int_equal(JUDGE(&call, DENY), SECCOMP_VERDICT_FAILS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_TRACE)), SECCOMP_VERDICT_FAILS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_ERRNO)), SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_ERRNO | 512)), SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_TRAP)), SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_USER_NOTIF)), SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, RET(SECCOMP_RET_KILL_THREAD)), SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, KILL), SECCOMP_VERDICT_HARMS);
	/* One that is not defined: the kernel kills. */
	assert_int_equal(JUDGE(&call, RET(0x12345678)), SECCOMP_VERDICT_HARMS);
}

/* An argument that is not known could be any. */
static void test_unknown(void **state)
{
	struct seccomp_call call = { .nr = SYS_prctl, .args = { 7, 8 }, .known = 1 };
	const struct sock_filter second = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 1);

	assert_int_equal(JUDGE(&call, LOAD(ARG(0)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
			       ALLOW, KILL), SECCOMP_VERDICT_RUNS);
	assert_int_equal(JUDGE(&call, LOAD(ARG(1)), second, ALLOW, KILL), SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, LOAD(ARG(1)), second, ALLOW, DENY), SECCOMP_VERDICT_FAILS);
	/* Nothing is left of it behind a mask of zero. */
	assert_int_equal(JUDGE(&call, LOAD(ARG(1)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0),
			       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ALLOW, KILL),
			 SECCOMP_VERDICT_RUNS);
	/* The address of the call is never known, nor what is computed from it. */
	assert_int_equal(JUDGE(&call, LOAD(8), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(NR),
			       BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 1), ALLOW, KILL),
			 SECCOMP_VERDICT_HARMS);
	assert_int_equal(JUDGE(&call, LOAD(8), BPF_STMT(BPF_RET | BPF_A, 0)),
			 SECCOMP_VERDICT_HARMS);
	/* It might be zero. */
	assert_int_equal(JUDGE(&call, LOAD(8), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(NR),
			       BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), ALLOW),
			 SECCOMP_VERDICT_HARMS);
	/* Two ways with two values meet: only what they agree on is known. */
	assert_int_equal(JUDGE(&call, LOAD(ARG(1)), second,
			       BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_STMT(BPF_LDX | BPF_IMM, 6),
			       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), ALLOW, KILL),
			 SECCOMP_VERDICT_HARMS);
	call.known = 3;
	assert_int_equal(JUDGE(&call, LOAD(ARG(1)), second, ALLOW, KILL), SECCOMP_VERDICT_RUNS);
}

static void test_returns(void **state)
{
	const struct sock_filter fixed[] = { LOAD(NR), RET(SECCOMP_RET_USER_NOTIF), ALLOW };
	const struct sock_filter computed[] = { LOAD(NR), BPF_STMT(BPF_RET | BPF_A, 0) };

	assert_true(seccomp_program_returns(fixed, 3, SECCOMP_RET_USER_NOTIF));
	assert_false(seccomp_program_returns(fixed, 3, SECCOMP_RET_TRAP));
	assert_true(seccomp_program_returns(computed, 2, SECCOMP_RET_USER_NOTIF));
}

static unsigned int seed;

static uint32_t one_of(const uint32_t *from, size_t n)
{
	return from[rand_r(&seed) % n];
}

static struct sock_filter random_insn(size_t left)
{
	static const uint32_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM,
		BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_ST, BPF_STX, BPF_LD | BPF_MEM,
		BPF_LDX | BPF_MEM, BPF_LD | BPF_W | BPF_LEN, BPF_ALU | BPF_NEG,
		BPF_ALU | BPF_ADD, BPF_ALU | BPF_SUB, BPF_ALU | BPF_MUL, BPF_ALU | BPF_DIV,
		BPF_ALU | BPF_AND, BPF_ALU | BPF_OR, BPF_ALU | BPF_XOR, BPF_ALU | BPF_LSH,
		BPF_ALU | BPF_RSH, BPF_JMP | BPF_JA,
		BPF_JMP | BPF_JEQ, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE, BPF_JMP | BPF_JSET,
		BPF_RET | BPF_K,
	};
	static const uint32_t values[] = { 0, 1, 2, 3, 4, 31, 0x100, 0xffffffff };
	static const uint32_t offsets[] = { 0, 4, 16, 20, 24, 28, 56 };
	static const uint32_t actions[] = {
		SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_KILL_PROCESS,
	};
	struct sock_filter f = { .code = one_of(codes, ARRAY_SIZE(codes)) };

	f.k = one_of(values, ARRAY_SIZE(values));
	if (f.code == (BPF_LD | BPF_W | BPF_ABS))
		f.k = one_of(offsets, ARRAY_SIZE(offsets));
	else if (f.code == (BPF_RET | BPF_K))
		f.k = one_of(actions, ARRAY_SIZE(actions));
	else if (f.code == (BPF_JMP | BPF_JA))
		f.k = rand_r(&seed) % left;
	else if (BPF_CLASS(f.code) == BPF_JMP || BPF_CLASS(f.code) == BPF_ALU)
		f.code |= f.code == (BPF_ALU | BPF_NEG) || rand_r(&seed) % 2 ? 0 : BPF_X;
	if (BPF_CLASS(f.code) == BPF_JMP) {
		f.jt = rand_r(&seed) % left;
		f.jf = rand_r(&seed) % left;
	}
	return f;
}

/* Only the call under test gets to the random part. */
static size_t random_program(struct sock_filter *insns)
{
	const struct sock_filter head[] = {
		LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0), ALLOW,
	};
	size_t n = ARRAY_SIZE(head) + 1 + rand_r(&seed) % RANDOM_MAX;

	memcpy(insns, head, sizeof(head));
	for (size_t i = ARRAY_SIZE(head); i < n; i++)
		insns[i] = random_insn(n - i);
	insns[n] = (struct sock_filter)DENY;
	return n + 1;
}

/*
 * With all arguments known we say what the kernel says; with fewer known it is
 * as bad or worse.
 */
static void test_random(void **state)
{
	struct sock_filter insns[RANDOM_MAX + 8];
	int taken = 0, found[3] = {};

	seed = time(NULL);
	print_message("seed %u\n", seed);
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		struct seccomp_call call = {
			.nr = SYS_getppid, .known = 0x3f,
			.args = { 1, 0x300000002, rand_r(&seed), 4, 5, 6 },
		};
		size_t n = random_program(insns), bad;
		bool valid = seccomp_program_check(insns, n, &bad) == 0;
		int theirs = ask_kernel(insns, n, &call);

		assert_int_equal(valid, theirs != NOT_TAKEN);
		if (!valid)
			continue;
		taken++;
		found[theirs]++;
		assert_int_equal(seccomp_program_judge(insns, n, &call), theirs);
		call.known = rand_r(&seed) % 0x40;
		assert_true(seccomp_program_judge(insns, n, &call) >= theirs);
	}
	print_message("%d programs: %d ran, %d failed, %d killed\n", taken, found[0], found[1],
		      found[2]);
	assert_true(taken > 20 && found[0] && found[1] && found[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_codes),
		cmocka_unit_test(test_check_programs),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("sys/seccomp_filter", tests, NULL, NULL);
}
