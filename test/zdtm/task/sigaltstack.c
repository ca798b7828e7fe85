// SPDX-License-Identifier: GPL-2.0-only
/*
 * Alternate signal stacks: one of the main thread, one of a thread, with the flag
 * that disarms it while it is in use. A handler run after the restore must find
 * itself on the stack of its own thread.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define STACK_SIZE (64 * KIB)
/* SS_AUTODISARM of <linux/signal.h>, which does not go together with <signal.h>. */
#define AUTODISARM ((int)(1U << 31))

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	char *main_stack, *thread_stack;
};

/* raise() is declared as calling nothing back: without volatile it could be cached. */
static __thread volatile uintptr_t seen;

static void handler(int sig)
{
	seen = (uintptr_t)__builtin_frame_address(0);
}

static void set_stack(char *base, int flags)
{
	stack_t stack = { .ss_sp = base, .ss_size = STACK_SIZE, .ss_flags = flags };

	MUST(sigaltstack(&stack, NULL));
}

static void check_stack(const char *who, char *base, int flags)
{
	stack_t stack;

	MUST(sigaltstack(NULL, &stack));
	CHECK(stack.ss_sp == base && stack.ss_size == STACK_SIZE && stack.ss_flags == flags,
	      "%s has %p, %#zx, flags %#x", who, stack.ss_sp, stack.ss_size, stack.ss_flags);
	seen = 0;
	MUST(raise(SIGUSR1));
	CHECK(seen - (uintptr_t)base < STACK_SIZE, "the handler of %s ran at %#lx, not at %p", who,
	      seen, base);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	set_stack(s->thread_stack, AUTODISARM);
	zdtm_gate_arrive(&s->gate);
	check_stack("the thread", s->thread_stack, AUTODISARM);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	s->main_stack = map_anon(STACK_SIZE, MAP_PRIVATE);
	s->thread_stack = map_anon(STACK_SIZE, MAP_PRIVATE);
	MUST(sigaction(SIGUSR1, &action, NULL));
	set_stack(s->main_stack, 0);
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
}

static void spoil(void *arg)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	MUST(sigaltstack(&none, NULL));
}

static void check(void *arg)
{
	struct state *s = arg;

	check_stack("the main thread", s->main_stack, 0);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "alternate signal stacks are kept, in each thread",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
