// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neighbours without a gap: some that the kernel joins into one mapping, some that it
 * must not, since each shows something else. None may get what belongs to the next.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

/* Each differs from the one before it, but the first two. */
enum { JOINED_1, JOINED_2, READ_ONLY, SHARED_1, SHARED_2, FILE_1, FILE_2, PRIVATE, N_PARTS };

struct state {
	char *map;
};

static char *part(const struct state *s, int i)
{
	return s->map + i * SIZE;
}

static void put(const struct state *s, int i, int prot, int flags, int fd, off_t offset)
{
	MUST(mmap(part(s, i), SIZE, prot, flags | MAP_FIXED, fd, offset));
}

static void setup(void *arg)
{
	const int rw = PROT_READ | PROT_WRITE;
	int fd = MUST(open("parts", O_CREAT | O_EXCL | O_RDWR, 0600));
	struct state *s = arg;

	MUST(ftruncate(fd, 4 * SIZE));
	s->map = map_anon(N_PARTS * SIZE, MAP_PRIVATE);
	put(s, SHARED_1, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	put(s, SHARED_2, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* The second goes on elsewhere in the file. */
	put(s, FILE_1, rw, MAP_SHARED, fd, 0);
	put(s, FILE_2, rw, MAP_SHARED, fd, 2 * SIZE);
	put(s, PRIVATE, rw, MAP_PRIVATE, fd, 3 * SIZE);
	MUST(close(fd));
	for (int i = 0; i < N_PARTS; i++)
		pages_fill(part(s, i), SIZE, i);
	MUST(mprotect(part(s, READ_ONLY), SIZE, PROT_READ));
}

/* As if both had become one segment. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mremap(part(s, SHARED_1), 0, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    part(s, SHARED_2)));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct mapping m;

	mapping_get(part(s, JOINED_1), &m);
	CHECK(m.end == (uintptr_t)part(s, READ_ONLY), "what was one mapping ends at %#lx", m.end);
	for (int i = READ_ONLY; i < N_PARTS; i++) {
		mapping_get(part(s, i), &m);
		CHECK(m.start == (uintptr_t)part(s, i) && m.end == (uintptr_t)part(s, i + 1),
		      "part %d is %#lx-%#lx", i, m.start, m.end);
	}
	for (int i = 0; i < N_PARTS; i++)
		pages_check(part(s, i), SIZE, i);
	for (int i = 0; i < N_PARTS; i++)
		if (i != READ_ONLY)
			pages_fill(part(s, i), SIZE, i + N_PARTS);
	for (int i = 0; i < N_PARTS; i++)
		pages_check(part(s, i), SIZE, i == READ_ONLY ? i : i + N_PARTS);
}

const struct zdtm_test zdtm_test = {
	.about = "mappings without a gap between them",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
