// SPDX-License-Identifier: GPL-2.0-only
/*
 * The restored task of test-restorer.c.
 *
 * restored_plan() says what each thread is to have; the threads then begin in
 * restored_leader() and restored_thread() and look at themselves. Threads
 * share one thread pointer, so that they use raw system calls only.
 */
#include "inject/test-restored.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <linux/securebits.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "inject/abi/restorer.h"
#include "inject/arch/x86_64/sigframe.h"
#include "inject/arch/x86_64/xstate.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/macro.h"

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		dprintf(2, "%s:%d: thread %ld: not so: %s (errno %d)\n",	\
			__FILE__, __LINE__, syscall(SYS_gettid), #condition, errno);	\
		_exit(1);							\
	}									\
} while (0)

#define RESTORER_STACK 16384
#define RSEQ_SIGNATURE 0x53053053
#define CAP(cap) (1ULL << (cap))
#define LEADER_EFFECTIVE (CAP(CAP_KILL) | CAP(CAP_SYS_PTRACE) | CAP(CAP_CHOWN))
#define LEADER_SECUREBITS (SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS_LOCKED)
#define ALL_CAPS_BUT(mine, cap) ((mine) & ~CAP(cap))
#define SIG_BIT(sig) (1ULL << ((sig) - 1))
#define LEADER_MASK \
	(SIG_BIT(SIGUSR2) | SIG_BIT(SIGALRM) | SIG_BIT(SIGRTMIN) | SIG_BIT(SIGRTMIN + 1))
#define N_QUEUED 3
#define TIMER_SECONDS 1000

struct restored_memory restored_memory;

/* Everything that the kernel is told the address of. */
static struct {
	__attribute__((aligned(64))) char stack[32768];
	__attribute__((aligned(16))) char sas[32768];
	__attribute__((aligned(32))) struct rseq rseq;
	struct { void *next; long offset; void *pending; } robust;
	uint32_t tid;
	uint64_t effective;
} threads[RESTORED_THREADS];

static int tids[RESTORED_THREADS];
static const int timer_ids[RESTORED_TIMERS] = { 3, 7 };
/* One whose signal is queued, in the middle of an interval. */
#define FIRED_ID 9
#define FIRED_INTERVAL 500
static struct restorer_creds own_creds;
static volatile int handled;
static uint64_t fs_base;
static siginfo_t queued[N_QUEUED], thread_queued;

static void *map_pages(size_t n, int flags, const char *text)
{
	char *p = mmap(NULL, n * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CHECK(p != MAP_FAILED);
	if (text)
		strcpy(p, text);
	return p;
}

/* With room below, which the kernel keeps free for a growing mapping. */
static char *map_growing(void)
{
	const size_t room = 4 << 20;
	char *low = map_pages(room / PAGE_SIZE, 0, NULL), *at = low + room - 2 * PAGE_SIZE;

	CHECK(munmap(low, room) == 0);
	CHECK(mmap(at, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		   MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0) == at);
	return strcpy(at, "growing");
}

void restored_prepare(bool lazy)
{
	struct restored_memory *m = &restored_memory;

	m->hidden = map_pages(3, 0, "hidden");
	CHECK(mprotect(m->hidden, 3 * PAGE_SIZE, PROT_NONE) == 0);
	m->advised = map_pages(2, 0, "advised");
	CHECK(madvise(m->advised, 2 * PAGE_SIZE, MADV_DONTDUMP) == 0);
	m->growing = map_growing();
	m->locked = map_pages(1, MAP_LOCKED, "locked");
	if (lazy)
		m->lazy = map_pages(RESTORED_LAZY_PAGES, 0, NULL);
}

bool restored_vma(const struct proc_vma *from, struct restorer_vma *vma)
{
	const struct restored_memory *m = &restored_memory;

	if (from->start == (uintptr_t)m->advised)
		vma->madv = 1ULL << MADV_DONTDUMP;
	if (from->start == (uintptr_t)m->growing)
		vma->flags |= MAP_GROWSDOWN;
	if (from->start == (uintptr_t)m->locked)
		vma->flags |= MAP_LOCKED;
	if (!m->lazy || from->start != (uintptr_t)m->lazy)
		return false;
	vma->how |= RESTORER_VMA_ARM;
	return true;
}

/*
 * The threads themselves
 */

static uint64_t own_mask(void)
{
	uint64_t mask = 0;

	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask)) == 0);
	return mask;
}

