// SPDX-License-Identifier: GPL-2.0-only
/* What victims do: each function is one round that checks itself. */
#include "inject/test-victim.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/rseq.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "util/macro.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

/*
 * Patterns in 13 general registers, in ymm0 to ymm15 and in the flags, held
 * through a loop of about a millisecond that uses only rax and rcx; then
 * everything is compared. A carry that is lost, an xmm lane that is not what
 * it was: all ends in a bit of the result.
 */
int victim_registers(void)
{
	struct {
		uint64_t in[16 * 4], out[16 * 4];	/* 512 bytes each */
	} lanes;
	uint64_t bad;

	for (int i = 0; i < 64; i++)
		lanes.in[i] = 0x0123456789abcdefULL * (i + 1);
	__asm__ volatile(
		"lea -128(%%rsp), %%rsp\n"	/* past what the compiler keeps there */
		"push %%rbx\n push %%rbp\n"
		"push %[lanes]\n"
		"mov %[lanes], %%rax\n"
		".set i, 0\n"
		".irp reg, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"vmovdqu i(%%rax), %%ymm\\reg\n"
		".set i, i + 32\n"
		".endr\n"
		".set i, 1\n"
		".irp reg, rbx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14,r15\n"
		"mov $(0x1111111111111111 * i), %%\\reg\n"
		".set i, i + 1\n"
		".endr\n"
		"mov $400000, %%ecx\n"
		"xor %%eax, %%eax\n"
		"stc\n"
		/* Carry stays set all the way, or rax counts. */
		"1: setnc %%al\n movzbl %%al, %%eax\n"
		"jrcxz 2f\n"
		"lea -1(%%rcx), %%rcx\n"
		"jc 1b\n"
		"2: setnc %%al\n movzbl %%al, %%eax\n"
		".set i, 1\n"
		".irp reg, rbx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14,r15\n"
		"mov $(0x1111111111111111 * i), %%rcx\n"
		"xor %%rcx, %%\\reg\n or %%\\reg, %%rax\n"
		".set i, i + 1\n"
		".endr\n"
		"pop %%rcx\n"
		".set i, 512\n"
		".irp reg, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"vmovdqu %%ymm\\reg, i(%%rcx)\n"
		".set i, i + 32\n"
		".endr\n"
		"vzeroupper\n"
		"pop %%rbp\n pop %%rbx\n"
		"lea 128(%%rsp), %%rsp\n"
		: "=&a"(bad)
		: [lanes] "b"(&lanes)
		: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		  "r15", "cc", "memory");
	CHECK(bad == 0);
	CHECK(memcmp(lanes.in, lanes.out, sizeof(lanes.in)) == 0);
	return 0;
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

enum { NAP_US = 5000 };

int victim_sleep(void)
{
	const struct timespec nap = { .tv_nsec = NAP_US * 1000 };
	struct timespec until, left = nap;
	int64_t start = now_us();
	uint32_t word = 0;

	CHECK(nanosleep(&nap, NULL) == 0);
	CHECK(now_us() - start >= NAP_US);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += NAP_US * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
	CHECK(poll(NULL, 0, NAP_US / 1000) == 0);
	CHECK(syscall(__NR_futex, &word, FUTEX_WAIT_PRIVATE, 0, &nap, NULL, 0) == -1 &&
	      errno == ETIMEDOUT);
	CHECK(pselect(0, NULL, NULL, NULL, &left, NULL) == 0);
	CHECK(now_us() - start >= 5 * NAP_US - 1000);
	return 0;
}

/* A timer that sends @sig to this thread once, a moment after each call. */
static int send_soon(timer_t *timer, int sig)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = sig };
	const struct itimerspec soon = { .it_value.tv_nsec = 2 * 1000 * 1000 };

	event._sigev_un._tid = syscall(__NR_gettid);
	if (!*timer && timer_create(CLOCK_MONOTONIC, &event, timer) < 0)
		return __LINE__;
	CHECK(timer_settime(*timer, 0, &soon, NULL) == 0);
	return 0;
}

static __thread struct {
	int pipe[2];
	timer_t timer;
	bool is_set;
	volatile int handled;
	volatile bool broke_call, wrote, on_pad;
} reader;

extern const char victim_call_end[] __attribute__((visibility("hidden")));

