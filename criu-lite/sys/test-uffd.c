// SPDX-License-Identifier: GPL-2.0-only
/* Userfaultfd wrappers: pages put into memory of our own before it is touched. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/uffd.h"
#include "util/cleanup.h"
#include "util/macro.h"

enum { PAGES = 4 };

struct fixture {
	int uffd;
	char *mem, *source;
};

static int setup(void **state)
{
	static struct fixture fx;

	fx.uffd = uffd_open(0, NULL);
	fx.mem = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fx.source = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(fx.mem != MAP_FAILED && fx.source != MAP_FAILED);
	memset(fx.source, 'p', PAGES * PAGE_SIZE);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	close_cleanup(&fx->uffd);
	munmap(fx->mem, PAGES * PAGE_SIZE);
	munmap(fx->source, PAGES * PAGE_SIZE);
	return 0;
}

static void need_uffd(const struct fixture *fx)
{
	if (fx->uffd >= 0)
		return;
	print_message("SKIP: no userfaultfd here (%s)\n", strerror(-fx->uffd));
	skip();
}

static void test_open(void **state)
{
	uint64_t supported = 0;
	int fd;

	need_uffd(*state);
	fd = uffd_open(0, &supported);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	assert_int_equal(uffd_open(1ULL << 63, &supported), -EINVAL);
}

static void test_fill(void **state)
{
	struct fixture *fx = *state;
	uint64_t mem = (uintptr_t)fx->mem, ioctls = 0, done;

	need_uffd(fx);
	assert_int_equal(uffd_register(fx->uffd, mem, PAGES * PAGE_SIZE,
				       UFFDIO_REGISTER_MODE_MISSING, &ioctls), 0);
	assert_true(ioctls & 1 << _UFFDIO_COPY && ioctls & 1 << _UFFDIO_ZEROPAGE);

	assert_int_equal(uffd_copy(fx->uffd, mem, fx->source, PAGE_SIZE, 0, &done), 0);
	assert_int_equal(done, PAGE_SIZE);
	assert_int_equal(uffd_zeropage(fx->uffd, mem + 2 * PAGE_SIZE, PAGE_SIZE, 0, &done), 0);
	assert_int_equal(done, PAGE_SIZE);
	assert_int_equal(fx->mem[PAGE_SIZE - 1], 'p');
	assert_int_equal(fx->mem[2 * PAGE_SIZE], 0);

	/* What is there is not overwritten, and nothing is said to be done. */
	assert_int_equal(uffd_copy(fx->uffd, mem, fx->source, PAGE_SIZE, 0, &done), -EEXIST);
	assert_int_equal(done, 0);
	assert_int_equal(uffd_zeropage(fx->uffd, mem, PAGE_SIZE, 0, &done), -EEXIST);
	assert_int_equal(done, 0);
	/* A copy that runs into such a page tells how far it came. */
	assert_int_equal(uffd_copy(fx->uffd, mem + PAGE_SIZE, fx->source, 2 * PAGE_SIZE, 0,
				   &done), -EAGAIN);
	assert_int_equal(done, PAGE_SIZE);
	assert_int_equal(uffd_copy(fx->uffd, mem + 1, fx->source, PAGE_SIZE, 0, &done),
			 -EINVAL);
	assert_int_equal(done, 0);

	assert_int_equal(uffd_wake(fx->uffd, mem, PAGES * PAGE_SIZE), 0);
	assert_int_equal(uffd_unregister(fx->uffd, mem, PAGES * PAGE_SIZE), 0);
	assert_int_equal(uffd_copy(fx->uffd, mem + 3 * PAGE_SIZE, fx->source, PAGE_SIZE, 0,
				   &done), -ENOENT);
	assert_int_equal(fx->mem[3 * PAGE_SIZE], 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