static void check_addresses(int i)
{
	struct sys_sched_attr attr;
	uint64_t base, head = 0, len = 0;
	char name[16] = "", want[16];
	stack_t sas;

	snprintf(want, sizeof(want), "restored %d", i);
	CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, want));
	CHECK(syscall(SYS_gettid) == tids[i]);
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &base) == 0 && base == fs_base);
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == 0x1000u + i);
	CHECK(syscall(SYS_get_robust_list, 0, &head, &len) == 0);
	CHECK(head == (uintptr_t)&threads[i].robust && len == 24);
	CHECK(sigaltstack(NULL, &sas) == 0 && sas.ss_sp == threads[i].sas &&
	      sas.ss_size == sizeof(threads[i].sas) && !sas.ss_flags);
	CHECK(sys_sched_getattr(0, &attr) == 0 && attr.nice == 3 + i);
	CHECK(attr.policy == (i ? SCHED_BATCH : SCHED_OTHER));
}

static void check_rseq(int i)
{
	CHECK(*(volatile uint32_t *)&threads[i].rseq.cpu_id < 4096);
	CHECK(syscall(SYS_rseq, &threads[i].rseq, 32, 0, RSEQ_SIGNATURE) < 0 && errno == EBUSY);
}

static void check_ids(const struct restorer_creds *want)
{
	uid_t r, e, s;

	CHECK(getresuid(&r, &e, &s) == 0);
	CHECK(r == want->uid[0] && e == want->uid[1] && s == want->uid[2]);
	CHECK(syscall(SYS_setfsuid, -1) == (long)want->uid[3]);
	CHECK(getresgid(&r, &e, &s) == 0);
	CHECK(r == want->gid[0] && e == want->gid[1] && s == want->gid[2]);
	CHECK(syscall(SYS_setfsgid, -1) == (long)want->gid[3]);
}

static uint64_t both(uint32_t low, uint32_t high)
{
	return low | (uint64_t)high << 32;
}

static void check_caps(const struct restorer_creds *want)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	CHECK(syscall(SYS_capget, &header, d) == 0);
	CHECK(both(d[0].effective, d[1].effective) == want->cap_eff);
	CHECK(both(d[0].permitted, d[1].permitted) == want->cap_prm);
	CHECK(both(d[0].inheritable, d[1].inheritable) == want->cap_inh);
	for (uint32_t cap = 0; cap <= want->last_cap; cap++) {
		CHECK(prctl(PR_CAPBSET_READ, cap) == (int)(want->cap_bnd >> cap & 1));
		CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) ==
		      (int)(want->cap_amb >> cap & 1));
	}
	CHECK(prctl(PR_GET_SECUREBITS) == (int)want->secbits);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == (int)want->no_new_privs);
}

static void leader_creds(struct restorer_creds *c)
{
	static uint32_t groups[] = { 3003, 3001 };

	*c = own_creds;
	c->groups = groups;
	c->n_groups = 2;
	c->cap_bnd = c->cap_prm = ALL_CAPS_BUT(own_creds.cap_prm, CAP_SYS_BOOT);
	c->cap_eff = LEADER_EFFECTIVE;
	c->cap_inh = c->cap_amb = CAP(CAP_KILL);
	c->secbits = LEADER_SECUREBITS;
	c->no_new_privs = 1;
}

/* Inheritable beyond the bounding set, which only one order of setting allows. */
static void user_creds(struct restorer_creds *c)
{
	*c = own_creds;
	for (int i = 0; i < 4; i++) {
		c->uid[i] = 1001 + i;
		c->gid[i] = 2001 + i;
	}
	c->cap_eff = 0;
	c->cap_prm = CAP(CAP_CHOWN) | CAP(CAP_KILL);
	c->cap_inh = CAP(CAP_CHOWN) | CAP(CAP_SYS_BOOT);
	c->cap_amb = CAP(CAP_CHOWN);
	c->cap_bnd = ALL_CAPS_BUT(own_creds.cap_prm, CAP_SYS_BOOT);
}

static void thread_creds(int i, struct restorer_creds *c)
{
	*c = own_creds;
	if (i == 0)
		leader_creds(c);
	if (i == 2)
		user_creds(c);
}

static void check_creds(int i)
{
	struct restorer_creds want;

	thread_creds(i, &want);
	check_ids(&want);
	check_caps(&want);
}

static void check_taken(uint64_t set, int sig, int code, int value)
{
	const struct timespec none = {};
	siginfo_t info;

	CHECK(syscall(SYS_rt_sigtimedwait, &set, &info, &none, sizeof(set)) == sig);
	CHECK(info.si_code == code && info.si_value.sival_int == value && info.si_pid == 77);
}

