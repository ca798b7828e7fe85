// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every seal of a memfd, and what it stands for: sealed for writing, for execution
 * from the start, for being sealed; sealed for future writing with a mapping that is
 * older and still writes, in a child too, and with one that is younger and never will.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U
#endif

#define SIZE (4 * PAGE)

enum { WRITE, OLDER, YOUNGER, NO_EXEC, UNSEALABLE, N_FDS };

static const struct {
	unsigned int flags;
	int seals;			/* added */
	int found;			/* in the end */
	bool map_first;
	int prot;			/* 0: not mapped */
} cases[N_FDS] = {
	[WRITE] = { MFD_ALLOW_SEALING, F_SEAL_WRITE, F_SEAL_WRITE, false, PROT_READ },
	[OLDER] = { MFD_ALLOW_SEALING, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL | F_SEAL_GROW,
		    F_SEAL_FUTURE_WRITE | F_SEAL_SEAL | F_SEAL_GROW, true,
		    PROT_READ | PROT_WRITE },
	[YOUNGER] = { MFD_ALLOW_SEALING, F_SEAL_FUTURE_WRITE, F_SEAL_FUTURE_WRITE, false,
		      PROT_READ },
	[NO_EXEC] = { MFD_NOEXEC_SEAL, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_EXEC, false, 0 },
	[UNSEALABLE] = { 0, 0, F_SEAL_SEAL, false, 0 },
};

struct state {
	int fds[N_FDS];
	char *maps[N_FDS];
	mode_t modes[N_FDS];
	pid_t child;
};

static const char *unsupported(void)
{
	int fd = memfd_create("try", MFD_NOEXEC_SEAL);

	if (fd < 0)
		return "the kernel has no F_SEAL_EXEC (Linux 6.3)";
	close(fd);
	return NULL;
}

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	pages_check(s->maps[OLDER] + PAGE, SIZE - PAGE, OLDER);
	pattern_fill(s->maps[OLDER], PAGE, 9);
}

static void map_one(struct state *s, int i)
{
	if (cases[i].prot)
		s->maps[i] = MUST(mmap(NULL, SIZE, cases[i].prot, MAP_SHARED, s->fds[i], 0));
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_FDS; i++) {
		char content[SIZE] __attribute__((aligned(8)));
		struct stat st;

		s->fds[i] = MUST(memfd_create("sealed", cases[i].flags));
		pages_fill(content, SIZE, i);
		MUST(write(s->fds[i], content, SIZE));
		if (cases[i].map_first)
			map_one(s, i);
		if (cases[i].seals)
			MUST(fcntl(s->fds[i], F_ADD_SEALS, cases[i].seals));
		if (!cases[i].map_first)
			map_one(s, i);
		MUST(fstat(s->fds[i], &st));
		s->modes[i] = st.st_mode;
	}
	pages_fill(s->maps[OLDER], SIZE, OLDER);
	s->child = zdtm_fork(child, s);
}

/* As if it had been mapped when the seal was there. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mmap(s->maps[OLDER], SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, s->fds[OLDER], 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	char byte = 0;

	for (int i = 0; i < N_FDS; i++) {
		int seals = MUST(fcntl(s->fds[i], F_GET_SEALS));
		struct stat st;

		MUST(fstat(s->fds[i], &st));
		CHECK(seals == cases[i].found, "memfd %d has seals %#x", i, seals);
		CHECK(st.st_mode == s->modes[i], "memfd %d has mode %#o", i, st.st_mode);
		if (cases[i].found & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
			CHECK(write(s->fds[i], &byte, 1) < 0 && errno == EPERM,
			      "memfd %d can be written", i);
		if (i != OLDER && cases[i].prot)
			CHECK(mprotect(s->maps[i], SIZE, PROT_READ | PROT_WRITE) < 0,
			      "the mapping of memfd %d can be made writable", i);
	}
	CHECK(mapping_has(s->maps[OLDER], "mw"), "the older mapping may not write any more");
	CHECK(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, s->fds[OLDER], 0) == MAP_FAILED,
	      "the seal allows another mapping that writes");
	zdtm_finish(s->child);
	pattern_check(s->maps[OLDER], PAGE, 9);
	pages_fill(s->maps[OLDER] + PAGE, PAGE, 10);
	pages_check(s->maps[OLDER] + PAGE, PAGE, 10);
}

const struct zdtm_test zdtm_test = {
	.about = "every seal of a memfd, and mappings older and younger",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