/*
 * A system call with a known address; the fourth argument is 0. Not inlined:
 * there must be one label.
 */
__attribute__((noinline)) static long known_call(long nr, long a, long b, long c)
{
	register long r10 __asm__("r10") = 0;
	long ret;

	__asm__ volatile("syscall\n"
			 ".globl victim_call_end\n .hidden victim_call_end\n"
			 "victim_call_end:\n"
			 : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c),
			   "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static bool in_vdso(uintptr_t ip)
{
	return ip - getauxval(AT_SYSINFO_EHDR) < 4 * PAGE_SIZE;
}

/*
 * Tells whether it interrupted the call, which then must fail. If not, the
 * call is yet to be made, and would wait for ever. When it interrupts the way
 * back from a pad, either may be.
 */
static void on_break(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	reader.handled++;
	reader.on_pad = in_vdso(uc->uc_mcontext.gregs[REG_RIP]);
	if (uc->uc_mcontext.gregs[REG_RIP] == (intptr_t)victim_call_end &&
	    uc->uc_mcontext.gregs[REG_RAX] == -EINTR) {
		reader.broke_call = true;
		return;
	}
	reader.wrote = write(reader.pipe[1], "x", 1) == 1;
}

static void on_restart(int sig, siginfo_t *info, void *context)
{
	reader.handled++;
	reader.wrote = write(reader.pipe[1], "x", 1) == 1;
}

/* Waits for the reader's pipe in system call @nr, until the signal @sig. */
static int wait_once(long nr, int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	struct pollfd pfd = { .events = POLLIN };
	char byte = 0;
	long r;

	if (!reader.is_set) {
		CHECK(pipe2(reader.pipe, O_CLOEXEC) == 0);
		CHECK(sigaction(sig, &sa, NULL) == 0);
		reader.is_set = true;
	}
	pfd.fd = reader.pipe[0];
	reader.broke_call = reader.wrote = reader.on_pad = false;
	reader.handled = 0;
	CHECK(send_soon(&reader.timer, sig) == 0);
	if (nr == __NR_ppoll)
		r = known_call(nr, (long)&pfd, 1, 0);
	else
		r = known_call(nr, reader.pipe[0], (long)&byte, 1);
	CHECK(reader.handled == 1);
	if (reader.broke_call || (reader.on_pad && r == -EINTR))
		CHECK(r == -EINTR);
	else
		CHECK(r == 1);
	if (reader.on_pad && r == 1)
		victim_note_late();
	if (reader.wrote && !byte)
		CHECK(read(reader.pipe[0], &byte, 1) == 1);
	return 0;
}

int victim_read_until_signal(void)
{
	return wait_once(__NR_read, SIGRTMIN + 1, on_break, 0);
}

int victim_read_restarted(void)
{
	return wait_once(__NR_read, SIGRTMIN + 2, on_restart, SA_RESTART);
}

int victim_poll_until_signal(void)
{
	return wait_once(__NR_ppoll, SIGRTMIN + 5, on_break, SA_RESTART);
}

static __thread volatile int flood_last;

static void on_flood(int sig, siginfo_t *info, void *context)
{
	flood_last = info->si_value.sival_int;
}

int victim_flood(void)
{
	struct sigaction sa = { .sa_sigaction = on_flood, .sa_flags = SA_SIGINFO };
	const int sig = SIGRTMIN + 6;
	static __thread int last;

	if (!last)
		CHECK(sigaction(sig, &sa, NULL) == 0);
	for (int i = 0; i < 1000; i++) {
		const union sigval value = { .sival_int = ++last };

		CHECK(pthread_sigqueue(pthread_self(), sig, value) == 0);
		CHECK(flood_last == last);
	}
	return 0;
}

static __thread volatile int suspended;

static void on_suspended(int sig)
{
	suspended++;
}

int victim_sigsuspend(void)
{
	static __thread timer_t timer;
	static __thread bool is_set;
	const int sig = SIGRTMIN + 3;
	sigset_t blocked, before, open;

	if (!is_set)
		CHECK(signal(sig, on_suspended) != SIG_ERR);
	is_set = true;
	sigemptyset(&blocked);
	sigaddset(&blocked, sig);
	CHECK(sigprocmask(SIG_BLOCK, &blocked, &before) == 0);
	open = before;
	sigdelset(&open, sig);
	suspended = 0;
	CHECK(send_soon(&timer, sig) == 0);
	CHECK(sigsuspend(&open) == -1 && errno == EINTR && suspended == 1);
	CHECK(send_soon(&timer, sig) == 0);
	CHECK(ppoll(NULL, 0, NULL, &open) == -1 && errno == EINTR && suspended == 2);
	CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
	return 0;
}

/* These fail with EINTR when they are stopped, and nobody sets that right. */
int victim_plain_eintr(void)
{
	static __thread int epoll = -1;
	static __thread timer_t timer;
	const int sig = SIGRTMIN + 4;
	struct epoll_event event;
	sigset_t blocked, before;

	if (epoll < 0)
		epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_wait(epoll, &event, 1, NAP_US / 1000) == 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, sig);
	CHECK(sigprocmask(SIG_BLOCK, &blocked, &before) == 0);
	CHECK(send_soon(&timer, sig) == 0);
	CHECK(sigwaitinfo(&blocked, NULL) == sig);
	CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
	return 0;
}

