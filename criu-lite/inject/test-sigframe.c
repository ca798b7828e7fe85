// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signal frames: what comes out of rt_sigreturn is what went into the image,
 * and what ptrace showed of one thread can be loaded into another.
 *
 * A child leaves through a frame whose instruction pointer is landing(), which
 * saves every register before any C code runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inject/arch/x86_64/sigframe.h"
#include "inject/arch/x86_64/xstate.h"
#include "inject/tracee.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#define LEGACY_AND_AVX 7
#define FLAGS_CHECKED 0xcd5		/* CF PF AF ZF SF DF OF */
#define FLAGS_WANTED 0x0895		/* CF PF AF SF OF */

/* What landing() finds, in its order of saving. */
struct landed {
	uint64_t ax, bx, cx, dx, si, di, bp, sp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t flags;
	uint64_t pad[15];
	uint8_t xsave[XSTATE_ROOM];
};

__attribute__((aligned(64))) static struct landed landed;
__attribute__((aligned(16), used)) static char landing_stack[65536];

__attribute__((noreturn, used)) static void landing_main(void);
void landing(void);

__asm__(".text\n"
	".globl landing\n"
	"landing:\n\t"
	"movq %rax, landed+0(%rip)\n\t"
	"movq %rbx, landed+8(%rip)\n\t"
	"movq %rcx, landed+16(%rip)\n\t"
	"movq %rdx, landed+24(%rip)\n\t"
	"movq %rsi, landed+32(%rip)\n\t"
	"movq %rdi, landed+40(%rip)\n\t"
	"movq %rbp, landed+48(%rip)\n\t"
	"movq %rsp, landed+56(%rip)\n\t"
	"movq %r8, landed+64(%rip)\n\t"
	"movq %r9, landed+72(%rip)\n\t"
	"movq %r10, landed+80(%rip)\n\t"
	"movq %r11, landed+88(%rip)\n\t"
	"movq %r12, landed+96(%rip)\n\t"
	"movq %r13, landed+104(%rip)\n\t"
	"movq %r14, landed+112(%rip)\n\t"
	"movq %r15, landed+120(%rip)\n\t"
	"leaq landing_stack+65536(%rip), %rsp\n\t"
	"pushfq\n\t"
	"popq landed+128(%rip)\n\t"
	"cld\n\t"
	"movl $0xffffffff, %eax\n\t"
	"movl $0xffffffff, %edx\n\t"
	"xsave landed+256(%rip)\n\t"
	"call landing_main\n\t"
	"ud2\n");

_Static_assert(offsetof(struct landed, flags) == 128, "as landing() has it");
_Static_assert(offsetof(struct landed, xsave) == 256, "as landing() has it");

/* Set by whoever goes to land; runs there. */
static bool (*landing_check)(void);

static void landing_main(void)
{
	_exit(landing_check() ? 0 : 1);
}

__attribute__((noreturn))
static void leave(uint64_t rsp)
{
	__asm__ volatile("movq %0, %%rsp\n\tsyscall\n\tud2" : : "r"(rsp), "a"(SYS_rt_sigreturn));
	__builtin_unreachable();
}

static struct arena *arena;
static struct xstate_layout layout;

static int setup(void **state)
{
	arena = arena_new();
	xstate_layout_probe(&layout);
	return 0;
}

static int teardown(void **state)
{
	arena_free(arena);
	return 0;
}

static uint32_t *words(size_t n, uint32_t seed)
{
	uint32_t *w = arena_new_array(arena, uint32_t, n);

	for (size_t i = 0; i < n; i++)
		w[i] = seed + i * 0x01010101u;
	return w;
}

