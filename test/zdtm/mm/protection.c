// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose protection forbids to look at it: content of PROT_NONE, read-only,
 * executable, write-only and execute-only pages is kept, and so is the protection
 * itself, which a fault after the restore proves.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

enum { NONE, READ, EXECUTE, WRITE_ONLY, EXECUTE_ONLY, N_KINDS };

static const int protections[N_KINDS] = {
	[NONE] = PROT_NONE,
	[READ] = PROT_READ,
	[EXECUTE] = PROT_READ | PROT_EXEC,
	[WRITE_ONLY] = PROT_WRITE,
	[EXECUTE_ONLY] = PROT_EXEC,
};

/* mov $42, %eax; ret */
static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

struct state {
	char *maps[N_KINDS];
};

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_KINDS; i++) {
		s->maps[i] = map_anon(SIZE, MAP_PRIVATE);
		pages_fill(s->maps[i], SIZE, i);
		if (i == EXECUTE || i == EXECUTE_ONLY)
			memcpy(s->maps[i], code, sizeof(code));
		MUST(mprotect(s->maps[i], SIZE, protections[i]));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mprotect(s->maps[NONE], SIZE, PROT_READ));
}

/* What the processor does not enforce is kept all the same. */
static void check_shown(const char *map, int protection)
{
	struct mapping m;

	mapping_get(map, &m);
	CHECK((m.prot[0] == 'r') == !!(protection & PROT_READ) &&
	      (m.prot[1] == 'w') == !!(protection & PROT_WRITE) &&
	      (m.prot[2] == 'x') == !!(protection & PROT_EXEC), "protection %d is %s",
	      protection, m.prot);
}

static void check(void *arg)
{
	struct state *s = arg;
	int (*function)(void) = (int (*)(void))s->maps[EXECUTE];
	int (*unread)(void) = (int (*)(void))s->maps[EXECUTE_ONLY];

	CHECK(fault_signal(s->maps[NONE] + PAGE, false), "PROT_NONE can be read");
	CHECK(fault_signal(s->maps[READ], true), "PROT_READ can be written");
	CHECK(fault_signal(s->maps[EXECUTE], true), "PROT_EXEC can be written");
	CHECK(function() == 42, "the code returns %d", function());
	CHECK(unread() == 42, "the code returns %d", unread());
	for (int i = 0; i < N_KINDS; i++)
		check_shown(s->maps[i], protections[i]);
	MUST(mprotect(s->maps[NONE], SIZE, PROT_READ));
	pages_check(s->maps[NONE], SIZE, NONE);
	pages_check(s->maps[READ], SIZE, READ);
	pages_check(s->maps[EXECUTE] + PAGE, SIZE - PAGE, EXECUTE);
	MUST(mprotect(s->maps[WRITE_ONLY], SIZE, PROT_READ));
	pages_check(s->maps[WRITE_ONLY], SIZE, WRITE_ONLY);
	MUST(mprotect(s->maps[EXECUTE_ONLY], SIZE, PROT_READ));
	pages_check(s->maps[EXECUTE_ONLY] + PAGE, SIZE - PAGE, EXECUTE_ONLY);
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
