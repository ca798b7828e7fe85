// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damages one place of an image directory at a time, and loads it each time as
 * a restore does before it makes the first task.
 *
 *	usage: damage [--listed] [--every N] DIR
 *
 *	bits	 every bit, or one of N, flipped
 *	cuts	 the file ends at any byte, or one of N, and at each entry
 *	entries	 left out, doubled, swapped with the next one
 *	fields	 each field of each message, with values that no dump writes
 *		 (fields.c)
 *
 * With --listed the inventory's list of images stays: then every damage must
 * be refused, with words that name the image. Without it the images have no
 * checksum, as CRIU's: then a damage must never crash a load, what can't be
 * read must be refused, and a refusal must say why.
 */
#include "test/fuzz/damage.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/reader.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/macro.h"

/* The sanitizer's: says which case it was. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static char last_case[1024];

static void say_case(void)
{
	fprintf(stderr, "damage: it was: %s\n", last_case);
}

static void put(struct damage *d, const void *data, size_t len)
{
	if (pwrite(d->fd, data, len, 0) != (ssize_t)len || ftruncate(d->fd, len) < 0)
		err(1, "%s: cannot write", d->name);
}

/* The name of the image in what was said; its number is what tells it from others. */
static bool is_named(const struct damage *d)
{
	char stem[64];

	snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(d->name) - strlen(".img")), d->name);
	return strstr(d->loader->said, stem);
}

void damage_judge(struct damage *d, enum verdict want, const char *what)
{
	const char *wrong = NULL;
	int ret;

	snprintf(last_case, sizeof(last_case), "%s %s", d->name, what);
	ret = loader_run(d->loader);
	d->n_cases++;
	if (ret < 0) {
		d->n_refused++;
		if (!strstr(d->loader->said, "Error"))
			wrong = "refused without a word";
		else if (d->listed && !is_named(d))
			wrong = "the error does not name the image";
	} else if (want == MUST_REFUSE || d->listed) {
		wrong = "taken for sound";
	}
	if (!wrong)
		return;
	d->n_wrong++;
	printf("# %s %s: %s\n", d->name, what, wrong);
	if (ret < 0)
		printf("#   %s", d->loader->said);
}

void damage_try(struct damage *d, const void *data, size_t len, enum verdict want,
		const char *what)
{
	if (len == d->len && !memcmp(data, d->data, len))
		return;
	put(d, data, len);
	damage_judge(d, want, what);
	put(d, d->data, d->len);
}

static void flip_bits(struct damage *d)
{
	for (size_t bit = d->phase++ % d->every; bit < 8 * d->len; bit += d->every) {
		uint8_t byte = d->data[bit / 8] ^ (1 << bit % 8);
		char what[64];

		if (pwrite(d->fd, &byte, 1, bit / 8) != 1)
			err(1, "%s", d->name);
		snprintf(what, sizeof(what), "with bit %zu of byte %zu flipped", bit % 8, bit / 8);
		damage_judge(d, bit / 8 < d->head ? MUST_REFUSE : MAY_LOAD, what);
		if (pwrite(d->fd, &d->data[bit / 8], 1, bit / 8) != 1)
			err(1, "%s", d->name);
	}
}

static bool ends_entry(const struct damage *d, size_t len)
{
	for (size_t i = 0; i < d->n_entries; i++)
		if (d->entries[i].end == len)
			return true;
	return len == d->head;
}

static void cut(struct damage *d)
{
	for (size_t len = 0; len < d->len; len++) {
		char what[64];

		if (len % d->every && !ends_entry(d, len))
			continue;
		snprintf(what, sizeof(what), "cut to %zu bytes", len);
		/* A list that ends between two entries is a shorter list. */
		damage_try(d, d->data, len, ends_entry(d, len) ? MAY_LOAD : MUST_REFUSE, what);
	}
}

/* Puts the parts of the file together in another order. */
static void rearrange(struct damage *d, const struct damage_entry *parts, size_t n,
		      const char *what)
{
	_cleanup_free_ uint8_t *data = malloc(2 * d->len + 1);
	size_t len = d->head;

	if (!data)
		err(1, "%s", d->name);
	memcpy(data, d->data, d->head);
	for (size_t i = 0; i < n; i++) {
		memcpy(data + len, d->data + parts[i].start, parts[i].end - parts[i].start);
		len += parts[i].end - parts[i].start;
	}
	damage_try(d, data, len, MAY_LOAD, what);
}

static void shuffle_entries(struct damage *d)
{
	_cleanup_free_ struct damage_entry *parts = calloc(d->n_entries + 1, sizeof(*parts));
	size_t n = d->n_entries, size = sizeof(*parts);
	char what[96];

	if (!parts)
		err(1, "%s", d->name);
	for (size_t i = 0; i < n; i++) {
		memcpy(parts, d->entries, i * size);
		memcpy(parts + i, d->entries + i + 1, (n - i - 1) * size);
		snprintf(what, sizeof(what), "without entry %zu", i);
		rearrange(d, parts, n - 1, what);

		memcpy(parts, d->entries, (i + 1) * size);
		memcpy(parts + i + 1, d->entries + i, (n - i) * size);
		snprintf(what, sizeof(what), "with entry %zu twice", i);
		rearrange(d, parts, n + 1, what);

		if (i + 1 == n)
			continue;
		memcpy(parts, d->entries, n * size);
		parts[i] = d->entries[i + 1];
		parts[i + 1] = d->entries[i];
		snprintf(what, sizeof(what), "with entries %zu and %zu swapped", i, i + 1);
		rearrange(d, parts, n, what);
	}
}