static void check_memory(void)
{
	const struct restored_memory *m = &restored_memory;

	CHECK(mprotect(m->hidden, PAGE_SIZE, PROT_READ) == 0 && !strcmp(m->hidden, "hidden"));
	CHECK(!strcmp(m->advised, "advised"));
	CHECK(!strcmp(m->growing, "growing"));
	CHECK(!strcmp(m->locked, "locked"));
	/* Grows by a touch below its start. */
	m->growing[-100] = 1;
	for (int i = 0; m->lazy && i < RESTORED_LAZY_PAGES; i++)
		CHECK(m->lazy[i * PAGE_SIZE + 17] == RESTORED_LAZY_BYTE);
}

static bool has_flag(const struct proc_maps *maps, const void *addr, enum vma_flag flag)
{
	const struct proc_vma *vma = proc_maps_find(maps, (uintptr_t)addr);

	return vma && vma_has_flag(vma, flag);
}

static void check_maps(void)
{
	const struct restored_memory *m = &restored_memory;
	struct proc_maps maps = {};
	bool vdso = false;

	CHECK(proc_smaps_read(getpid(), &maps) == 0);
	CHECK(!proc_maps_find(&maps, m->area_start));
	CHECK(has_flag(&maps, m->advised, VMA_FLAG_DD));
	CHECK(has_flag(&maps, m->growing, VMA_FLAG_GD));
	CHECK(has_flag(&maps, m->locked, VMA_FLAG_LO));
	for (size_t i = 0; i < maps.n_vmas; i++)
		if (maps.vmas[i].name && !strcmp(maps.vmas[i].name, "[vdso]"))
			vdso = true;
	CHECK(vdso);
	proc_maps_fini(&maps);
}

static void check_timers(void)
{
	struct itimerval itimer;
	struct itimerspec spec;

	for (int i = 0; i < RESTORED_TIMERS; i++) {
		CHECK(syscall(SYS_timer_gettime, timer_ids[i], &spec) == 0);
		CHECK(spec.it_interval.tv_sec == i && spec.it_interval.tv_nsec == 5);
		CHECK(spec.it_value.tv_sec >= TIMER_SECONDS - 30 &&
		      spec.it_value.tv_sec < TIMER_SECONDS);
	}
	for (int id = 0; id < 32; id++)
		if (id != timer_ids[0] && id != timer_ids[1] && id != FIRED_ID)
			CHECK(syscall(SYS_timer_gettime, id, &spec) < 0 && errno == EINVAL);
	CHECK(getitimer(ITIMER_REAL, &itimer) == 0 && itimer.it_interval.tv_sec == 9 &&
	      itimer.it_value.tv_sec >= TIMER_SECONDS - 30);
	CHECK(getitimer(ITIMER_PROF, &itimer) == 0 && !itimer.it_value.tv_sec);
}

/* Sent once, by the timer itself, which goes on with what was left of the interval. */
static void check_fired(void)
{
	const struct timespec limit = { .tv_sec = 5 };
	uint64_t set = SIG_BIT(SIGRTMIN + 1);
	struct itimerspec spec;
	siginfo_t info;

	CHECK(syscall(SYS_rt_sigtimedwait, &set, &info, &limit, sizeof(set)) == SIGRTMIN + 1);
	CHECK(info.si_code == SI_TIMER && info.si_timerid == FIRED_ID && !info.si_overrun);
	CHECK(info.si_value.sival_int == 55);
	CHECK(syscall(SYS_timer_gettime, FIRED_ID, &spec) == 0);
	CHECK(spec.it_interval.tv_sec == FIRED_INTERVAL);
	CHECK(spec.it_value.tv_sec >= FIRED_INTERVAL / 2 - 30 &&
	      spec.it_value.tv_sec < FIRED_INTERVAL / 2);
}

static void check_process(void)
{
	struct rlimit limit;
	int value;

	CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 4096 &&
	      limit.rlim_max == 8192);
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value == 1);
	CHECK(prctl(PR_GET_PDEATHSIG, &value) == 0 && value == SIGHUP);
	CHECK(prctl(PR_GET_DUMPABLE) == 1);
	CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
	CHECK(personality(0xffffffff) == ADDR_NO_RANDOMIZE);
	/* Without its registration this is refused. */
	CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
	for (int fd = RESTORED_SERVICE_BASE; fd < RESTORED_SERVICE_BASE + 64; fd++)
		CHECK(close(fd) < 0 && errno == EBADF);
}

