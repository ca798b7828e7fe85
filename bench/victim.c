// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that bench/run dumps and restores: it holds random bytes, notes
 * when it runs again, and then measures what it is told to.
 *
 *	victim CONTROL MIB
 *
 * CONTROL is a file that both map. The clock is CLOCK_REALTIME, since others
 * are set back by a restore to what they were.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/sample.h"

/* Nobody is kept from the processor for so long; between dump and restore lies more. */
#define GAP_NS 100000000ULL
#define TOUCHES 20000

/* Native words; bench/run knows the same. */
struct control {
	uint64_t ready;			/* pid: it spins */
	uint64_t resumed_ns;		/* its first instruction after the restore */
	/* 'r': missing pages, 't': the same ones each time, 'w': walk, 'x': exit; 0: done */
	uint64_t command;
	uint64_t n, p50_ns, p99_ns, max_ns;
	uint64_t walk_ns;
};

static void fill_random(uint64_t *words, size_t n)
{
	uint64_t state = 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < n; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		words[i] = state;
	}
}

static void touch(volatile struct control *control, const char *memory, size_t len)
{
	struct sample_result s;

	sample_random(memory, len, 20000, 1000, &s);
	control->n = s.n;
	control->p50_ns = s.p50_ns;
	control->p99_ns = s.p99_ns;
	control->max_ns = s.max_ns;
}

static void obey(volatile struct control *control, const char *memory, size_t len)
{
	uint64_t sum = 0;

	if (control->command == 'r')
		touch(control, memory, len);
	if (control->command == 't')
		control->walk_ns = sample_touch(memory, len, TOUCHES, &sum);
	if (control->command == 'w')
		control->walk_ns = sample_walk(memory, len, &sum);
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
	size_t len;
	char *memory;
	int fd;

	if (argc != 3)
		return 2;
	len = strtoul(argv[2], NULL, 10) << 20;
	fd = open(argv[1], O_RDWR);
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || control == MAP_FAILED || memory == MAP_FAILED)
		return 1;
	fill_random((uint64_t *)memory, len / sizeof(uint64_t));
	wait_for_restore(control);
	for (;;) {
		if (control->command)
			obey(control, memory, len);
		else
			usleep(200);
	}
}
