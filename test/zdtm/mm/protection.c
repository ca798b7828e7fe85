// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose protection forbids to look at it: content of PROT_NONE, read-only
 * and executable pages is kept, and so is the protection itself, which a fault after
 * the restore proves.
 */
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

enum { NONE, READ, EXECUTE, N_KINDS };

static const int protections[N_KINDS] = {
	[NONE] = PROT_NONE,
	[READ] = PROT_READ,
	[EXECUTE] = PROT_READ | PROT_EXEC,
};

/* mov $42, %eax; ret */
static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

struct state {
	char *maps[N_KINDS];
};

static sigjmp_buf after_fault;

static void on_fault(int sig)
{
	siglongjmp(after_fault, 1);
}

/* Whether one access faults: a write of one byte, or a read. */
static bool faults(char *addr, bool writes)
{
	struct sigaction action = { .sa_handler = on_fault }, before;
	volatile char *byte = addr;
	volatile bool fault = false;

	MUST(sigaction(SIGSEGV, &action, &before));
	if (sigsetjmp(after_fault, 1))
		fault = true;
	else if (writes)
		*byte = 1;
	else
		(void)*byte;
	MUST(sigaction(SIGSEGV, &before, NULL));
	return fault;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_KINDS; i++) {
		s->maps[i] = map_anon(SIZE, MAP_PRIVATE);
		pages_fill(s->maps[i], SIZE, i);
		if (i == EXECUTE)
			memcpy(s->maps[i], code, sizeof(code));
		MUST(mprotect(s->maps[i], SIZE, protections[i]));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mprotect(s->maps[NONE], SIZE, PROT_READ));
}

static void check(void *arg)
{
	struct state *s = arg;
	int (*function)(void) = (int (*)(void))s->maps[EXECUTE];

	CHECK(faults(s->maps[NONE] + PAGE, false), "PROT_NONE can be read");
	CHECK(faults(s->maps[READ], true), "PROT_READ can be written");
	CHECK(faults(s->maps[EXECUTE], true), "PROT_EXEC can be written");
	CHECK(function() == 42, "the code returns %d", function());
	MUST(mprotect(s->maps[NONE], SIZE, PROT_READ));
	pages_check(s->maps[NONE], SIZE, NONE);
	pages_check(s->maps[READ], SIZE, READ);
	pages_check(s->maps[EXECUTE] + PAGE, SIZE - PAGE, EXECUTE);
	MUST(mprotect(s->maps[READ], SIZE, PROT_READ | PROT_WRITE));
	pages_fill(s->maps[READ], SIZE, 9);
	pages_check(s->maps[READ], SIZE, 9);
}

const struct zdtm_test zdtm_test = {
	.about = "protected memory keeps content and protection",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
