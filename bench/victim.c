// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that bench/run and bench/scale dump and restore: it holds random bytes,
 * notes when it runs again, and then measures what it is told to.
 *
 *	victim CONTROL MIB		all in one piece
 *	victim CONTROL extents N	N pages, and between any two a page that holds nothing
 *	victim CONTROL mappings N	N pages, each in a mapping of its own
 *	victim CONTROL hole MIB		one page, and behind it memory that holds nothing
 *	victim CONTROL processes N	64 MiB, and N processes with a page of their own
 *
 * CONTROL is a file that both map. The clock is CLOCK_REALTIME, since others
 * are set back by a restore to what they were.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/sample.h"

/* Nobody is kept from the processor for so long; between dump and restore lies more. */
#define GAP_NS 100000000ULL
#define TOUCHES 20000

/* Native words; bench/run knows the same. */
struct control {
	uint64_t ready;			/* pid: it spins */
	uint64_t resumed_ns;		/* its first instruction after the restore */
	/*
	 * 'r': missing pages, 't': the same ones each time, 'w': walk, 'f': fill what holds
	 * nothing, 'm': the same in a new mapping, 'x': exit; 0: done
	 */
	uint64_t command;
	uint64_t n;			/* 'r': how many at most, and then how many there were */
	uint64_t p50_ns, p99_ns, max_ns;
	uint64_t walk_ns;
};

/* What is measured: one page in each @stride bytes. */
struct memory {
	char *base;
	size_t len, stride;
};

static void fill_random(char *memory, size_t len)
{
	static uint64_t state = 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < len; i += sizeof(state)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(memory + i, &state, sizeof(state));
	}
}

static struct memory in_one_piece(size_t len)
{
	struct memory m = { .len = len, .stride = BENCH_PAGE };

	m.base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m.base == MAP_FAILED)
		exit(1);
	return m;
}

static struct memory make_extents(size_t n)
{
	struct memory m = in_one_piece(n * 2 * BENCH_PAGE);

	m.stride = 2 * BENCH_PAGE;
	/* A huge page would hold the pages in between as well. */
	madvise(m.base, m.len, MADV_NOHUGEPAGE);
	for (size_t at = 0; at < m.len; at += m.stride)
		fill_random(m.base + at, BENCH_PAGE);
	return m;
}

static struct memory make_hole(size_t mib)
{
	struct memory m = in_one_piece((mib << 20) + BENCH_PAGE);

	/* A new mapping is not to be better off by its huge pages. */
	madvise(m.base, m.len, MADV_NOHUGEPAGE);
	fill_random(m.base, BENCH_PAGE);
	return m;
}

static struct memory make_mappings(size_t n)
{
	struct memory m = make_extents(n);

	for (size_t at = BENCH_PAGE; at < m.len; at += m.stride)
		if (munmap(m.base + at, BENCH_PAGE))
			exit(1);
	return m;
}

static struct memory make_processes(size_t n)
{
	struct memory m = in_one_piece(64 << 20);

	fill_random(m.base, m.len);
	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			exit(1);
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fill_random(m.base, BENCH_PAGE);
		for (;;)
			pause();
	}
	return m;
}

static struct memory make_memory(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct memory (*make)(size_t n);
	} table[] = {
		{ "extents", make_extents },
		{ "hole", make_hole },
		{ "mappings", make_mappings },
		{ "processes", make_processes },
	};
	struct memory m;

	for (size_t i = 0; argc == 4 && i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(argv[2], table[i].name))
			return table[i].make(strtoul(argv[3], NULL, 10));
	if (argc != 3)
		exit(2);
	m = in_one_piece(strtoul(argv[2], NULL, 10) << 20);
	fill_random(m.base, m.len);
	return m;
}

static void touch(volatile struct control *control, const struct memory *m)
{
	struct sample_result s;

	sample_random(m->base, m->len, m->stride, control->n ? control->n : TOUCHES, 1000, &s);
	control->n = s.n;
	control->p50_ns = s.p50_ns;
	control->p99_ns = s.p99_ns;
	control->max_ns = s.max_ns;
}

static uint64_t fill_new(size_t len)
{
	struct memory m = in_one_piece(len);
	uint64_t ns;

	madvise(m.base, m.len, MADV_NOHUGEPAGE);
	ns = sample_fill(m.base, m.len);
	munmap(m.base, m.len);
	return ns;
}

static void obey(volatile struct control *control, const struct memory *m)
{
	uint64_t sum = 0;

	if (control->command == 'r')
		touch(control, m);
	if (control->command == 't')
		control->walk_ns = sample_touch(m->base, m->len, TOUCHES, &sum);
	if (control->command == 'w')
		control->walk_ns = sample_walk(m->base, m->len, &sum);
	if (control->command == 'f')
		control->walk_ns = sample_fill(m->base + BENCH_PAGE, m->len - BENCH_PAGE);
	if (control->command == 'm')
		control->walk_ns = fill_new(m->len - BENCH_PAGE);
	if (control->command == 'x')
		exit(0);
	control->command = 0;
}

static void wait_for_restore(volatile struct control *control)
{
	uint64_t last = sample_now_ns(), now;

	control->ready = getpid();
	while ((now = sample_now_ns()) - last < GAP_NS)
		last = now;
	control->resumed_ns = now;
}

int main(int argc, char **argv)
{
	volatile struct control *control;
	struct memory memory;
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_RDWR);
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || control == MAP_FAILED)
		return 1;
	memory = make_memory(argc, argv);
	wait_for_restore(control);
	for (;;) {
		if (control->command)
			obey(control, &memory);
		else
			usleep(200);
	}
}
