// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hundred threads that differ in all that a thread has of its own: name, user and
 * groups, capabilities, no_new_privs, signal mask, signal stack, queued signals, nice
 * value, the word that is cleared at its end. A thread that was made and joined before
 * left nothing but a gap in the ids.
 */
#include <linux/capability.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 200
#define STACK (64 * KIB)

struct worker {
	struct state *state;
	int index;
	pid_t tid;
	atomic_int clear;		/* the kernel's to clear and wake */
	pthread_t thread;
};

struct state {
	struct zdtm_gate gate;
	struct worker workers[N_THREADS];
};

struct looks {
	char name[16];
	uid_t uid[3];
	gid_t gid[3], group;
	uint64_t caps[3], mask, queued;
	stack_t stack;
	int no_new_privs, nice, value;
};

static void name_of(int index, char name[16])
{
	memset(name, 0, 16);
	snprintf(name, 16, "thread-%d", index);
}

static uint64_t bit(int sig)
{
	return 1ULL << (sig - 1);
}

static void queue_own(int index)
{
	siginfo_t info = { .si_signo = SIGRTMIN, .si_code = SI_QUEUE };

	info.si_value.sival_int = index;
	MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGRTMIN, &info));
}

static void set_caps(uint32_t permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { permitted, permitted, 0 }, { 0, 0, 0 } };

	MUST(syscall(SYS_capset, &header, data));
}

/* Raw calls: those of the C library change all threads. */
static void differ(struct worker *w, char *stack)
{
	const stack_t sas = { .ss_sp = stack, .ss_size = STACK - w->index * 16 };
	uint64_t mask = bit(SIGTERM) | bit(SIGRTMIN) | bit(SIGRTMIN + 1 + w->index % 20);
	gid_t group = 3000 + w->index;
	char name[16];

	name_of(w->index, name);
	MUST(prctl(PR_SET_NAME, name));
	MUST(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask)));
	MUST(sigaltstack(&sas, NULL));
	queue_own(w->index);
	MUST(syscall(SYS_set_tid_address, &w->clear));
	MUST(setpriority(PRIO_PROCESS, gettid(), w->index % 20));
	if (w->index % 2)
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(syscall(SYS_setgroups, 1, &group));
	MUST(syscall(SYS_setresgid, 2000 + w->index, 2001 + w->index, 2002 + w->index));
	MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	MUST(syscall(SYS_setresuid, 1000 + w->index, 1000 + w->index, 1002 + w->index));
	set_caps(w->index % 3 ? 1u << CAP_CHOWN | 1u << w->index % 5 : 0);
}

static void look(struct looks *l)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	memset(l, 0, sizeof(*l));
	MUST(prctl(PR_GET_NAME, l->name));
	MUST(getresuid(&l->uid[0], &l->uid[1], &l->uid[2]));
	MUST(getresgid(&l->gid[0], &l->gid[1], &l->gid[2]));
	CHECK(MUST(getgroups(1, &l->group)) == 1, "no group");
	MUST(syscall(SYS_capget, &header, data));
	for (int i = 0; i < 2; i++) {
		l->caps[0] |= (uint64_t)data[i].effective << 32 * i;
		l->caps[1] |= (uint64_t)data[i].permitted << 32 * i;
		l->caps[2] |= (uint64_t)data[i].inheritable << 32 * i;
	}
	MUST(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &l->mask, sizeof(l->mask)));
	MUST(syscall(SYS_rt_sigpending, &l->queued, sizeof(l->queued)));
	MUST(sigaltstack(NULL, &l->stack));
	l->no_new_privs = MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	l->nice = getpriority(PRIO_PROCESS, gettid());
}

static int take_own(void)
{
	const struct timespec now = {};
	uint64_t set = bit(SIGRTMIN);
	siginfo_t info;

	MUST(syscall(SYS_rt_sigtimedwait, &set, &info, &now, sizeof(set)));
	return info.si_value.sival_int;
}

static void *worker(void *arg)
{
	struct worker *w = arg;
	struct looks before, after;
	char *stack = map_anon(STACK, MAP_PRIVATE);
	int value;

	w->tid = gettid();
	atomic_store(&w->clear, 1);
	differ(w, stack);
	look(&before);
	zdtm_gate_arrive(&w->state->gate);
	if (zdtm_spoiling() && w->index == N_THREADS / 2)
		set_caps(0);
	look(&after);
	CHECK(gettid() == w->tid, "thread %d: tid %d, was %d", w->index, gettid(), w->tid);
	CHECK(!memcmp(&before, &after, sizeof(before)),
	      "thread %d (%s): user %d, group %d, capabilities %#lx, mask %#lx, nice %d", w->index,
	      after.name, after.uid[0], after.gid[0], (unsigned long)after.caps[1],
	      (unsigned long)after.mask, after.nice);
	value = take_own();
	CHECK(value == w->index, "thread %d: value %d", w->index, value);
	/* Without the C library, whose own word was replaced: what it would clear stays. */
	syscall(SYS_exit, 0);
	return NULL;
}

static void *ends(void *arg)
{
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_THREADS; i++) {
		s->workers[i].state = s;
		s->workers[i].index = i;
		s->workers[i].thread = zdtm_thread(worker, &s->workers[i]);
		if (i == N_THREADS / 3)
			MUST_ZERO(pthread_join(zdtm_thread(ends, NULL), NULL));
	}
	zdtm_gate_await(&s->gate, N_THREADS);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_gate_open(&s->gate);
	for (int i = 0; i < N_THREADS; i++)
		/* No timeout: without the kernel's wake this never ends. */
		while (atomic_load(&s->workers[i].clear))
			syscall(SYS_futex, &s->workers[i].clear, FUTEX_WAIT, 1, NULL, NULL, 0);
}

const struct zdtm_test zdtm_test = {
	.about = "two hundred threads keep what each has of its own",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