/* What the kernel writes when the thread ends tells that it has; and that it was told where. */
static void wait_for(int i)
{
	const struct timespec limit = { .tv_sec = 5 };
	uint32_t *word = &threads[i].tid, tid;

	while ((tid = __atomic_load_n(word, __ATOMIC_SEQ_CST)))
		CHECK(syscall(SYS_futex, word, FUTEX_WAIT, tid, &limit, NULL, 0) == 0 ||
		      errno == EAGAIN);
}

static void on_signal(int sig)
{
	handled = sig;
}

__attribute__((noreturn))
static void restored_leader(void)
{
	CHECK(own_mask() == LEADER_MASK);
	check_addresses(0);
	check_rseq(0);
	check_memory();
	check_maps();
	check_timers();
	check_fired();
	check_process();
	for (int i = 0; i < N_QUEUED; i++)
		check_taken(SIG_BIT(SIGRTMIN), SIGRTMIN, SI_QUEUE, 10 + i);
	for (int i = 1; i < RESTORED_THREADS; i++)
		wait_for(i);
	CHECK(kill(getpid(), SIGUSR1) == 0 && handled == SIGUSR1);
	check_creds(0);
	_exit(0);
}

__attribute__((noreturn))
static void restored_thread(int i)
{
	CHECK(own_mask() == (LEADER_MASK | SIG_BIT(20 + i)));
	check_rseq(i);
	check_addresses(i);
	if (i == 1)
		check_taken(SIG_BIT(SIGUSR2), SIGUSR2, SI_TKILL, 42);
	check_creds(i);
	syscall(SYS_exit, 0);
	__builtin_unreachable();
}

/*
 * The plan
 */

/* Zeroed memory in the area: all other is gone when the restorer reads it. */
static void *take(struct restorer_args *args, size_t size)
{
	void *p = (void *)args->heap_next;

	args->heap_next += ALIGN_UP(size, 16);
	CHECK(args->heap_next <= args->heap_end);
	return p;
}

static void *take_copy(struct restorer_args *args, const void *from, size_t size)
{
	return memcpy(take(args, size), from, size);
}

static void plan_registers(struct arena *arena, int i, struct restorer_thread *th)
{
	CoreEntry *core = arena_message(arena, CoreEntry, core_entry__init);
	struct xstate_layout layout;
	struct user_regs_struct regs = {
		.orig_rax = -1, .cs = 0x33, .ss = 0x2b, .eflags = 0x202, .rdi = i,
		.rip = (uintptr_t)(i ? (void *)restored_thread : (void *)restored_leader),
		/* As behind a call. */
		.rsp = (uintptr_t)(threads[i].stack + sizeof(threads[i].stack)) - 8,
	};
	uint8_t fxsave[512] = { 0x7f, 0x03, [24] = 0x80, [25] = 0x1f };
	const stack_t sas = { .ss_sp = threads[i].sas, .ss_size = sizeof(threads[i].sas) };
	uint64_t mask = LEADER_MASK | (i ? SIG_BIT(20 + i) : 0);

	xstate_layout_probe(&layout);
	CHECK(sigframe_dump(arena, &layout, i, &regs, SIGFRAME_SIGNAL_NONE, fxsave, sizeof(fxsave),
			    core) == 0);
	CHECK(sigframe_check(&layout, i, core) == 0);
	th->sigframe = sigframe_build(&layout, core, mask, &sas, take(th->args, SIGFRAME_ROOM));
	th->sas_sp = (uintptr_t)sas.ss_sp;
	th->sas_size = sas.ss_size;
}

/* Numbers that nobody has now; a race with others would fail the test, not pass it. */
static int free_tid(int from)
{
	int tid = from;

	while (syscall(SYS_tkill, tid, 0) == 0 || errno != ESRCH)
		tid++;
	return tid;
}

static void plan_thread(struct arena *arena, struct restorer_args *args, int i)
{
	struct restorer_thread *th = &args->threads[i];

	tids[i] = i ? free_tid(10000 * i) : getpid();
	th->tid = threads[i].tid = tids[i];
	th->args = args;
	snprintf(th->comm, sizeof(th->comm), "restored %d", i);
	plan_registers(arena, i, th);
	th->clear_tid_addr = (uintptr_t)&threads[i].tid;
	threads[i].robust.next = &threads[i].robust;
	th->robust_list = (uintptr_t)&threads[i].robust;
	th->robust_len = sizeof(threads[i].robust);
	th->rseq_addr = (uintptr_t)&threads[i].rseq;
	th->rseq_len = 32;
	th->rseq_sig = RSEQ_SIGNATURE;
	th->fs_base = fs_base;
	th->gs_base = 0x1000 + i;
	th->sched_nice = 3 + i;
	th->sched_policy = i ? SCHED_BATCH : SCHED_OTHER;
	th->pdeath_sig = i ? 0 : SIGHUP;
	thread_creds(i, &th->creds);
	th->creds.groups = take_copy(args, th->creds.groups, th->creds.n_groups * sizeof(uint32_t));
	th->stack_top = (uintptr_t)take(args, RESTORER_STACK) + RESTORER_STACK;
}

