// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open directories: as a place for openat(), with the reading position in the middle
 * of the entries, and as a mere path (O_PATH), also of a file.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define N_ENTRIES 50
#define BUFFER_SIZE 512

struct state {
	int place, path, file;
	bool seen[N_ENTRIES];
};

/* Reads one buffer of entries; notes those that are ours. Returns 0 at the end. */
static bool read_some(struct state *s)
{
	_Alignas(8) char buffer[BUFFER_SIZE];
	long n = MUST(syscall(SYS_getdents64, s->place, buffer, sizeof(buffer)));

	for (long at = 0; at < n;) {
		const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
		int index;

		if (sscanf(entry->d_name, "entry.%d", &index) == 1) {
			CHECK(!s->seen[index], "%s comes twice", entry->d_name);
			s->seen[index] = true;
		}
		at += entry->d_reclen;
	}
	return n;
}

static void setup(void *arg)
{
	struct state *s = arg;
	char name[32];

	MUST(mkdir("dir", 0700));
	s->place = MUST(open("dir", O_RDONLY | O_DIRECTORY));
	for (int i = 0; i < N_ENTRIES; i++) {
		snprintf(name, sizeof(name), "entry.%02d", i);
		close(MUST(openat(s->place, name, O_CREAT | O_EXCL | O_WRONLY, 0600)));
	}
	s->path = MUST(open("dir", O_PATH | O_DIRECTORY | O_CLOEXEC));
	s->file = MUST(open("dir/entry.00", O_PATH));
	read_some(s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(lseek(s->place, 0, SEEK_SET));
}

static void check_path(int fd, const char *wanted)
{
	int flags = MUST(fcntl(fd, F_GETFL));
	char path[32], link[256] = "", *name;

	CHECK(flags & O_PATH, "the flags of %s are %#x", wanted, flags);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(readlink(path, link, sizeof(link) - 1));
	name = strrchr(link, '/');
	CHECK(name && !strcmp(name + 1, wanted), "the path leads to %s", link);
}

static void check(void *arg)
{
	struct state *s = arg;

	close(MUST(openat(s->place, "entry.07", O_RDONLY)));
	close(MUST(openat(s->path, "entry.08", O_RDONLY)));
	CHECK(MUST(fcntl(s->path, F_GETFD)) == FD_CLOEXEC, "the path is not closed on exec");
	check_path(s->path, "dir");
	check_path(s->file, "entry.00");
	while (read_some(s))
		;
	for (int i = 0; i < N_ENTRIES; i++)
		CHECK(s->seen[i], "entry.%02d was skipped", i);
}

const struct zdtm_test zdtm_test = {
	.about = "directories keep their position, paths what they lead to",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
