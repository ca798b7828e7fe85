// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit: a server as small as can be, that answers each fault of its parent
 * from a mapped file. What a lazy-pages server does can't be faster here.
 *
 *	probe FILE idle		random faults, nothing else going on
 *	probe FILE drain	all pages in the background, nobody touches any
 *	probe FILE busy		random faults while all pages are brought
 *	probe FILE walk		the parent reads all while all pages are brought
 *
 * Prints one line: a JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/sample.h"
#include "sys/uffd.h"

#define CHUNK (2UL << 20)
#define N_SAMPLES 20000

/* What the server says at its end, in memory that both see. */
struct report {
	uint64_t began_ns, ended_ns;
	uint64_t idle_cpu_ns;		/* before it began */
};

struct probe {
	const char *file;		/* mapped */
	size_t len;
	char *memory;			/* armed */
	int uffd;
	struct report *report;
	volatile bool *started;
};

static void die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Of RUSAGE_SELF, or RUSAGE_CHILDREN: who has ended, with what its end has cost. */
static uint64_t cpu_ns(int who)
{
	struct rusage use;

	getrusage(who, &use);
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000ULL +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000ULL;
}

/* Brings [at, at + len); what is there already stays. */
static void bring(const struct probe *p, size_t at, size_t len)
{
	size_t end = at + len;

	while (at < end) {
		uint64_t done = 0;
		int r = uffd_copy(p->uffd, (uintptr_t)p->memory + at, p->file + at, end - at, 0,
				  &done);

		if (r == -EEXIST)
			done = BENCH_PAGE;
		else if (r < 0 && r != -EAGAIN) {
			errno = -r;
			die("UFFDIO_COPY");
		}
		at += done;
	}
}

/* Answers what waits; with @timeout -1 waits for the first. */
static void answer(const struct probe *p, int timeout)
{
	struct pollfd pfd = { .fd = p->uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (poll(&pfd, 1, timeout) > 0) {
		uint64_t page;

		timeout = 0;
		if (read(p->uffd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		page = (msg.arg.pagefault.address - (uintptr_t)p->memory) & ~(BENCH_PAGE - 1);
		bring(p, page, BENCH_PAGE);
	}
}

static void serve(const struct probe *p, bool drain, size_t chunk)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* As any server: who is of one session with the task shares processors with it otherwise. */
	setsid();
	while (!drain)
		answer(p, -1);
	while (!*p->started)
		;
	p->report->idle_cpu_ns = cpu_ns(RUSAGE_SELF);
	p->report->began_ns = sample_now_ns();
	for (size_t at = 0; at < p->len; at += chunk) {
		bring(p, at, at + chunk > p->len ? p->len - at : chunk);
		answer(p, 0);
	}
	p->report->ended_ns = sample_now_ns();
	for (;;)
		answer(p, -1);
}

static void *map(size_t len, int flags, int fd)
{
	int prot = fd < 0 ? PROT_READ | PROT_WRITE : PROT_READ;
	void *p = mmap(NULL, len, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void arm(struct probe *p, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY), r;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	p->len = st.st_size & ~(CHUNK - 1);
	p->file = map(p->len, MAP_SHARED, fd);
	p->report = map(BENCH_PAGE, MAP_SHARED, -1);
	p->started = (bool *)(p->report + 1);
	p->memory = map(p->len, MAP_PRIVATE, -1);
	p->uffd = uffd_open(0, NULL);
	r = p->uffd < 0 ? p->uffd :
	    uffd_register(p->uffd, (uintptr_t)p->memory, p->len, UFFDIO_REGISTER_MODE_MISSING,
			  NULL);
	if (r < 0) {
		errno = -r;
		die("userfaultfd");
	}
}

static void wait_drained(const struct probe *p)
{
	while (!*(volatile uint64_t *)&p->report->ended_ns)
		usleep(1000);
}

static void print_faults(const struct sample_result *s)
{
	printf("{\"faults\": %lu, \"p50_ns\": %lu, \"p99_ns\": %lu, \"max_ns\": %lu}\n", s->n,
	       s->p50_ns, s->p99_ns, s->max_ns);
}

/* What is mapped must be unmapped: a server is not done before that. */
static void end(pid_t server)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void measure(const struct probe *p, const char *mode, pid_t server)
{
	struct sample_result s;
	uint64_t sum = 0, ns;

	*p->started = true;
	if (!strcmp(mode, "idle") || !strcmp(mode, "busy")) {
		sample_random(p->memory, p->len, BENCH_PAGE, N_SAMPLES, 1000, &s);
		print_faults(&s);
	} else if (!strcmp(mode, "walk")) {
		ns = sample_walk(p->memory, p->len, &sum);
		printf("{\"bytes\": %zu, \"walk_ns\": %lu}\n", p->len, ns);
	} else {
		wait_drained(p);
		end(server);
		printf("{\"bytes\": %zu, \"drain_ns\": %lu, \"cpu_ns\": %lu}\n", p->len,
		       p->report->ended_ns - p->report->began_ns,
		       cpu_ns(RUSAGE_CHILDREN) - p->report->idle_cpu_ns);
	}
}

int main(int argc, char **argv)
{
	struct probe p;
	pid_t server;

	if (argc != 3) {
		fprintf(stderr, "usage: probe FILE idle|drain|busy|walk\n");
		return 2;
	}
	arm(&p, argv[1]);
	server = fork();
	if (server < 0)
		die("fork");
	if (!server)
		serve(&p, strcmp(argv[2], "idle"), strcmp(argv[2], "busy") ? CHUNK : 64 << 10);
	measure(&p, argv[2], server);
	fflush(stdout);
	end(server);
	return 0;
}