static void plan_siginfo(siginfo_t *info, int sig, int code, int value)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_pid = 77;
	info->si_value.sival_int = value;
}

static void plan_signals(struct restorer_args *args)
{
	args->sigactions = take(args, 64 * sizeof(*args->sigactions));
	/* The restorer of glibc's own actions serves. */
	CHECK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &args->sigactions[SIGUSR1 - 1], 8) == 0);
	for (int i = 0; i < N_QUEUED; i++)
		plan_siginfo(&queued[i], SIGRTMIN, SI_QUEUE, 10 + i);
	args->siginfos = take_copy(args, queued, sizeof(queued));
	args->n_siginfos = N_QUEUED;
	plan_siginfo(&thread_queued, SIGUSR2, SI_TKILL, 42);
	args->threads[1].siginfos = take_copy(args, &thread_queued, sizeof(thread_queued));
	args->threads[1].n_siginfos = 1;
}

static void plan_timers(struct restorer_args *args)
{
	args->timers = take(args, (RESTORED_TIMERS + 1) * sizeof(*args->timers));
	args->n_timers = RESTORED_TIMERS + 1;
	for (int i = 0; i < RESTORED_TIMERS; i++)
		args->timers[i] = (struct restorer_timer){
			.id = timer_ids[i], .clock = i ? CLOCK_BOOTTIME : CLOCK_MONOTONIC,
			.notify = i ? SIGEV_THREAD_ID : SIGEV_SIGNAL, .signo = SIGALRM,
			.tid = i ? tids[1] : 0,
			.it_interval = { i, 5 }, .it_value = { TIMER_SECONDS, 0 },
		};
	args->timers[RESTORED_TIMERS] = (struct restorer_timer){
		.id = FIRED_ID, .clock = CLOCK_MONOTONIC, .notify = SIGEV_SIGNAL,
		.signo = SIGRTMIN + 1, .value = 55, .fired = true,
		.it_interval = { FIRED_INTERVAL, 0 }, .it_value = { FIRED_INTERVAL / 2, 0 },
	};
	args->itimers[ITIMER_REAL][0] = 9;
	args->itimers[ITIMER_REAL][2] = TIMER_SECONDS;
}

static void read_own_creds(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	CHECK(syscall(SYS_capget, &header, d) == 0);
	own_creds.cap_prm = both(d[0].permitted, d[1].permitted);
	own_creds.cap_eff = both(d[0].effective, d[1].effective);
	own_creds.cap_inh = both(d[0].inheritable, d[1].inheritable);
	while (own_creds.last_cap < 63 && prctl(PR_CAPBSET_READ, own_creds.last_cap + 1) >= 0)
		own_creds.last_cap++;
	for (uint32_t cap = 0; cap <= own_creds.last_cap; cap++)
		if (prctl(PR_CAPBSET_READ, cap) == 1)
			own_creds.cap_bnd |= CAP(cap);
}

void restored_plan(struct arena *arena, struct restorer_args *args)
{
	struct sigaction action = { .sa_handler = on_signal };

	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base) == 0);
	read_own_creds();
	args->threads = take(args, RESTORED_THREADS * sizeof(*args->threads));
	args->n_threads = RESTORED_THREADS;
	for (int i = 0; i < RESTORED_THREADS; i++)
		plan_thread(arena, args, i);
	plan_signals(args);
	plan_timers(args);
	args->n_rlimits = RLIM_NLIMITS;
	for (int i = 0; i < RLIM_NLIMITS; i++)
		CHECK(getrlimit(i, (struct rlimit *)args->rlimits[i]) == 0);
	args->rlimits[RLIMIT_CORE][0] = 4096;
	args->rlimits[RLIMIT_CORE][1] = 8192;
	args->dumpable = 1;
	args->personality = ADDR_NO_RANDOMIZE;
	args->child_subreaper = 1;
	args->membarrier = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	args->service_base = RESTORED_SERVICE_BASE;
	args->service_last = INT_MAX;
	args->close_service = 1;
}
