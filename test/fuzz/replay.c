// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives inputs that were kept to a target, without libFuzzer: usage: TARGET
 * FILE|DIR ... A target that survives them all has passed; the last line says
 * how many there were.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/fuzz/target.h"
#include "util/cleanup.h"
#include "util/io.h"

#define INPUT_MAX (16 << 20)

/* The sanitizer's: says which input it was. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static char last_input[512];
static size_t n_inputs;

static void say_input(void)
{
	fprintf(stderr, "replay: it was: %s\n", last_input);
}

static void replay(int dir, const char *name)
{
	_cleanup_free_ char *data = NULL;
	uint8_t *exact;
	size_t len;

	snprintf(last_input, sizeof(last_input), "%s", name);
	if (read_file(dir, name, INPUT_MAX, &data, &len) < 0)
		errx(1, "%s: cannot read", name);
	/* Without the NUL behind: reading past the end has to be seen. */
	exact = malloc(len ? len : 1);
	if (!exact)
		err(1, "%s", name);
	memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	n_inputs++;
}

static void replay_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		err(1, "%s", path);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			replay(dirfd(dir), e->d_name);
	closedir(dir);
}

int main(int argc, char **argv)
{
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_input);
	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0)
			err(1, "%s", argv[i]);
		if (S_ISDIR(st.st_mode))
			replay_dir(argv[i]);
		else
			replay(AT_FDCWD, argv[i]);
	}
	printf("%zu passed, %d failed, 0 skipped\n", n_inputs, n_inputs ? 0 : 1);
	return n_inputs ? 0 : 1;
}
