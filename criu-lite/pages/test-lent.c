// SPDX-License-Identifier: GPL-2.0-only
/* A task whose memory is lent. A file will do as its memory. */
#include "pages/test-lent.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "pages/fetch.h"
#include "util/io.h"

static struct page_extent extents[] = {
	{ .start = AT(16), .len = AT(16), .flags = PAGE_LAZY },
	{ .start = AT(32), .len = AT(16), .flags = PAGE_PRESENT },
	{ .start = AT(64), .len = AT(N_PAGES - 64), .flags = PAGE_LAZY },
};
const struct page_map lent_map = {
	.type = IMAGE_PAGEMAP, .key = PID, .extents = extents, .n_extents = ARRAY_SIZE(extents),
};

/* Some are zero, some can be compressed, and some can't. */
void lent_page(char *page, uint64_t number)
{
	uint64_t noise = number;

	memset(page, 0, PAGE_SIZE);
	if (number % 8 == 7)
		return;
	memset(page, 'm', PAGE_SIZE);
	memcpy(page + 8, &number, sizeof(number));
	for (size_t i = 16; number % 64 >= 32 && i < PAGE_SIZE; i++) {
		noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
		page[i] = noise >> 56;
	}
}

int lent_memory(void)
{
	char page[PAGE_SIZE];
	int fd = memfd_create("memory", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (uint64_t i = 0; i < N_PAGES; i++) {
		lent_page(page, i);
		assert_int_equal(write_all(fd, page, sizeof(page)), 0);
	}
	return fd;
}

void wait_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void wait_input(struct page_fetch *f)
{
	struct pollfd pfd = { .fd = page_fetch_fd(f), .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, 10000), 1);
}

void lent_check(const char *data, uint64_t len, uint64_t addr)
{
	char page[PAGE_SIZE];

	assert_true(len && len % PAGE_SIZE == 0);
	for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
		lent_page(page, (addr + at) >> PAGE_SHIFT);
		assert_memory_equal(data + at, page, PAGE_SIZE);
	}
}
