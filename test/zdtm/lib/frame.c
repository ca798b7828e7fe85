// SPDX-License-Identifier: GPL-2.0-only
/* Page frame numbers, from /proc/PID/pagemap. */
#include "lib/frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/report.h"

#define ENTRY_PRESENT (1UL << 63)
#define ENTRY_FRAME ((1UL << 55) - 1)

void page_frames(pid_t pid, const void *addr, size_t n, uint64_t *frames)
{
	size_t size = n * sizeof(*frames);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
	CHECK((size_t)MUST(pread(fd, frames, size, (uintptr_t)addr / PAGE * sizeof(*frames))) ==
	      size, "%s is short", path);
	close(fd);
	for (size_t i = 0; i < n; i++)
		frames[i] = frames[i] & ENTRY_PRESENT ? frames[i] & ENTRY_FRAME : 0;
}

const char *page_frames_unsupported(void)
{
	volatile char here = 1;
	uint64_t frame;

	page_frames(getpid(), (const char *)&here, 1, &frame);
	return frame ? NULL : "page frame numbers are hidden: no CAP_SYS_ADMIN";
}
