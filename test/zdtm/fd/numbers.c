// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptor numbers: high ones, a table with large gaps, the lowest numbers closed
 * but for those of the log, close-on-exec here and there. No number may be taken by
 * a descriptor of the restorer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

static const int numbers[] = { 0, 3, 7, 63, 64, 65, 255, 1000, 1001, 1023 };

#define N_NUMBERS (sizeof(numbers) / sizeof(*numbers))
#define LAST 1024

static bool is_ours(int fd)
{
	for (size_t i = 0; i < N_NUMBERS; i++)
		if (numbers[i] == fd)
			return true;
	return false;
}

static bool is_closed_on_exec(int fd)
{
	return fd % 2;
}

static void setup(void *arg)
{
	char name[32];

	/* The standard input, too, becomes a file of the test. */
	for (size_t i = 0; i < N_NUMBERS; i++) {
		int fd;

		snprintf(name, sizeof(name), "file.%d", numbers[i]);
		fd = MUST(open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
		if (fd != numbers[i]) {
			MUST(dup2(fd, numbers[i]));
			close(fd);
		}
		MUST(fcntl(numbers[i], F_SETFD, is_closed_on_exec(numbers[i]) ? FD_CLOEXEC : 0));
	}
}

static void spoil(void *arg)
{
	MUST(dup2(1000, 900));
}

static void check(void *arg)
{
	struct stat by_fd, by_name;
	char name[32];

	for (int fd = 0; fd < LAST; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (fd == STDOUT_FILENO || fd == STDERR_FILENO)
			continue;
		CHECK((flags >= 0) == is_ours(fd), "descriptor %d is %s", fd,
		      flags < 0 ? "closed" : "open");
		if (flags < 0)
			continue;
		CHECK(flags == (is_closed_on_exec(fd) ? FD_CLOEXEC : 0), "flags of %d are %d", fd,
		      flags);
		snprintf(name, sizeof(name), "file.%d", fd);
		MUST(stat(name, &by_name));
		MUST(fstat(fd, &by_fd));
		CHECK(by_name.st_ino == by_fd.st_ino, "descriptor %d is another file", fd);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "descriptors keep their numbers and close-on-exec flags",
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
