// SPDX-License-Identifier: GPL-2.0-only
/* The list of images in an inventory: what differs from it is refused by name. */
#include <errno.h>
#include <fcntl.h>
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

#include "image/dir.h"
#include "image/list.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/fs.pb-c.h"

struct fixture {
	char path[32];
	struct image_dir *dir;
	InventoryEntry *kept;
};

static void write_fs(const struct image_dir *dir, int key)
{
	FsEntry fs = FS_ENTRY__INIT;

	assert_int_equal(image_write_single(dir, IMAGE_FS, key, &fs.base), 0);
}

/* Two images, one of them written twice, raw pages, and one that no dump wrote. */
static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;
	int fd;

	strcpy(fx->path, "/tmp/test-list.XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	assert_int_equal(image_dir_open(fx->path, &fx->dir), 0);
	write_fs(fx->dir, 3);
	image_dir_free(fx->dir);
	assert_int_equal(image_dir_open(fx->path, &fx->dir), 0);
	write_fs(fx->dir, 2);
	write_fs(fx->dir, 1);
	write_fs(fx->dir, 2);
	fd = image_open_raw(fx->dir, IMAGE_PAGES, 1, O_WRONLY | O_CREAT);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "pages", 5), 5);
	close(fd);
	inventory.img_version = 2;
	assert_int_equal(image_dir_commit(fx->dir, &inventory), 0);
	image_dir_free(fx->dir);
	assert_int_equal(image_dir_open(fx->path, &fx->dir), 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", fx->path);
	image_dir_free(fx->dir);
	if (fx->kept)
		inventory_entry__free_unpacked(fx->kept, NULL);
	free(fx);
	*state = NULL;
	return system(command);
}

static int check(struct fixture *fx, bool edited)
{
	InventoryEntry *inventory;
	int r = image_read_inventory(fx->dir, &inventory);

	if (r < 0)
		return r;
	r = image_list_check(fx->dir, inventory, edited);
	if (r >= 0)
		r = image_list_check_page_crcs(fx->dir, inventory, edited);
	/* The directory keeps the list that it hides by. */
	if (r < 0 || edited || !inventory->n_images)
		inventory_entry__free_unpacked(inventory, NULL);
	else
		fx->kept = inventory;
	return r;
}

static void flip(struct fixture *fx, const char *name, off_t at, int bit)
{
	int fd = image_open_named(fx->dir, name, O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1 << bit;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static off_t size_of(struct fixture *fx, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(fx->dir->fd, name, &st, 0), 0);
	return st.st_size;
}

static void test_flips(void **state)
{
	static const char *const names[] = { "fs-1.img", "fs-2.img", "inventory.img" };
	struct fixture *fx = *state;

	for (size_t i = 0; i < 3; i++) {
		for (off_t bit = 0; bit < 8 * size_of(fx, names[i]); bit++) {
			flip(fx, names[i], bit / 8, bit % 8);
			assert_true(check(fx, false) < 0);
			flip(fx, names[i], bit / 8, bit % 8);
		}
	}
	assert_int_equal(check(fx, true), 0);
}

static void test_sizes(void **state)
{
	struct fixture *fx = *state;
	int fd;

	assert_int_equal(unlinkat(fx->dir->fd, "fs-2.img", 0), 0);
	assert_int_equal(check(fx, false), -EINVAL);
	assert_int_equal(check(fx, true), 0);
	write_fs(fx->dir, 2);
	assert_int_equal(check(fx, true), 0);
	/* What pages hold has no checksum, how many there are is known. */
	flip(fx, "pages-1.img", 0, 0);
	assert_int_equal(check(fx, true), 0);
	fd = image_open_raw(fx->dir, IMAGE_PAGES, 1, O_RDWR);
	assert_int_equal(ftruncate(fd, 4), 0);
	close(fd);
	assert_int_equal(check(fx, false), -EINVAL);
	assert_int_equal(check(fx, true), 0);
}

/* An image that was left from an older dump is not there; edited images may be new. */
static void test_hides(void **state)
{
	struct fixture *fx = *state;
	ProtobufCMessage *msg;

	assert_int_equal(check(fx, true), 0);
	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 3, &msg), 0);
	image_message_free(msg);
	assert_int_equal(check(fx, false), 0);
	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 3, &msg), -ENOENT);
	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 1, &msg), 0);
	image_message_free(msg);
}

/* As CRIU's, and as crit encodes it: nothing to hold the images against. */
static void test_without(void **state)
{
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;
	struct fixture *fx = *state;

	inventory.img_version = 2;
	assert_int_equal(image_write_single(fx->dir, IMAGE_INVENTORY, 0, &inventory.base), 0);
	flip(fx, "fs-1.img", 9, 0);
	assert_int_equal(check(fx, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flips, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
