// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings sealed with mseal(): nobody can unmap, move or protect them again. Their
 * content comes all the same, on first touch too; neighbours stay open.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define SIZE (16 * PAGE)

enum { WRITABLE, READ_ONLY, CLOSED, SHARED, FROM_FILE, N_MAPS };

struct state {
	char *maps[N_MAPS];
};

static const char *unsupported(void)
{
	return syscall(SYS_mseal, 0, 0, 0) ? "the kernel has no mseal() (Linux 6.10)" : NULL;
}

static char *map_file(void)
{
	int fd = MUST(open("mapped", O_CREAT | O_EXCL | O_RDWR, 0600));
	char *map;

	MUST(ftruncate(fd, 2 * SIZE));
	map = MUST(mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	MUST(close(fd));
	return map;
}

/* The first half of each is sealed. */
static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MAPS; i++) {
		s->maps[i] = i == FROM_FILE ? map_file() :
			     map_anon(2 * SIZE, i == SHARED ? MAP_SHARED : MAP_PRIVATE);
		pages_fill(s->maps[i], 2 * SIZE, i);
	}
	MUST(mprotect(s->maps[READ_ONLY], SIZE, PROT_READ));
	MUST(mprotect(s->maps[CLOSED], SIZE, PROT_NONE));
	for (int i = 0; i < N_MAPS; i++)
		MUST(syscall(SYS_mseal, s->maps[i], SIZE, 0));
}

/* A new mapping can't take the place of a sealed one: the neighbour is sealed as well. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(syscall(SYS_mseal, s->maps[SHARED] + SIZE, SIZE, 0));
}

static void check_sealed(char *map)
{
	CHECK(mapping_has(map, "sl"), "%p is not sealed", (void *)map);
	CHECK(munmap(map, PAGE) < 0 && errno == EPERM, "it can be unmapped");
	CHECK(mprotect(map, PAGE, PROT_READ | PROT_EXEC) < 0 && errno == EPERM,
	      "it can be protected");
	CHECK(mremap(map, PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM,
	      "it can be moved");
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MAPS; i++) {
		check_sealed(s->maps[i]);
		CHECK(!mapping_has(s->maps[i] + SIZE, "sl"), "the neighbour is sealed");
		pages_check(s->maps[i] + SIZE, SIZE, i);
		if (i != CLOSED)
			pages_check(s->maps[i], SIZE, i);
		MUST(munmap(s->maps[i] + SIZE, SIZE));
	}
	pages_fill(s->maps[WRITABLE], SIZE, 9);
}

const struct zdtm_test zdtm_test = {
	.about = "sealed mappings are sealed again",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
