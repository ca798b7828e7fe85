// SPDX-License-Identifier: GPL-2.0-only
/* Stopping victims and asking them all that a dump would ask. */
#include "inject/test-freeze.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "inject/session.h"
#include "inject/test-victim.h"
#include "inject/tracee.h"
#include "sys/proc_tasks.h"
#include "util/macro.h"

void freeze(const struct victim *v, struct frozen *f)
{
	pid_t *tids;

	assert_int_equal(proc_threads_read(v->pid, &tids, &f->n), 0);
	assert_int_equal(f->n, v->n_threads);
	f->threads = calloc(f->n, sizeof(*f->threads));
	for (size_t i = 0; i < f->n; i++)
		assert_int_equal(tracee_seize(v->pid, tids[i], &f->threads[i]), 0);
	for (size_t i = 0; i < f->n; i++)
		assert_int_equal(tracee_stop(&f->threads[i]), 0);
	free(tids);
}

void thaw(struct frozen *f)
{
	for (size_t i = f->n; i-- > 0;)
		assert_int_equal(tracee_detach(&f->threads[i]), 0);
	free(f->threads);
}

static int out_file(void)
{
	int fd = memfd_create("pages", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void check_pages(const struct victim *v, struct parasite *p, int fd)
{
	size_t size = VICTIM_PAGES * PAGE_SIZE;
	const struct iovec iov[] = {
		{ (void *)v->shared->page, PAGE_SIZE },
		{ (void *)v->shared->hidden, size },
		{ (void *)(v->shared->page + PAGE_SIZE), size - PAGE_SIZE },
	};
	uint8_t *got;

	assert_int_equal(parasite_pages(p, iov, ARRAY_SIZE(iov), fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 2 * size);
	got = mmap(NULL, 2 * size, PROT_READ, MAP_SHARED, fd, 0);
	for (size_t i = 0; i < size; i++) {
		size_t at = i < PAGE_SIZE ? i : size + i;

		if (got[at] != victim_byte(i) || got[PAGE_SIZE + i] != victim_byte(i))
			fail_msg("byte %zu is wrong", i);
	}
	munmap(got, 2 * size);
}

/* All that a dump would ask. */
void ask_everything(const struct victim *v, struct frozen *f, struct parasite *p)
{
	const struct parasite_misc *misc;
	int fd = out_file();

	assert_int_equal(parasite_misc(p, &misc), 0);
	assert_true(misc->brk != 0);
	assert_int_equal(misc->dumpable, 1);
	for (size_t i = 0; i < f->n; i++) {
		struct thread_facts facts;

		assert_int_equal(parasite_thread_facts(p, &f->threads[i], &facts), 0);
		assert_int_equal(facts.pdeath_sig, i == 0 ? SIGKILL : 0);
		assert_true(facts.clear_tid_addr != 0);
	}
	check_pages(v, p, fd);
	close(fd);
}

void round_trip(const struct victim *v)
{
	struct parasite *p;
	struct frozen f;

	freeze(v, &f);
	assert_int_equal(parasite_inject(&f.threads[0], &p), 0);
	ask_everything(v, &f, p);
	assert_int_equal(parasite_cure(p), 0);
	thaw(&f);
}
