// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap() of memory that is missing: moved, grown, shrunk, moved in part, and moved
 * on top of other missing memory. A page belongs to where its mapping went, and the
 * place it left is nobody's.
 *
 *	moved	|AAAA|  ->  elsewhere
 *	grown	|BBBB|  ->  |BBBB....|
 *	shrunk	|CCCC|  ->  |CC|
 *	part	|DDDD|  ->  |D  D| and |DD| elsewhere
 *	over	|EEEE| moved onto |FFFF|
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * MIB)
#define HALF (SIZE / 2)
#define QUARTER (SIZE / 4)

enum { MOVED, GROWN, SHRUNK, PART, OVER, UNDER, N_MAPS };

struct state {
	char *maps[N_MAPS];
};

/* With a seed a mapping that does not depend on its place. */
static void fill(char *map, int i)
{
	pattern_fill(map, SIZE, (uint64_t)i << 40);
}

static void check_at(const char *map, size_t offset, size_t len, int i)
{
	pattern_check(map, len, ((uint64_t)i << 40) + offset);
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MAPS; i++) {
		/* Room behind, so that growing in place is possible, and no two are joined. */
		s->maps[i] = map_anon(3 * SIZE, MAP_PRIVATE);
		MUST(munmap(s->maps[i] + 2 * SIZE, SIZE));
		MUST(munmap(s->maps[i] + SIZE, SIZE));
		fill(s->maps[i], i);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	fill(s->maps[OVER], UNDER);
}

static char *free_space(size_t size)
{
	char *space = map_anon(size, MAP_PRIVATE);

	MUST(munmap(space, size));
	return space;
}

static char *move(char *from, size_t size, char *to)
{
	return MUST(mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
}

static bool is_mapped(char *addr)
{
	unsigned char present;

	return !mincore(addr, PAGE, &present);
}

static void check(void *arg)
{
	struct state *s = arg;
	char **maps = s->maps;
	char *moved = move(maps[MOVED], SIZE, free_space(SIZE));
	char *grown = MUST(mremap(maps[GROWN], SIZE, 2 * SIZE, MREMAP_MAYMOVE));
	char *part = move(maps[PART] + QUARTER, HALF, free_space(HALF));
	char *again;

	MUST(mremap(maps[SHRUNK], SIZE, HALF, 0));
	move(maps[OVER], SIZE, maps[UNDER]);
	check_at(moved, 0, SIZE, MOVED);
	CHECK(!is_mapped(maps[MOVED]), "there is something where the mapping was");
	/* Back to where it was: what is there now is new. */
	again = move(moved, SIZE, maps[MOVED]);
	check_at(again, 0, SIZE, MOVED);
	check_at(grown, 0, SIZE, GROWN);
	pattern_check_zero(grown + SIZE, SIZE);
	check_at(maps[SHRUNK], 0, HALF, SHRUNK);
	MUST(mmap(maps[SHRUNK] + HALF, HALF, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	pattern_check_zero(maps[SHRUNK] + HALF, HALF);
	check_at(part, QUARTER, HALF, PART);
	check_at(maps[PART], 0, QUARTER, PART);
	check_at(maps[PART] + QUARTER + HALF, QUARTER + HALF, QUARTER, PART);
	check_at(maps[UNDER], 0, SIZE, OVER);
}

const struct zdtm_test zdtm_test = {
	.about = "missing memory is moved, grown, shrunk and overlaid",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