/* A state that no thread has by chance. */
static CoreEntry *make_core(void)
{
	CoreEntry *core = arena_message(arena, CoreEntry, core_entry__init);
	ThreadInfoX86 *info = arena_message(arena, ThreadInfoX86, thread_info_x86__init);
	UserX86RegsEntry *r = arena_message(arena, UserX86RegsEntry, user_x86_regs_entry__init);
	UserX86FpregsEntry *fp = arena_message(arena, UserX86FpregsEntry,
					       user_x86_fpregs_entry__init);
	UserX86XsaveEntry *x = arena_message(arena, UserX86XsaveEntry,
					     user_x86_xsave_entry__init);

	*r = (UserX86RegsEntry){
		.base = r->base, .mode = r->mode,
		.ax = 1, .bx = 2, .cx = 3, .dx = 4, .si = 5, .di = 6, .bp = 7, .sp = 8,
		.r8 = 9, .r9 = 10, .r10 = 11, .r11 = 12, .r12 = 13, .r13 = 14, .r14 = 15, .r15 = 16,
		.ip = (uintptr_t)landing, .cs = 0x33, .ss = 0x2b, .flags = FLAGS_WANTED | 0x202,
	};
	fp->cwd = 0x0f7f;		/* rounds to zero, extended precision */
	fp->twd = 0xff;			/* the registers are in use */
	fp->mxcsr = 0x7f80;		/* rounds to zero */
	fp->mxcsr_mask = 0xffff;
	fp->n_st_space = 32;
	fp->st_space = words(32, 0x40000000);
	for (int i = 0; i < 8; i++)
		fp->st_space[i * 4 + 2] &= 0xffff, fp->st_space[i * 4 + 3] = 0;
	fp->n_xmm_space = 64;
	fp->xmm_space = words(64, 0x50000000);
	x->xstate_bv = LEGACY_AND_AVX;
	x->n_ymmh_space = 64;
	x->ymmh_space = words(64, 0x60000000);
	fp->xsave = x;
	info->gpregs = r;
	info->fpregs = fp;
	core->mtype = CORE_ENTRY__MARCH__X86_64;
	core->thread_info = info;
	return core;
}

static const stack_t no_sas = { .ss_flags = SS_DISABLE };

