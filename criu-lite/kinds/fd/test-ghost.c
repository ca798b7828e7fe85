// SPDX-License-Identifier: GPL-2.0-only
/* Images of deleted files that no dump wrote: refused when they are read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/options.h"
#include "core/restore.h"
#include "image/dir.h"
#include "image/writer.h"
#include "images/ghost-file.pb-c.h"
#include "images/remap.pb-c.h"
#include "kinds/kinds.h"
#include "util/arena.h"
#include "util/macro.h"

static const struct file_kind *const files[] = { &regular_kind, NULL };
static const struct kind_table table = { .files = files };

#define N_FILES 3

/* Two files that lead to one ghost, a third one; sound until a case spoils it. */
struct image {
	RegFileEntry regs[N_FILES];
	FownEntry fown;
	RemapFilePathEntry remaps[N_FILES];
	size_t n_remaps;
	bool no_ghost;
	GhostFileEntry ghost;
	GhostXattr xattr, *xattrs[1];
	Timeval atim, mtim;
	GhostChunkEntry chunks[2];
	size_t n_chunks;
	size_t bytes;			/* in the file, after head or last chunk */
};

static void image_init(struct image *i)
{
	static char *const names[N_FILES] = { "/tmp/a", "/tmp/b", "/tmp/link_remap.3" };

	memset(i, 0, sizeof(*i));
	fown_entry__init(&i->fown);
	for (size_t n = 0; n < N_FILES; n++) {
		reg_file_entry__init(&i->regs[n]);
		i->regs[n].id = n + 1;
		i->regs[n].fown = &i->fown;
		i->regs[n].name = names[n];
		remap_file_path_entry__init(&i->remaps[n]);
		i->remaps[n].orig_id = n + 1;
		i->remaps[n].remap_id = 1;
		i->remaps[n].has_remap_type = true;
		i->remaps[n].remap_type = REMAP_TYPE__GHOST;
	}
	i->n_remaps = 2;
	ghost_file_entry__init(&i->ghost);
	timeval__init(&i->atim);
	timeval__init(&i->mtim);
	ghost_xattr__init(&i->xattr);
	i->xattr.name = "user.x";
	i->xattrs[0] = &i->xattr;
	i->ghost.mode = S_IFREG | 0600;
	i->ghost.atim = &i->atim;
	i->ghost.mtim = &i->mtim;
	ghost_chunk_entry__init(&i->chunks[0]);
	ghost_chunk_entry__init(&i->chunks[1]);
}

static void write_ghost(const struct image_dir *dir, const struct image *i)
{
	static const uint8_t data[1 << 16];
	struct image_writer *w;

	assert_int_equal(image_writer_open(dir, IMAGE_GHOST_FILE, 1, &w), 0);
	assert_int_equal(image_write(w, &i->ghost.base), 0);
	for (size_t n = 0; n < i->n_chunks; n++) {
		assert_int_equal(image_write(w, &i->chunks[n].base), 0);
		if (n + 1 < i->n_chunks)
			assert_int_equal(image_writer_extra(w, data, i->chunks[n].len), 0);
	}
	assert_int_equal(image_writer_extra(w, data, i->bytes), 0);
	assert_int_equal(image_writer_close(w), 0);
}

static void write_images(const struct image_dir *dir, struct image *i)
{
	struct image_writer *w;

	assert_int_equal(image_writer_open(dir, IMAGE_FILES, 0, &w), 0);
	for (size_t n = 0; n < N_FILES; n++) {
		FileEntry e = FILE_ENTRY__INIT;

		e.type = FD_TYPES__REG;
		e.id = i->regs[n].id;
		e.reg = &i->regs[n];
		assert_int_equal(image_write(w, &e.base), 0);
	}
	assert_int_equal(image_writer_close(w), 0);
	assert_int_equal(image_writer_open(dir, IMAGE_REMAP_FPATH, 0, &w), 0);
	for (size_t n = 0; n < i->n_remaps; n++)
		assert_int_equal(image_write(w, &i->remaps[n].base), 0);
	assert_int_equal(image_writer_close(w), 0);
	if (!i->no_ghost)
		write_ghost(dir, i);
}

/* What restore says of the images. */
static int load(struct image *i)
{
	static const struct options opts;
	char path[] = "/tmp/test-ghost-XXXXXX", command[64];
	struct restore r = { .opts = &opts, .kinds = &table, .arena = arena_new() };
	int ret;

	TAILQ_INIT(&r.tasks);
	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_open(path, &r.images), 0);
	write_images(r.images, i);
	ret = restore_files_load(&r);
	for (size_t n = 0; n < r.n_files; n++)
		protobuf_c_message_free_unpacked(&r.files[n].entry->base, NULL);
	free(r.files);
	image_dir_free(r.images);
	arena_free(r.arena);
	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
	return ret;
}

static void sound_plain(struct image *i)
{
	i->bytes = 100;
}

static void sound_chunks(struct image *i)
{
	i->ghost.has_chunks = i->ghost.chunks = i->ghost.has_size = true;
	i->ghost.size = 40000;
	i->n_chunks = 2;
	i->chunks[0].off = 4096;
	i->chunks[0].len = 4096;
	i->chunks[1].off = 30000;
	i->chunks[1].len = i->bytes = 10000;
}

static void sound_link(struct image *i)
{
	for (size_t n = 0; n < 2; n++) {
		i->remaps[n].remap_type = REMAP_TYPE__LINKED;
		i->remaps[n].remap_id = 3;
	}
}