/* glibc registers each thread; where, relative to the thread pointer. */
extern const ptrdiff_t __rseq_offset;
extern const unsigned int __rseq_size;

/*
 * A restartable sequence of about a millisecond. Whoever is scheduled out in
 * it must find itself at the abort handler: the kernel's promise, which a
 * stop that goes by without it would break.
 */
int victim_rseq(void)
{
	struct rseq *rs = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	static __thread struct rseq_cs cs __attribute__((aligned(32)));
	long spins = 400000, committed = 0;

	CHECK(__rseq_size != 0);
	cs = (struct rseq_cs){
		.start_ip = (uintptr_t)victim_rseq_start,
		.post_commit_offset = victim_rseq_end - victim_rseq_start,
		.abort_ip = (uintptr_t)victim_rseq_abort,
	};
	__asm__ volatile("mov %[cs], %[ptr]\n"
			 ".globl victim_rseq_start, victim_rseq_end, victim_rseq_abort\n"
			 ".hidden victim_rseq_start, victim_rseq_end, victim_rseq_abort\n"
			 "victim_rseq_start:\n"
			 "1: dec %[spins]\n"
			 "jnz 1b\n"
			 "movq $1, %[committed]\n"
			 "victim_rseq_end:\n"
			 "jmp 2f\n"
			 ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"	/* RSEQ_SIG */
			 "victim_rseq_abort:\n"
			 "2:\n"
			 : [ptr] "=m"(rs->rseq_cs), [spins] "+r"(spins),
			   [committed] "+m"(committed)
			 : [cs] "r"(&cs)
			 : "cc", "memory");
	rs->rseq_cs = 0;
	CHECK(spins == 0 || !committed);
	return 0;
}

enum { MAPPED_US = 2000, MAPPER_SIZE = 8 * PAGE_SIZE, BUSY_US = 10000 };

int victim_mapper(void)
{
	int64_t start = now_us();
	const volatile uint64_t *word;

	word = mmap(NULL, MAPPER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(word != MAP_FAILED);
	do {
		for (size_t i = 0; i < MAPPER_SIZE / sizeof(*word); i++)
			CHECK(word[i] == 0);
	} while (now_us() - start < MAPPED_US);
	CHECK(munmap((void *)word, MAPPER_SIZE) == 0);
	usleep(MAPPED_US);
	return 0;
}

/* The first processor that the thread may use, from then on the only one. */
static int take_first_cpu(void)
{
	cpu_set_t cpus;
	int first = 0;

	CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	while (!CPU_ISSET(first, &cpus))
		first++;
	CPU_ZERO(&cpus);
	CPU_SET(first, &cpus);
	CHECK(sched_setaffinity(0, sizeof(cpus), &cpus) == 0);
	return 0;
}

int victim_busy(void)
{
	static __thread bool is_set;
	int64_t start = now_us();

	if (!is_set)
		CHECK(take_first_cpu() == 0);
	is_set = true;
	while (now_us() - start < BUSY_US)
		;
	usleep(BUSY_US / 10);
	return 0;
}

int victim_slow(void)
{
	const struct sched_param param = {};
	static __thread bool is_set;

	if (!is_set)
		CHECK(take_first_cpu() == 0 && sched_setscheduler(0, SCHED_IDLE, &param) == 0);
	is_set = true;
	usleep(1);
	return 0;
}