static void *make_room(void)
{
	void *room = mmap(NULL, SIGFRAME_ROOM, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(room, MAP_FAILED);
	return room;
}

/* Runs @check in a child that has just loaded @core. */
static void land(const CoreEntry *core, uint64_t mask, const stack_t *sas, bool (*check)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		landing_check = check;
		leave(sigframe_build(&layout, core, mask, sas, make_room()));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static const CoreEntry *expected;

static bool check_registers(void)
{
	const UserX86RegsEntry *r = expected->thread_info->gpregs;
	const uint64_t want[] = { r->ax, r->bx, r->cx, r->dx, r->si, r->di, r->bp, r->sp,
				  r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };

	return !memcmp(&landed, want, sizeof(want)) &&
	       (landed.flags & FLAGS_CHECKED) == (r->flags & FLAGS_CHECKED);
}

static bool check_legacy(void)
{
	const UserX86FpregsEntry *fp = expected->thread_info->fpregs;
	uint16_t cwd;
	uint32_t mxcsr;

	memcpy(&cwd, landed.xsave, sizeof(cwd));
	memcpy(&mxcsr, landed.xsave + 24, sizeof(mxcsr));
	return cwd == fp->cwd && mxcsr == fp->mxcsr &&
	       !memcmp(landed.xsave + 32, fp->st_space, 128) &&
	       !memcmp(landed.xsave + 160, fp->xmm_space, 256);
}

static bool check_everything(void)
{
	return check_registers() && check_legacy() &&
	       !memcmp(landed.xsave + 576, expected->thread_info->fpregs->xsave->ymmh_space, 256);
}

static bool check_upper_halves_zero(void)
{
	static const uint8_t zero[256];

	return check_registers() && check_legacy() && !memcmp(landed.xsave + 576, zero, 256);
}

static void need_avx(void)
{
	if (!__builtin_cpu_supports("avx"))
		skip();
}

static void test_loads_everything(void **state)
{
	CoreEntry *core = make_core();

	need_avx();
	expected = core;
	assert_int_equal(sigframe_check(&layout, 1, core), 0);
	land(core, 0, &no_sas, check_everything);
}

/* The child is full of our own AVX state: it must not stay. */
static void test_component_not_in_use_is_initial(void **state)
{
	CoreEntry *core = make_core();

	need_avx();
	expected = core;
	core->thread_info->fpregs->xsave->xstate_bv = 3;
	land(core, 0, &no_sas, check_upper_halves_zero);
}

static void test_without_xsave(void **state)
{
	CoreEntry *core = make_core();

	expected = core;
	core->thread_info->fpregs->xsave = NULL;
	assert_int_equal(sigframe_check(&layout, 1, core), 0);
	land(core, 0, &no_sas, check_upper_halves_zero);
}

#define SAS ((void *)0x10000)
#define MASK (1ULL << (SIGUSR2 - 1) | 1ULL << (SIGRTMAX - 1))

static bool check_mask_and_sas(void)
{
	uint64_t mask = 0;
	stack_t sas;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	return mask == MASK && sigaltstack(NULL, &sas) == 0 && sas.ss_sp == SAS &&
	       sas.ss_size == 16384 && sas.ss_flags == 0;
}

static void test_mask_and_altstack(void **state)
{
	const stack_t sas = { .ss_sp = SAS, .ss_size = 16384 };

	land(make_core(), MASK, &sas, check_mask_and_sas);
}

/* A victim that computes with all its registers full, and never touches memory. */
__attribute__((noreturn))
static void run_victim(const CoreEntry *core)
{
	__m256i ymm[16];

	for (int i = 0; i < 16; i++) {
		memcpy(&ymm[i], core->thread_info->fpregs->xmm_space + i * 4, 16);
		memcpy((char *)&ymm[i] + 16, core->thread_info->fpregs->xsave->ymmh_space + i * 4,
		       16);
	}
	__asm__ volatile("ldmxcsr %1\n\t"
			 "fninit\n\t"
			 "fldpi\n\t"
			 "vmovdqu 0(%0), %%ymm0\n\t"
			 "vmovdqu 32(%0), %%ymm1\n\t"
			 "vmovdqu 480(%0), %%ymm15\n\t"
			 "movq $0x1234, %%r15\n"
			 "1:\n\t"
			 "pause\n\t"
			 "jmp 1b"
			 : : "r"(ymm), "m"(core->thread_info->fpregs->mxcsr)
			 : "r15", "xmm0", "xmm1", "xmm15");
	__builtin_unreachable();
}

static bool is_ready(pid_t pid)
{
	struct tracee t;
	bool ready;

	usleep(1000);
	assert_int_equal(tracee_seize(pid, pid, &t), 0);
	assert_int_equal(tracee_stop(&t), 0);
	ready = t.regs.r15 == 0x1234;
	assert_int_equal(tracee_detach(&t), 0);
	return ready;
}

static bool check_taken_over(void)
{
	const UserX86FpregsEntry *fp = expected->thread_info->fpregs;
	const int regs[] = { 0, 1, 15 };
	uint32_t mxcsr;

	memcpy(&mxcsr, landed.xsave + 24, sizeof(mxcsr));
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (memcmp(landed.xsave + 160 + regs[i] * 16, fp->xmm_space + regs[i] * 4, 16) ||
		    memcmp(landed.xsave + 576 + regs[i] * 16,
			   fp->xsave->ymmh_space + regs[i] * 4, 16))
			return false;
	return landed.r15 == 0x1234 && mxcsr == fp->mxcsr &&
	       !memcmp(landed.xsave + 32, "\x35\xc2\x68\x21\xa2\xda\x0f\xc9\x00\x40", 10);
}

/* From a running thread through ptrace and image into another. */
static void test_from_ptrace(void **state)
{
	CoreEntry *core = arena_message(arena, CoreEntry, core_entry__init);
	_cleanup_free_ void *xstate = NULL;
	struct tracee t;
	size_t len;
	pid_t pid;

	need_avx();
	expected = make_core();
	pid = fork();
	if (pid == 0)
		run_victim(expected);
	while (!is_ready(pid))
		;
	assert_int_equal(tracee_seize(pid, pid, &t), 0);
	assert_int_equal(tracee_stop(&t), 0);
	assert_int_equal(tracee_xstate(&t, &xstate, &len), 0);
	assert_int_equal(sigframe_dump(arena, &layout, pid, &t.regs, SIGFRAME_SIGNAL_NONE, xstate,
				       len, core), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	assert_int_equal(core->thread_info->n_tls, 3);
	assert_int_equal(core->thread_info->fpregs->xsave->n_ymmh_space, 64);
	assert_int_equal(sigframe_check(&layout, pid, core), 0);
	core->thread_info->gpregs->ip = (uintptr_t)landing;
	land(core, 0, &no_sas, check_taken_over);
}

#define IP 0x1000

static const struct {
	long nr, result;
	enum sigframe_signal next;
	uint64_t args[4];		/* di, si, dx, r10 */
	long ax;
	uint64_t ip;
} restart_table[] = {
	/* In no call, or in one that returned. */
	{ -1, -512, SIGFRAME_SIGNAL_NONE, {}, -512, IP },
	{ SYS_read, 5, SIGFRAME_SIGNAL_NONE, {}, 5, IP },
	{ SYS_read, -EINTR, SIGFRAME_SIGNAL_NONE, {}, -EINTR, IP },
	/* Each code with no handler, a handler, a restarting one. */
	{ SYS_read, -512, SIGFRAME_SIGNAL_NONE, {}, SYS_read, IP - 2 },
	{ SYS_read, -512, SIGFRAME_SIGNAL_HANDLED, {}, -EINTR, IP },
	{ SYS_read, -512, SIGFRAME_SIGNAL_RESTARTING, {}, SYS_read, IP - 2 },
	{ SYS_read, -513, SIGFRAME_SIGNAL_NONE, {}, SYS_read, IP - 2 },
	{ SYS_read, -513, SIGFRAME_SIGNAL_HANDLED, {}, SYS_read, IP - 2 },
	{ SYS_pause, -514, SIGFRAME_SIGNAL_NONE, {}, SYS_pause, IP - 2 },
	{ SYS_pause, -514, SIGFRAME_SIGNAL_HANDLED, {}, -EINTR, IP },
	{ SYS_pause, -514, SIGFRAME_SIGNAL_RESTARTING, {}, -EINTR, IP },
	/* The rest of the time is lost ... */
	{ SYS_nanosleep, -516, SIGFRAME_SIGNAL_NONE, { 1, 2 }, -EINTR, IP },
	{ SYS_poll, -516, SIGFRAME_SIGNAL_NONE, { 0, 0, 1000 }, -EINTR, IP },
	{ SYS_futex, -516, SIGFRAME_SIGNAL_NONE, { 0, FUTEX_WAIT }, -EINTR, IP },
	/* ... but not where it is in the arguments. */
	{ SYS_nanosleep, -516, SIGFRAME_SIGNAL_NONE, { 1, 1 }, SYS_nanosleep, IP - 2 },
	{ SYS_clock_nanosleep, -516, SIGFRAME_SIGNAL_NONE, { 1, 0, 7, 7 }, SYS_clock_nanosleep,
	  IP - 2 },
	{ SYS_poll, -516, SIGFRAME_SIGNAL_NONE, { 0, 0, -1u }, SYS_poll, IP - 2 },
	{ SYS_poll, -516, SIGFRAME_SIGNAL_HANDLED, { 0, 0, -1u }, -EINTR, IP },
	{ SYS_futex, -516, SIGFRAME_SIGNAL_NONE,
	  { 0, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME }, SYS_futex, IP - 2 },
};

static void test_restarts(void **state)
{
	uint8_t xstate[XSTATE_LEGACY_SIZE] = {};

	for (size_t i = 0; i < ARRAY_SIZE(restart_table); i++) {
		CoreEntry *core = arena_message(arena, CoreEntry, core_entry__init);
		struct user_regs_struct regs = {
			.orig_rax = restart_table[i].nr, .rax = restart_table[i].result,
			.rdi = restart_table[i].args[0], .rsi = restart_table[i].args[1],
			.rdx = restart_table[i].args[2], .r10 = restart_table[i].args[3],
			.rip = IP, .cs = 0x33, .ss = 0x2b,
		};

		assert_int_equal(sigframe_dump(arena, &layout, 1, &regs, restart_table[i].next,
					       xstate, sizeof(xstate), core), 0);
		assert_int_equal(core->thread_info->gpregs->ax, restart_table[i].ax);
		assert_int_equal(core->thread_info->gpregs->ip, restart_table[i].ip);
		assert_null(core->thread_info->fpregs->xsave);
	}
}

static void test_refuses_at_dump(void **state)
{
	CoreEntry *core = arena_message(arena, CoreEntry, core_entry__init);
	struct user_regs_struct regs = { .cs = 0x33, .ss = 0x2b };
	uint8_t xstate[8192] = {};

	assert_int_equal(sigframe_dump(arena, &layout, 1, &regs, SIGFRAME_SIGNAL_NONE, xstate,
				       100, core), -EINVAL);
	xstate[XSTATE_LEGACY_SIZE + 2] = 1 << (18 - 16);	/* AMX tiles */
	assert_int_equal(sigframe_dump(arena, &layout, 1, &regs, SIGFRAME_SIGNAL_NONE, xstate,
				       sizeof(xstate), core), -ENOTSUP);
	regs.fs = 0x63;
	assert_int_equal(sigframe_dump(arena, &layout, 1, &regs, SIGFRAME_SIGNAL_NONE, xstate,
				       XSTATE_LEGACY_SIZE, core), -ENOTSUP);
	regs.fs = 0;
	regs.cs = 0x23;
	assert_int_equal(sigframe_dump(arena, &layout, 1, &regs, SIGFRAME_SIGNAL_NONE, xstate,
				       XSTATE_LEGACY_SIZE, core), -ENOTSUP);
}

static void test_refuses_images(void **state)
{
	CoreEntry *core = make_core();
	UserX86FpregsEntry *fp = core->thread_info->fpregs;
	UserX86CetEntry cet = USER_X86_CET_ENTRY__INIT;
	UserDescT desc = USER_DESC_T__INIT, *descs[] = { &desc };

	fp->n_xmm_space = 63;
	assert_int_equal(sigframe_check(&layout, 1, core), -EINVAL);
	fp->n_xmm_space = 64;
	fp->mxcsr = 0x80001f80;
	assert_int_equal(sigframe_check(&layout, 1, core), -ENOTSUP);
	fp->mxcsr = 0x1f80;
	fp->xsave->n_ymmh_space = 8;
	assert_int_equal(sigframe_check(&layout, 1, core), -EINVAL);
	fp->xsave->n_ymmh_space = 64;
	fp->xsave->xstate_bv = 1ULL << 40;
	assert_int_equal(sigframe_check(&layout, 1, core), -ENOTSUP);
	fp->xsave->xstate_bv = 3;
	fp->xsave->cet = &cet;
	cet.cet = 1;
	assert_int_equal(sigframe_check(&layout, 1, core), -ENOTSUP);
	cet.cet = 0;
	assert_int_equal(sigframe_check(&layout, 1, core), 0);
	desc.seg_not_present = false;
	core->thread_info->tls = descs;
	core->thread_info->n_tls = 1;
	assert_int_equal(sigframe_check(&layout, 1, core), -ENOTSUP);
	desc.seg_not_present = true;
	core->thread_info->gpregs->has_mode = true;
	core->thread_info->gpregs->mode = USER_X86_REGS_MODE__COMPAT;
	assert_int_equal(sigframe_check(&layout, 1, core), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loads_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_component_not_in_use_is_initial, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_without_xsave, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mask_and_altstack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_ptrace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restarts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_at_dump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_images, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
