// SPDX-License-Identifier: GPL-2.0-only
/* Victims for the tests of inject/. */
#include "inject/test-victim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/unistd.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/macro.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

static struct victim_shared *shared;

/*
 * Patterns in 13 general registers, in ymm0 to ymm15 and in the flags, held
 * through a loop of about a millisecond that uses only rax and rcx; then
 * everything is compared. A carry that is lost, an xmm lane that is not what
 * it was: all ends in a bit of the result.
 */
int victim_registers(void)
{
	uint64_t in[16 * 4], out[16 * 4], bad;

	for (int i = 0; i < 64; i++)
		in[i] = 0x0123456789abcdefULL * (i + 1);
	__asm__ volatile(
		"lea -128(%%rsp), %%rsp\n"	/* past what the compiler keeps there */
		"push %%rbx\n push %%rbp\n"
		"push %[out]\n push %[in]\n"
		"mov (%%rsp), %%rax\n"
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
		"pop %%rcx\n pop %%rcx\n"
		".set i, 0\n"
		".irp reg, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"vmovdqu %%ymm\\reg, i(%%rcx)\n"
		".set i, i + 32\n"
		".endr\n"
		"vzeroupper\n"
		"pop %%rbp\n pop %%rbx\n"
		"lea 128(%%rsp), %%rsp\n"
		: "=&a"(bad)
		: [in] "r"(in), [out] "r"(out)
		: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		  "r15", "cc", "memory");
	CHECK(bad == 0);
	CHECK(memcmp(in, out, sizeof(in)) == 0);
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

/* read(), with a known address. Not inlined: the label must be one. */
__attribute__((noinline)) static long known_read(int fd, void *buf, size_t len)
{
	long ret;

	__asm__ volatile("syscall\n"
			 ".globl victim_call_end\n .hidden victim_call_end\n"
			 "victim_call_end:\n"
			 : "=a"(ret) : "a"(__NR_read), "D"(fd), "S"(buf), "d"(len)
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

static int read_once(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	char byte;
	long r;

	if (!reader.is_set) {
		CHECK(pipe2(reader.pipe, O_CLOEXEC) == 0);
		CHECK(sigaction(sig, &sa, NULL) == 0);
		reader.is_set = true;
	}
	reader.broke_call = reader.wrote = reader.on_pad = false;
	reader.handled = 0;
	CHECK(send_soon(&reader.timer, sig) == 0);
	r = known_read(reader.pipe[0], &byte, 1);
	CHECK(reader.handled == 1);
	if (reader.broke_call)
		CHECK(r == -EINTR);
	else if (reader.on_pad && r == -EINTR)
		CHECK(read(reader.pipe[0], &byte, 1) == 1);
	else
		CHECK(reader.wrote && r == 1);
	return 0;
}

int victim_read_until_signal(void)
{
	return read_once(SIGRTMIN + 1, on_break, 0);
}

int victim_read_restarted(void)
{
	return read_once(SIGRTMIN + 2, on_restart, SA_RESTART);
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

/* Each thread: its work over and over; its mask and signal stack never change. */
struct thread_arg {
	victim_work work;
	int index;
};

static int run_checked(victim_work work, const sigset_t *mask, const stack_t *stack)
{
	sigset_t mask_now;
	stack_t stack_now;
	int line = work();

	if (line)
		return line;
	CHECK(sigprocmask(SIG_SETMASK, NULL, &mask_now) == 0);
	CHECK(memcmp(&mask_now, mask, sizeof(uint64_t)) == 0);
	CHECK(sigaltstack(NULL, &stack_now) == 0);
	CHECK(stack_now.ss_sp == stack->ss_sp && stack_now.ss_size == stack->ss_size &&
	      stack_now.ss_flags == stack->ss_flags);
	return 0;
}

static void *thread_main(void *arg)
{
	const struct thread_arg *a = arg;
	sigset_t mask;
	stack_t stack;

	shared->threads[a->index].tid = syscall(__NR_gettid);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigaltstack(NULL, &stack);
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST)) {
		int line = run_checked(a->work, &mask, &stack);

		if (line) {
			shared->threads[a->index].error = line;
			return NULL;
		}
		__atomic_add_fetch(&shared->threads[a->index].rounds, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void on_tick(int sig)
{
	shared->ticks++;
}

/* Only the thread that calls it takes the signal. */
static void start_storm(void)
{
	static char stack[65536];
	const stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	const struct itimerval each_ms = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART | SA_ONSTACK };

	sigaltstack(&ss, NULL);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &each_ms, NULL);
}

static void make_pages(void)
{
	size_t size = VICTIM_PAGES * PAGE_SIZE;
	uint8_t *a = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < size; i++)
		a[i] = b[i] = victim_byte(i);
	mprotect(b, size, PROT_NONE);
	shared->page = (uintptr_t)a;
	shared->hidden = (uintptr_t)b;
}

static void victim_main(const victim_work *work, int n, unsigned int flags)
{
	struct thread_arg args[VICTIM_THREADS_MAX];
	pthread_t threads[VICTIM_THREADS_MAX];
	sigset_t alarm;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	make_pages();
	for (int i = 0; i < n; i++)
		args[i] = (struct thread_arg){ work[i], i };
	for (int i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, thread_main, &args[i]) != 0)
			_exit(3);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	if (flags & VICTIM_STORM)
		start_storm();
	thread_main(&args[0]);
	for (int i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

/* Every thread has done @more rounds than now, within 20 s. */
static void await_rounds(const struct victim *v, uint64_t more)
{
	uint64_t from[VICTIM_THREADS_MAX];
	int64_t deadline = now_us() + 20 * 1000000;

	for (int i = 0; i < v->n_threads; i++)
		from[i] = __atomic_load_n(&v->shared->threads[i].rounds, __ATOMIC_SEQ_CST);
	for (int i = 0; i < v->n_threads;) {
		if (__atomic_load_n(&v->shared->threads[i].rounds, __ATOMIC_SEQ_CST) >=
		    from[i] + more) {
			i++;
			continue;
		}
		if (v->shared->threads[i].error)
			fail_msg("thread %d of the victim failed its check in line %d", i,
				 v->shared->threads[i].error);
		if (waitpid(v->pid, NULL, WNOHANG) == v->pid)
			fail_msg("the victim has ended");
		if (now_us() > deadline)
			fail_msg("thread %d of the victim does not go on", i);
		usleep(500);
	}
}

void victim_start(struct victim *v, const victim_work *work, int n, unsigned int flags)
{
	*v = (struct victim){ .n_threads = n };
	v->shared = mmap(NULL, sizeof(*v->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(v->shared, MAP_FAILED);
	shared = v->shared;
	v->pid = fork();
	assert_true(v->pid >= 0);
	if (v->pid == 0)
		victim_main(work, n, flags);
	await_rounds(v, 2);
	v->state = victim_state(v);
}

void victim_end(struct victim *v)
{
	kill(v->pid, SIGKILL);
	waitpid(v->pid, NULL, 0);
	munmap(v->shared, sizeof(*v->shared));
	free(v->state);
}

__attribute__((format(printf, 2, 3))) static void add_file(FILE *out, const char *fmt, ...)
{
	char path[128], *line = NULL;
	size_t size = 0;
	va_list ap;
	FILE *in;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	in = fopen(path, "re");
	if (!in)
		fail_msg("%s: %s", path, strerror(errno));
	/* Of status: what doesn't move by itself. maps has no such lines. */
	while (getline(&line, &size, in) > 0)
		if (!strstr(path, "status") || strncmp(line, "TracerPid", 9) == 0 ||
		    strncmp(line, "Threads", 7) == 0 || strncmp(line, "SigIgn", 6) == 0 ||
		    strncmp(line, "SigCgt", 6) == 0 || strncmp(line, "Name", 4) == 0)
			fputs(line, out);
	free(line);
	fclose(in);
}

static void add_links(FILE *out, const char *path)
{
	struct dirent *e;
	DIR *dir = opendir(path);

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		char link[PATH_MAX] = "";

		if (readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1) > 0)
			fprintf(out, "%s -> %s\n", e->d_name, link);
	}
	closedir(dir);
}

char *victim_state(const struct victim *v)
{
	char path[64], *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	add_file(out, "/proc/%d/maps", v->pid);
	snprintf(path, sizeof(path), "/proc/%d/fd", v->pid);
	add_links(out, path);
	for (int i = 0; i < v->n_threads; i++)
		add_file(out, "/proc/%d/task/%d/status", v->pid, v->shared->threads[i].tid);
	fclose(out);
	return text;
}

/* Fails with the first line that is not the same. */
static void report_change(const char *before, const char *now)
{
	while (*before && *now) {
		size_t a = strcspn(before, "\n"), b = strcspn(now, "\n");

		if (a != b || memcmp(before, now, a) != 0)
			fail_msg("the victim has changed: was '%.*s', is '%.*s'", (int)a, before,
				 (int)b, now);
		before += a + 1;
		now += b + 1;
	}
	if (*before || *now)
		fail_msg("the victim has changed: was '%s', is '%s'", before, now);
}

void victim_check(const struct victim *v)
{
	char *now = NULL;

	await_rounds(v, 2);
	/* What a dumper left that was killed may need a moment to go. */
	for (int i = 0; i < 1000; i++) {
		free(now);
		now = victim_state(v);
		if (strcmp(v->state, now) == 0)
			break;
		usleep(1000);
	}
	if (strcmp(v->state, now) != 0)
		report_change(v->state, now);
	free(now);
	await_rounds(v, 1);
}
