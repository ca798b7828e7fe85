// SPDX-License-Identifier: GPL-2.0-only
/*
 * A filter that makes calls fail which a dump has to make in the task: to look at it
 * and to read its memory. They must have worked, and the filter be there again.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (64 * PAGE)
#define ERROR 75

struct state {
	char *map;
	stack_t stack;
};

static void setup(void *arg)
{
	struct state *s = arg;
	static const uint32_t denied[] = {
		SYS_clone, SYS_mprotect, SYS_prctl, SYS_close_range, SYS_socket, SYS_connect,
		SYS_sendto, SYS_recvmsg, SYS_vmsplice, SYS_membarrier, SYS_getitimer,
		SYS_rt_sigaction, SYS_sigaltstack, SYS_brk, SYS_mmap,
	};
	struct filter_rule rules[sizeof(denied) / sizeof(*denied)];

	s->map = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	pages_fill(s->map, SIZE, 1);
	s->stack = (stack_t){ .ss_sp = s->map, .ss_size = SIZE };
	MUST(sigaltstack(&s->stack, NULL));
	for (size_t i = 0; i < sizeof(denied) / sizeof(*denied); i++)
		rules[i] = (struct filter_rule){ denied[i], FILTER_ERRNO(ERROR) };
	filter_install(rules, sizeof(denied) / sizeof(*denied), SECCOMP_RET_ALLOW, 0);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->map[PAGE]++;
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(prctl(PR_GET_DUMPABLE) == -1 && errno == ERROR, "prctl() is not denied");
	CHECK(syscall(SYS_vmsplice, -1, NULL, 0, 0) == -1 && errno == ERROR,
	      "vmsplice() is not denied");
	CHECK(sigaltstack(NULL, NULL) == -1 && errno == ERROR, "sigaltstack() is not denied");
	pages_check(s->map, SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "a seccomp filter against most of what a dump does in a task",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