/* The file goes; what it held must be missed where there was something. */
static void take_away(struct damage *d)
{
	int dir = d->dir;

	if (renameat(dir, d->name, dir, "away") < 0)
		err(1, "%s", d->name);
	damage_judge(d, MAY_LOAD, "removed");
	if (renameat(dir, "away", dir, d->name) < 0)
		err(1, "%s", d->name);
}

/* Finds where entries begin and end; each keeps its message for fields.c. */
static void read_entries(struct damage *d)
{
	struct image_reader *reader;
	ProtobufCMessage *msg;
	int fd = openat(d->dir, d->name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || image_reader_open_any(fd, d->name, &reader) < 0)
		errx(1, "%s: is no image", d->name);
	d->n_entries = 0;
	d->head = d->len - image_reader_left(reader);
	while (image_reader_left(reader)) {
		struct damage_entry *e;

		if (d->n_entries == DAMAGE_ENTRIES)
			errx(1, "%s: more than %d entries", d->name, DAMAGE_ENTRIES);
		e = &d->entries[d->n_entries];
		e->start = d->len - image_reader_left(reader);
		if (image_reader_next(reader, &msg) <= 0)
			errx(1, "%s: %s", d->name, "cannot be read before any damage");
		e->payload = d->len - image_reader_left(reader);
		if (image_reader_skip(reader) < 0)
			errx(1, "%s: cannot be read before any damage", d->name);
		e->end = d->len - image_reader_left(reader);
		e->msg = msg;
		d->n_entries++;
	}
	image_reader_free(reader);
}

static void damage_file(struct damage *d, const char *name)
{
	size_t before = d->n_cases, wrong = d->n_wrong;
	char *data;

	d->name = name;
	if (read_file(d->dir, name, 1 << 20, &data, &d->len) < 0)
		errx(1, "%s: cannot read", name);
	d->data = (uint8_t *)data;
	d->fd = openat(d->dir, name, O_RDWR | O_CLOEXEC);
	if (d->fd < 0)
		err(1, "%s", name);
	/* Loads leave descriptors open; this one is not theirs. */
	d->loader->first_fd = MAX(d->loader->first_fd, d->fd + 1);
	read_entries(d);
	flip_bits(d);
	cut(d);
	shuffle_entries(d);
	damage_fields(d);
	take_away(d);
	for (size_t i = 0; i < d->n_entries; i++)
		image_message_free(d->entries[i].msg);
	free(d->data);
	close(d->fd);
	printf("%s %zu - %s: %zu damages\n", d->n_wrong > wrong ? "not ok" : "ok", ++d->n_files,
	       name, d->n_cases - before);
	d->n_bad_files += d->n_wrong > wrong;
	fflush(stdout);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Page images have no entries; their size is held against the page map's. */
static int is_wanted(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 4 && !strcmp(e->d_name + len - 4, ".img") && strncmp(e->d_name, "pages-", 6);
}

/* Equal but for numbers: core-12.img and core-13.img. */
static bool is_same_kind(const char *a, const char *b)
{
	while (*a && *b) {
		a += strspn(a, "0123456789");
		b += strspn(b, "0123456789");
		if (*a != *b)
			return false;
		if (*a) {
			a++;
			b++;
		}
	}
	return !*a && !*b;
}

/* Two of each kind will do: a leader's and a thread's. */
static bool is_third(struct dirent **names, int i)
{
	return i > 1 && is_same_kind(names[i]->d_name, names[i - 1]->d_name) &&
	       is_same_kind(names[i]->d_name, names[i - 2]->d_name);
}

static void damage_all(struct damage *d, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_wanted, compare_names);

	if (n < 0)
		err(1, "%s", path);
	for (int i = 0; i < n; i++)
		if (!is_third(names, i))
			damage_file(d, names[i]->d_name);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	printf("1..%zu\n# %zu damages, %zu refused, %zu wrong\n", d->n_files, d->n_cases,
	       d->n_refused, d->n_wrong);
	printf("%zu passed, %zu failed, 0 skipped\n", d->n_files - d->n_bad_files,
	       d->n_bad_files);
}

static void remove_copy(const char *path)
{
	DIR *list = opendir(path);
	struct dirent *e;

	while (list && (e = readdir(list)))
		unlinkat(dirfd(list), e->d_name, 0);
	closedir(list);
	rmdir(path);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "every", required_argument, NULL, 'e' }, { "listed", no_argument, NULL, 'l' }, {}
	};
	static struct damage d;
	struct loader loader;
	char path[] = "/dev/shm/damage.XXXXXX";
	int c;

	d.every = 1;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'e')
			d.every = MAX(atoi(optarg), 1);
		else if (c == 'l')
			d.listed = true;
		else
			return 2;
	}
	if (optind + 1 != argc)
		errx(2, "usage: damage [--listed] [--every N] DIR");
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_case);
	if (!mkdtemp(path))
		err(1, "%s", path);
	loader_copy(argv[optind], path, d.listed);
	d.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	loader_init(&loader, path);
	d.loader = &loader;
	if (loader_run(&loader) < 0)
		errx(1, "%s: refused before any damage: %s", argv[optind], loader.said);
	damage_all(&d, path);
	remove_copy(path);
	return d.n_wrong ? 1 : 0;
}
