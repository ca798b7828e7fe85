// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree that looks at itself all the time: whoever disturbs it, even for a moment, is
 * noticed by the task that it happened to.
 *
 * The test and two children, one of them with threads, work in three ways at once:
 *
 *	holder		keeps all ymm registers for a while, without a system call
 *	keeper		rewrites memory and compares it; looks at its signal mask, its
 *			descriptors, its parent and its children
 *	ticker		takes the signals of an interval timer, and no other
 *
 * Each counts its rounds in shared memory: one that stands still is noticed as well.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_REGISTERS 16
#define REGISTER_SIZE 32
#define HOLD_TURNS 20000
#define SIZE (16 * PAGE)
#define TICK_US 5000
#define N_CHILDREN 2
/* Rounds that each worker must still do when the test is asked. */
#define MORE_ROUNDS 3

enum worker {
	HOLDER,
	KEEPER,
	TICKER,
	CHILD_KEEPER,
	CHILD_HOLDER,
	N_WORKERS,
};

/* Seen by all tasks. */
struct common {
	atomic_bool stop, spoilt;
	atomic_ulong rounds[N_WORKERS];
};

struct state {
	struct common *common;
	pthread_t threads[3];
	pid_t pid, children[N_CHILDREN];
	struct stat file;
	int fd, pipe[2];
	/* Written once, and written all the time. */
	const char *map;
	char *own;
};

static volatile sig_atomic_t ticks;

static const char *unsupported(void)
{
	return __builtin_cpu_supports("avx") ? NULL : "the processor has no AVX";
}

#define LOAD(n) "vmovdqa " #n "*32(%[regs]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqa %%ymm" #n ", " #n "*32(%[regs])\n\t"
#define EACH(do) \
	do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) \
	do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)

/* The general registers hold numbers too: each is one more than that before it. */
__attribute__((target("avx")))
static unsigned long hold(char *regs, unsigned long turns)
{
	unsigned long wrong = 0;

	asm volatile(EACH(LOAD)
		     "mov $0x1234567887654321, %%r8\n\t"
		     "lea 1(%%r8), %%r9\n\t"
		     "lea 2(%%r8), %%r10\n\t"
		     "lea 3(%%r8), %%r11\n\t"
		     "1:\n\t"
		     "pause\n\t"
		     "dec %[turns]\n\t"
		     "jnz 1b\n\t"
		     EACH(STORE)
		     "vzeroupper\n\t"
		     "mov $0x1234567887654321, %[wrong]\n\t"
		     "xor %[wrong], %%r8\n\t"
		     "sub %[wrong], %%r9\n\t"
		     "sub %[wrong], %%r10\n\t"
		     "sub %[wrong], %%r11\n\t"
		     "xor $1, %%r9\n\t"
		     "xor $2, %%r10\n\t"
		     "xor $3, %%r11\n\t"
		     "mov %%r8, %[wrong]\n\t"
		     "or %%r9, %[wrong]\n\t"
		     "or %%r10, %[wrong]\n\t"
		     "or %%r11, %[wrong]\n\t"
		     : [wrong] "+&r"(wrong), [turns] "+&r"(turns)
		     : [regs] "r"(regs)
		     : "r8", "r9", "r10", "r11",
		       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
		       "memory");
	return wrong;
}

static void hold_until_stop(struct common *c, enum worker worker)
{
	_Alignas(REGISTER_SIZE) char regs[N_REGISTERS * REGISTER_SIZE];

	while (!atomic_load(&c->stop)) {
		uint64_t seed = atomic_fetch_add(&c->rounds[worker], 1);

		pattern_fill(regs, sizeof(regs), seed);
		CHECK(!hold(regs, HOLD_TURNS), "general registers have changed");
		pattern_check(regs, sizeof(regs), seed);
	}
}

static void check_descriptors(const struct state *s, uint64_t round)
{
	struct stat st;
	uint64_t found;

	MUST(fstat(s->fd, &st));
	CHECK(st.st_ino == s->file.st_ino && st.st_dev == s->file.st_dev,
	      "descriptor %d is another file", s->fd);
	CHECK(MUST(lseek(s->fd, 0, SEEK_CUR)) == 7, "the offset of descriptor %d has changed",
	      s->fd);
	CHECK(MUST(write(s->pipe[1], &round, sizeof(round))) == sizeof(round), "short write");
	CHECK(MUST(read(s->pipe[0], &found, sizeof(found))) == sizeof(found), "short read");
	CHECK(found == round, "the pipe gave %lu for %lu", found, round);
}

static void check_family(const struct state *s)
{
	if (getpid() != s->pid) {
		CHECK(getppid() == s->pid, "the parent is %d, not %d", getppid(), s->pid);
		return;
	}
	for (int i = 0; i < N_CHILDREN; i++)
		CHECK(!waitpid(s->children[i], NULL, WNOHANG), "child %d is gone",
		      s->children[i]);
}

