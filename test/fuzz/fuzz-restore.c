// SPDX-License-Identifier: GPL-2.0-only
/*
 * All that a restore reads before it makes the first task: a sound dump, in
 * the directory CRIU_LITE_FUZZ_BASE, and edits of it, five bytes each and what
 * they insert:
 *
 *	which image | what to do | where (2) | how much | bytes ...
 *
 * A dump is of the kernel that it was made on, so none is kept here: the
 * caller makes one.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/fuzz/loader.h"
#include "test/fuzz/target.h"
#include "util/io.h"
#include "util/macro.h"

#define IMAGES_MAX 64
#define HEAD 5

enum edit { EDIT_WRITE, EDIT_CUT, EDIT_INSERT, EDIT_DELETE, EDIT_COUNT };

static struct image {
	char *name;
	uint8_t *data;			/* as dumped */
	size_t len;
	uint8_t *now;			/* as edited; NULL: not edited */
	size_t now_len;
} images[IMAGES_MAX];
static size_t n_images;
static int dir;
static char path[] = "/dev/shm/fuzz-restore.XXXXXX";
static struct loader loader;

static void remove_copy(void)
{
	for (size_t i = 0; i < n_images; i++)
		unlinkat(dir, images[i].name, 0);
	unlinkat(dir, "pages-1.img", 0);
	rmdir(path);
}

static int is_wanted(const struct dirent *e)
{
	return strstr(e->d_name, ".img") && strncmp(e->d_name, "pages-", 6);
}

static void prepare(void)
{
	const char *base = getenv("CRIU_LITE_FUZZ_BASE");
	static struct dirent **names;	/* the images' */
	int n;

	if (n_images)
		return;
	if (!base || !mkdtemp(path))
		errx(1, "CRIU_LITE_FUZZ_BASE: no directory of images");
	loader_copy(base, path, false);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = scandir(path, &names, is_wanted, alphasort);
	if (n <= 0 || n > IMAGES_MAX)
		errx(1, "%s: %d images", path, n);
	for (int i = 0; i < n; i++) {
		struct image *im = &images[n_images++];

		im->name = names[i]->d_name;
		if (read_file(dir, im->name, 1 << 20, (char **)&im->data, &im->len) < 0)
			errx(1, "%s: cannot read", im->name);
	}
	atexit(remove_copy);
	loader_init(&loader, path);
	if (loader_run(&loader) < 0)
		errx(1, "%s: refused before any edit: %s", base, loader.said);
}

static void put(const struct image *im, const uint8_t *data, size_t len)
{
	int fd = openat(dir, im->name, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write_all(fd, data, len) < 0)
		err(1, "%s", im->name);
	close(fd);
}

/* Replaces @old bytes at @at by @new ones. */
static void splice_bytes(struct image *im, size_t at, size_t old, const uint8_t *bytes, size_t new)
{
	const uint8_t *from = im->now ? im->now : im->data;
	size_t len = im->now ? im->now_len : im->len;
	uint8_t *to;

	at = len ? at % (len + 1) : 0;
	old = MIN(old, len - at);
	to = malloc(len - old + new + 1);
	if (!to)
		err(1, "%s", im->name);
	memcpy(to, from, at);
	if (new)
		memcpy(to + at, bytes, new);
	memcpy(to + at + new, from + at + old, len - at - old);
	free(im->now);
	im->now = to;
	im->now_len = len - old + new;
}

static size_t edit(const uint8_t *data, size_t size)
{
	struct image *im = &images[data[0] % n_images];
	size_t at = data[2] | data[3] << 8, much = data[4];

	switch ((enum edit)(data[1] % EDIT_COUNT)) {
	case EDIT_CUT:
		splice_bytes(im, at, SIZE_MAX, NULL, 0);
		return HEAD;
	case EDIT_DELETE:
		splice_bytes(im, at, much, NULL, 0);
		return HEAD;
	case EDIT_INSERT:
		much = MIN(much, size - HEAD);
		splice_bytes(im, at, 0, data + HEAD, much);
		break;
	default:
		much = MIN(much, size - HEAD);
		splice_bytes(im, at, much, data + HEAD, much);
	}
	return HEAD + much;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	prepare();
	while (size >= HEAD) {
		size_t used = edit(data, size);

		data += used;
		size -= used;
	}
	for (size_t i = 0; i < n_images; i++)
		if (images[i].now)
			put(&images[i], images[i].now, images[i].now_len);
	/* A refusal says why. */
	if (loader_run(&loader) < 0 && !strstr(loader.said, "Error"))
		abort();
	for (size_t i = 0; i < n_images; i++) {
		if (images[i].now)
			put(&images[i], images[i].data, images[i].len);
		free(images[i].now);
		images[i].now = NULL;
	}
	return 0;
}
