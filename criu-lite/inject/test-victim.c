// SPDX-License-Identifier: GPL-2.0-only
/* Victims for the tests of inject/. */
#include "inject/test-victim.h"

#include <asm/unistd.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/macro.h"

#define CHECK(cond) do { if (!(cond)) return __LINE__; } while (0)

enum { PRCTL_SET_MDWE = 65 };

static struct victim_shared *shared;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

void victim_note_late(void)
{
	__atomic_add_fetch(&shared->late, 1, __ATOMIC_SEQ_CST);
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

static const struct filter {
	unsigned int flag;
	uint32_t action;
	int nrs[8];				/* for these; 0 ends: all others are allowed */
} filter_table[] = {
	{ VICTIM_FILTERED, SECCOMP_RET_ALLOW, {} },
	{ VICTIM_FILTER_KILLS, SECCOMP_RET_KILL_PROCESS, { __NR_vmsplice } },
	{ VICTIM_FILTER_LIES, SECCOMP_RET_ERRNO, { __NR_clone } },
	{ VICTIM_NO_RESTART, SECCOMP_RET_KILL_PROCESS, { __NR_restart_syscall } },
	/* Last, for it is against prctl() too. */
	{ VICTIM_FILTER_FAILS, SECCOMP_RET_ERRNO | EPERM,
	  { __NR_vmsplice, __NR_clone, __NR_prctl, __NR_recvmsg, __NR_membarrier } },
};

static void install(const struct filter *f)
{
	struct sock_filter insns[2 * ARRAY_SIZE(f->nrs) + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { 1, insns };

	for (const int *nr = f->nrs; *nr; nr++) {
		insns[program.len++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, *nr, 0, 1);
		insns[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, f->action);
	}
	insns[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(7);
}

static void apply_flags(unsigned int flags)
{
	const struct rlimit one = { 1, 1 };
	char *vdso = (char *)getauxval(AT_SYSINFO_EHDR);

	if ((flags & VICTIM_NO_VDSO) && munmap(vdso, 2 * PAGE_SIZE) < 0)
		_exit(4);
	if ((flags & VICTIM_MDWE) && prctl(PRCTL_SET_MDWE, 1, 0, 0, 0) < 0)
		_exit(5);
	for (size_t i = 0; i < ARRAY_SIZE(filter_table); i++)
		if (flags & filter_table[i].flag)
			install(&filter_table[i]);
	if ((flags & VICTIM_NEW_NET) && unshare(CLONE_NEWNET) < 0)
		_exit(8);
	if ((flags & VICTIM_ALONE) && (setrlimit(RLIMIT_NPROC, &one) < 0 ||
				       setresuid(65534, 65534, 65534) < 0))
		_exit(6);
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
	apply_flags(flags);
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