/* Images of old: bit 31 says that it is a ghost. */
static void sound_without_type(struct image *i)
{
	sound_link(i);
	i->remaps[0].has_remap_type = i->remaps[1].has_remap_type = false;
	i->remaps[0].remap_id = 0x80000001;
	i->bytes = 3;
}

static void sound_symlink(struct image *i)
{
	i->ghost.mode = S_IFLNK | 0777;
	i->ghost.symlnk_target = "somewhere";
}

#define SPOIL(name, base, code)						\
	static void name(struct image *i)				\
	{								\
		base(i);						\
		code;							\
	}

SPOIL(no_image, sound_plain, i->no_ghost = true)
SPOIL(no_file, sound_plain, i->remaps[1].orig_id = 9)
SPOIL(file_twice, sound_plain, i->remaps[1].orig_id = 1)
SPOIL(of_a_dead_task, sound_plain, i->remaps[1].remap_type = REMAP_TYPE__PROCFS)
SPOIL(relative, sound_plain, i->regs[1].name = "tmp/b")
SPOIL(goes_up, sound_plain, i->regs[1].name = "/tmp/../b")
SPOIL(ends_up, sound_plain, i->regs[1].name = "/tmp/..")
SPOIL(ends_in_slash, sound_plain, i->regs[1].name = "/tmp/")
SPOIL(is_the_root, sound_plain, i->regs[1].name = "/")
SPOIL(other_mode, sound_plain, i->regs[0].has_mode = true; i->regs[0].mode = S_IFDIR | 0700)
SPOIL(no_type, sound_plain, i->ghost.mode = 0600)
SPOIL(mode_bits, sound_plain, i->ghost.mode = 0x10000 | S_IFREG)
SPOIL(no_owner, sound_plain, i->ghost.uid = UINT32_MAX)
SPOIL(microseconds, sound_plain, i->mtim.tv_usec = 1000000)
SPOIL(seconds, sound_plain, i->atim.tv_sec = UINT64_MAX)
SPOIL(nanoseconds, sound_plain, i->ghost.has_atim_rest = true; i->ghost.atim_rest = 1000)
SPOIL(size_and_bytes, sound_plain, i->ghost.has_size = true; i->ghost.size = 101)
SPOIL(directory_with_bytes, sound_plain, i->ghost.mode = S_IFDIR | 0700)
SPOIL(device_without_number, image_init, i->ghost.mode = S_IFCHR | 0700)
SPOIL(long_attribute, sound_plain, i->ghost.n_xattrs = 1; i->ghost.xattrs = i->xattrs;
      i->xattr.value.len = 65537; i->xattr.value.data = calloc(1, 65537))
SPOIL(chunks_without_size, sound_chunks, i->ghost.has_size = false)
SPOIL(chunks_negative_size, sound_chunks, i->ghost.size = 1UL << 63)
SPOIL(chunks_of_directory, sound_chunks, i->ghost.mode = S_IFDIR | 0700)
SPOIL(chunk_past_size, sound_chunks, i->ghost.size = 39999)
SPOIL(chunk_beyond_size, sound_chunks, i->chunks[1].off = 50000)
SPOIL(chunk_wraps, sound_chunks, i->chunks[1].off = UINT64_MAX)
SPOIL(chunk_overlaps, sound_chunks, i->chunks[1].off = 8191)
SPOIL(chunk_before, sound_chunks, i->chunks[1].off = 0)
SPOIL(chunk_empty, sound_chunks, i->chunks[1].len = 0; i->bytes = 0)
SPOIL(chunk_huge, sound_chunks, i->chunks[1].len = UINT64_MAX)
SPOIL(chunk_short, sound_chunks, i->bytes = 9999)
SPOIL(symlink_without_text, sound_symlink, i->ghost.symlnk_target = NULL)
SPOIL(symlink_empty, sound_symlink, i->ghost.symlnk_target = "")
SPOIL(link_to_nothing, sound_link, i->remaps[0].remap_id = 9)
SPOIL(link_to_itself, sound_link, i->remaps[0].remap_id = 1)
SPOIL(link_of_link, sound_link, i->n_remaps = 3)
SPOIL(link_goes_up, sound_link, i->regs[2].name = "/tmp/../x")

typedef void (*spoil_fn)(struct image *);

static void test_sound(void **state)
{
	static const spoil_fn cases[] = {
		sound_plain, sound_chunks, sound_link, sound_without_type, sound_symlink,
	};
	struct image i;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		image_init(&i);
		cases[n](&i);
		if (load(&i) < 0)
			fail_msg("case %zu was refused", n);
	}
}

static void test_hostile(void **state)
{
	static const spoil_fn cases[] = {
		no_image, no_file, file_twice, of_a_dead_task, relative, goes_up, ends_up,
		ends_in_slash, is_the_root, other_mode, no_type, mode_bits, no_owner, microseconds,
		seconds, nanoseconds, size_and_bytes, directory_with_bytes, device_without_number,
		long_attribute, chunks_without_size, chunks_negative_size, chunks_of_directory,
		chunk_past_size, chunk_beyond_size, chunk_wraps, chunk_overlaps, chunk_before,
		chunk_empty, chunk_huge, chunk_short, symlink_without_text, symlink_empty,
		link_to_nothing, link_to_itself, link_of_link, link_goes_up,
	};
	struct image i;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		image_init(&i);
		cases[n](&i);
		if (load(&i) >= 0)
			fail_msg("case %zu was taken", n);
		free(i.xattr.value.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
