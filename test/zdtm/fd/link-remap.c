// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file whose name is gone, but which has another one elsewhere: it stays that very file,
 * with the names it has. The name that --link-remap gives it for the way is gone again.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int first, second, third;
};

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(mkdir("elsewhere", 0755));
	s->first = MUST(open("name", O_RDWR | O_CREAT | O_EXCL, 0640));
	MUST(write(s->first, "0123456789", 10));
	MUST(link("name", "elsewhere/kept"));
	MUST(link("name", "another"));
	s->second = MUST(open("name", O_RDONLY));
	s->third = MUST(open("another", O_WRONLY));
	MUST(lseek(s->second, 4, SEEK_SET));
	MUST(unlink("name"));
	MUST(unlink("another"));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(link("elsewhere/kept", "name"));
	MUST(lseek(s->second, 0, SEEK_SET));
}

/* Where nothing was restored yet the dump's name is there; the runner knows when it may be. */
static int count_links(void)
{
	DIR *dir = opendir(".");
	struct dirent *e;
	int n = 0;

	CHECK(dir, "cannot read the directory");
	while ((e = readdir(dir)))
		n += !strncmp(e->d_name, "link_remap.", 11);
	closedir(dir);
	return n;
}

static void check(void *arg)
{
	struct state *s = arg;
	const int fds[] = { s->first, s->second, s->third };
	int links = count_links();
	struct stat kept, st;
	char text[8] = "";

	MUST(stat("elsewhere/kept", &kept));
	CHECK((int)kept.st_nlink == 1 + links, "it has %lu names", (unsigned long)kept.st_nlink);
	for (int i = 0; i < 3; i++) {
		MUST(fstat(fds[i], &st));
		CHECK(st.st_ino == kept.st_ino && st.st_dev == kept.st_dev,
		      "%d is another file", i);
	}
	MUST(pwrite(s->third, "ABC", 3, 4));
	CHECK(read(s->second, text, 3) == 3 && !memcmp(text, "ABC", 3), "read gives \"%s\"", text);
}

const struct zdtm_test zdtm_test = {
	.about = "a file with another name left is the same file",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.dump_options = "--link-remap",
};