static void check_mask(const sigset_t *mask)
{
	sigset_t found;

	MUST_ZERO(pthread_sigmask(SIG_BLOCK, NULL, &found));
	for (int sig = 1; sig < SIGRTMIN; sig++)
		CHECK(sigismember(&found, sig) == sigismember(mask, sig),
		      "the mask of signal %d has changed", sig);
}

static void keep_until_stop(const struct state *s, enum worker worker)
{
	struct common *c = s->common;
	sigset_t mask;

	MUST_ZERO(pthread_sigmask(SIG_BLOCK, NULL, &mask));
	while (!atomic_load(&c->stop)) {
		uint64_t round = atomic_fetch_add(&c->rounds[worker], 1);

		pages_fill(s->own, SIZE, round);
		check_mask(&mask);
		check_descriptors(s, round);
		check_family(s);
		pages_check(s->map, SIZE, atomic_load(&c->spoilt));
		usleep(300);
		pages_check(s->own, SIZE, round);
	}
}

static void tick(int sig)
{
	ticks++;
}

/* The only one that lets SIGALRM come. Its handler changes no mask: /proc shows one. */
static void *tick_until_stop(void *arg)
{
	const struct state *s = arg;
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	MUST_ZERO(pthread_sigmask(SIG_UNBLOCK, &alarm, NULL));
	while (!atomic_load(&s->common->stop)) {
		pause();
		atomic_store(&s->common->rounds[TICKER], ticks);
	}
	return NULL;
}

static void *holder(void *arg)
{
	const struct state *s = arg;

	hold_until_stop(s->common, HOLDER);
	return NULL;
}

static void *keeper(void *arg)
{
	keep_until_stop(arg, KEEPER);
	return NULL;
}

static void *child_keeper(void *arg)
{
	keep_until_stop(arg, CHILD_KEEPER);
	return NULL;
}

/* A thread is born with all signals blocked: what is seen of it counts from here on. */
static void wait_for_round(struct common *c, enum worker worker)
{
	while (!atomic_load(&c->rounds[worker]))
		usleep(1000);
}

static void threaded_child(void *arg)
{
	struct state *s = arg;
	pthread_t thread;

	MUST(pipe2(s->pipe, O_CLOEXEC));
	thread = zdtm_thread(child_keeper, s);
	wait_for_round(s->common, CHILD_KEEPER);
	zdtm_wait();
	MUST_ZERO(pthread_join(thread, NULL));
}

static void single_child(void *arg)
{
	struct state *s = arg;

	zdtm_ready();
	hold_until_stop(s->common, CHILD_HOLDER);
}

static void start_ticks(void)
{
	const struct itimerval interval = { { 0, TICK_US }, { 0, TICK_US } };
	const struct sigaction action = { .sa_handler = tick, .sa_flags = SA_NODEFER };

	MUST(sigaction(SIGALRM, &action, NULL));
	MUST(setitimer(ITIMER_REAL, &interval, NULL));
}

static void setup(void *arg)
{
	struct state *s = arg;
	char *map = map_anon(SIZE, MAP_PRIVATE);
	sigset_t alarm;

	pages_fill(map, SIZE, 0);
	s->map = map;
	s->own = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->own, SIZE, 0);
	s->common = map_anon(sizeof(*s->common), MAP_SHARED);
	s->pid = getpid();
	s->fd = MUST(open("/proc/self/exe", O_RDONLY));
	MUST(lseek(s->fd, 7, SEEK_SET));
	MUST(fstat(s->fd, &s->file));
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	MUST_ZERO(pthread_sigmask(SIG_BLOCK, &alarm, NULL));
	s->children[0] = zdtm_fork(threaded_child, s);
	s->children[1] = zdtm_fork(single_child, s);
	MUST(pipe2(s->pipe, O_CLOEXEC));
	s->threads[0] = zdtm_thread(tick_until_stop, s);
	s->threads[1] = zdtm_thread(holder, s);
	s->threads[2] = zdtm_thread(keeper, s);
	start_ticks();
	for (enum worker worker = 0; worker < N_WORKERS; worker++)
		wait_for_round(s->common, worker);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	atomic_store(&s->common->spoilt, true);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct common *c = s->common;

	for (int i = 0; i < N_WORKERS; i++) {
		unsigned long goal = atomic_load(&c->rounds[i]) + MORE_ROUNDS;

		while (atomic_load(&c->rounds[i]) < goal)
			usleep(1000);
	}
	atomic_store(&c->stop, true);
	for (int i = 0; i < 3; i++)
		MUST_ZERO(pthread_join(s->threads[i], NULL));
	zdtm_finish(s->children[0]);
	zdtm_join(s->children[1]);
}

const struct zdtm_test zdtm_test = {
	.about = "tasks and threads that watch their own registers, memory, masks and files",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.restless = true,
};
