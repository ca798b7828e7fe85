// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of image/reader, writer and dir: files byte by byte, files that
 * are damaged, and directories that are not what they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/fdinfo.pb-c.h"
#include "images/file-lock.pb-c.h"
#include "images/fs.pb-c.h"
#include "images/ghost-file.pb-c.h"
#include "images/ids.pb-c.h"
#include "images/ipc.pb-c.h"
#include "images/pagemap.pb-c.h"
#include "images/pipe-data.pb-c.h"
#include "images/pstree.pb-c.h"
#include "images/seccomp.pb-c.h"
#include "images/sk-queue.pb-c.h"
#include "images/stats.pb-c.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* Every test has a directory of its own: images in DIR/images, a log beside it. */
struct fixture {
	char path[64];
	struct image_dir *dir;
	int top;			/* descriptor of path */
};

/* Errors are what these tests are about: they go to the log alone. */
static void start_log(struct fixture *fx)
{
	assert_int_equal(log_open(fx->top, "log", LOG_LEVEL_WARN), 0);
	log_set_fds(log_fd(), -1);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	char images[96];

	assert_non_null(fx);
	strcpy(fx->path, "/tmp/test-image.XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	snprintf(images, sizeof(images), "%s/images", fx->path);
	assert_int_equal(mkdir(images, 0755), 0);
	assert_int_equal(image_dir_open(images, &fx->dir), 0);
	fx->top = open(fx->path, O_RDONLY | O_DIRECTORY);
	assert_true(fx->top >= 0);
	start_log(fx);
	*state = fx;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	log_close();
	image_dir_free(fx->dir);
	close(fx->top);
	nftw(fx->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fx);
	return 0;
}

/* Whether the log holds the text; what it held is forgotten. */
static bool logged(struct fixture *fx, const char *text)
{
	char *log;
	bool found;

	assert_int_equal(read_file(fx->top, "log", 1 << 20, &log, NULL), 0);
	found = strstr(log, text);
	if (!found)
		print_message("the log is: %s", log);
	free(log);
	log_close();
	assert_int_equal(unlinkat(fx->top, "log", 0), 0);
	start_log(fx);
	return found;
}

static void put_file(struct fixture *fx, const char *name, const void *data, size_t len)
{
	int fd = openat(fx->dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, data, len), 0);
	close(fd);
}

static size_t get_file(struct fixture *fx, const char *name, uint8_t *buf, size_t cap)
{
	int fd = openat(fx->dir->fd, name, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read_all(fd, buf, cap);
	assert_true(n >= 0);
	close(fd);
	return n;
}

/*
 * Images as CRIU 4.2 writes them (spec/images.md, section 22), and some more of
 * shapes that are missing there. `entries` is what a reader must find.
 */
static const struct example {
	enum image_type type;
	uint64_t key;
	const char *name;
	const char *hex;
	size_t entries;
} examples[] = {
	{ IMAGE_PSTREE, 0, "pstree.img",
	  "19435654 30302750 0a000000 0801 1000 1801 2001 2801", 1 },
	{ IMAGE_IDS, 1, "ids-1.img",
	  "19435654 30204354 18000000 0802 1002 1802 2002 2809 300a 380b 400c 480d 5007 580e 6005",
	  1 },
	{ IMAGE_FS, 1, "fs-1.img", "19435654 12394051 06000000 081d 101e 1812", 1 },
	{ IMAGE_FDINFO, 2, "fdinfo-2.img",
	  "19435654 32372156 08000000 0802 1000 1801 2000 08000000 0803 1001 1802 2001", 2 },
	{ IMAGE_SHMEM_PAGEMAP, 0, "pagemap-shmem-0.img",
	  "19435654 25400856 02000000 0802 09000000 088020 1000 2004 2801", 2 },
	{ IMAGE_SK_QUEUES, 0, "sk-queues.img",
	  "19435654 26402656 0a000000 080a 1003 2204 0801 100b 73636d", 1 },
	{ IMAGE_IPCNS_MSG, 11, "ipcns-msg-11.img",
	  "19435654 37374555 17000000 0a0f 0801 1000 1800 2000 2800 30b603 3800 10808001 1801"
	  "04000000 0803 1005 6162636465000000", 1 },
	{ IMAGE_IPCNS_SEM, 11, "ipcns-sem-11.img",
	  "19435654 19305759 13000000 0a0f 0801 1000 1800 2000 2800 30b603 3800 1003"
	  "0000 2a00 0000 0000", 1 },
	{ IMAGE_SECCOMP, 0, "seccomp.img", "19435654 49304164 00000000", 1 },
	{ IMAGE_FILE_LOCKS, 0, "filelocks.img",
	  "19435654 16363254 0c000000 0802 1001 1801 200d 2800 3000"
	  "0c000000 0801 1001 1801 200d 280a 3014", 2 },
	{ IMAGE_INVENTORY, 0, "inventory.img", "16313158 04000000 0802 1001", 1 },
	{ IMAGE_STATS_RESTORE, 0, "stats-restore",
	  "40591055 06330957 0a000000 1208 0801 1002 1803 2004", 1 },
	{ IMAGE_PIPES_DATA, 0, "pipes-data.img",
	  "19435654 09374556 04000000 0807 1000 08000000 0808 1002 18808004 6869", 2 },
	{ IMAGE_TCP_STREAM, 0xabc, "tcp-stream-abc.img",
	  "19435654 06554651 0e000000 0802 1000 1801 2000 2800 3000 3800 616263", 1 },
	{ IMAGE_GHOST_FILE, 0x1f, "ghost-file-1f.img",
	  "19435654 05365852 08000000 0800 1000 18a48302 74657874", 1 },
	{ IMAGE_GHOST_FILE, 0x20, "ghost-file-20.img",
	  "19435654 05365852 0d000000 0800 1000 18a48302 4801 50904e"
	  "04000000 0802 1000 6869 05000000 0802 108827 686f", 3 },
	{ IMAGE_TTY_DATA, 0, "tty-data.img", "19435654 26304159", 0 },
};

static size_t from_hex(const char *hex, uint8_t *buf)
{
	size_t n = 0;
	unsigned int byte;

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		buf[n++] = byte;
		hex += 2;
	}
	return n;
}

/* Reads all of an image. Returns the entries, or -errno. */
static int count_entries(struct fixture *fx, const struct example *ex)
{
	_cleanup_(image_reader_cleanup) struct image_reader *r = NULL;
	ProtobufCMessage *msg;
	int n = 0, ret;

	ret = image_reader_open(fx->dir, ex->type, ex->key, &r);
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(r, &msg)) > 0) {
		image_message_free(msg);
		n++;
	}
	return ret < 0 ? ret : n;
}

static void copy_extra(struct image_reader *r, struct image_writer *w)
{
	int64_t left = image_reader_extra_left(r);
	uint8_t buf[256];

	if (left < 0)
		return;
	assert_true(left <= (int64_t)sizeof(buf));
	assert_int_equal(image_reader_extra(r, buf, left), 0);
	assert_int_equal(image_writer_extra(w, buf, left), 0);
	assert_int_equal(image_reader_extra_left(r), 0);
	assert_int_equal(image_reader_extra(r, buf, 1), -EINVAL);
}

/* Reads an image entry by entry, payload too, and writes each into another. */
static void copy_image(struct fixture *fx, const struct example *ex)
{
	struct image_reader *r;
	struct image_writer *w;
	ProtobufCMessage *msg, *record;
	int ret;

	assert_int_equal(image_reader_open(fx->dir, ex->type, ex->key, &r), 0);
	assert_int_equal(unlinkat(fx->dir->fd, ex->name, 0), 0);
	assert_int_equal(image_writer_open(fx->dir, ex->type, ex->key, &w), 0);
	while ((ret = image_reader_next(r, &msg)) > 0) {
		assert_int_equal(image_write(w, msg), 0);
		image_message_free(msg);
		copy_extra(r, w);
		while ((ret = image_reader_record(r, &record)) > 0) {
			assert_int_equal(image_write_record(w, record), 0);
			image_message_free(record);
			copy_extra(r, w);
		}
		assert_int_equal(ret, 0);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(image_reader_left(r), 0);
	assert_int_equal(image_writer_close(w), 0);
	image_reader_free(r);
}

static void test_examples(void **state)
{
	struct fixture *fx = *state;
	uint8_t want[256], got[256];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		const struct example *ex = &examples[i];
		size_t len = from_hex(ex->hex, want);
		struct stat st;

		put_file(fx, ex->name, want, len);
		assert_int_equal(count_entries(fx, ex), ex->entries);
		copy_image(fx, ex);
		assert_int_equal(get_file(fx, ex->name, got, sizeof(got)), len);
		assert_memory_equal(got, want, len);
		assert_int_equal(fstatat(fx->dir->fd, ex->name, &st, 0), 0);
		assert_int_equal(st.st_mode & 0133, 0);
	}
}

/* The values, not only the bytes. */
static void test_values(void **state)
{
	struct fixture *fx = *state;
	ProtobufCMessage *msg;
	struct image_reader *r;
	uint8_t buf[256];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		put_file(fx, examples[i].name, buf, from_hex(examples[i].hex, buf));

	assert_int_equal(image_read_single(fx->dir, IMAGE_IDS, 1, &msg), 0);
	assert_int_equal(((TaskKobjIdsEntry *)msg)->mnt_ns_id, 13);
	assert_int_equal(((TaskKobjIdsEntry *)msg)->time_ns_id, 5);
	image_message_free(msg);

	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 1, &msg), 0);
	assert_int_equal(((FsEntry *)msg)->cwd_id, 29);
	assert_int_equal(((FsEntry *)msg)->umask, 022);
	image_message_free(msg);

	assert_int_equal(image_reader_open(fx->dir, IMAGE_SHMEM_PAGEMAP, 0, &r), 0);
	assert_int_equal(image_reader_next(r, &msg), 1);
	assert_int_equal(((PagemapHead *)msg)->pages_id, 2);
	image_message_free(msg);
	assert_int_equal(image_reader_next(r, &msg), 1);
	assert_int_equal(((PagemapEntry *)msg)->vaddr, 4096);
	assert_int_equal(((PagemapEntry *)msg)->nr_pages, 1);
	image_message_free(msg);
	assert_int_equal(image_reader_next(r, &msg), 0);
	image_reader_free(r);

	assert_int_equal(image_reader_open(fx->dir, IMAGE_SK_QUEUES, 0, &r), 0);
	assert_int_equal(image_reader_next(r, &msg), 1);
	assert_int_equal(((SkPacketEntry *)msg)->scm[0]->rights[0], 11);
	image_message_free(msg);
	assert_int_equal(image_reader_extra_left(r), 3);
	assert_int_equal(image_reader_extra(r, buf, 3), 0);
	assert_memory_equal(buf, "scm", 3);
	image_reader_free(r);
}

/* A cut is either seen, or falls between two entries and shortens the image. */
static void test_truncated(void **state)
{
	struct fixture *fx = *state;
	uint8_t buf[256];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		const struct example *ex = &examples[i];
		size_t len = from_hex(ex->hex, buf), clean = 0;
		int last = -1;

		for (size_t cut = 0; cut < len; cut++) {
			int n;

			put_file(fx, ex->name, buf, cut);
			n = count_entries(fx, ex);
			/* Data to the end of the file has no end of its own. */
			if (n == last && ex->type == IMAGE_GHOST_FILE && n == 1)
				continue;
			assert_true(n == -EINVAL || n == last + 1);
			if (n < 0)
				continue;
			last = n;
			clean++;
		}
		assert_int_equal(clean, ex->entries + (ex->key == 0x1f));
	}
}

static void check_refused(struct fixture *fx, const char *hex, const char *why)
{
	static const struct example pstree = { .type = IMAGE_PSTREE };
	uint8_t buf[256];

	put_file(fx, "pstree.img", buf, from_hex(hex, buf));
	assert_int_equal(count_entries(fx, &pstree), -EINVAL);
	assert_true(logged(fx, why));
}

#define PSTREE_HEAD "19435654 30302750 "
#define PSTREE_ENTRY "08000000 0801 1000 1801 2001 "

static void test_damaged(void **state)
{
	struct fixture *fx = *state;

	check_refused(fx, "", "/pstree.img: too short");
	check_refused(fx, "19435654", "too short");
	check_refused(fx, "19435654 49304164", "begins like SECCOMP");
	check_refused(fx, "40591055 30302750", "not a PSTREE image");
	check_refused(fx, "30302750", "not a PSTREE image of version 2");
	check_refused(fx, "00000000 00000000", "something else");
	check_refused(fx, PSTREE_HEAD "ffffffff", "entry 0 at offset 8: its size 4294967295");
	check_refused(fx, PSTREE_HEAD PSTREE_ENTRY "09000000 0801 1000 1801 2001",
		      "entry 1 at offset 20: its size 9 goes past the end");
	check_refused(fx, PSTREE_HEAD PSTREE_ENTRY "0800", "the file ends within a size");
	check_refused(fx, PSTREE_HEAD "06000000 0801 1000 2001", "pstree_entry.pgid is missing");
}

static void test_payload_past_end(void **state)
{
	static const struct {
		const char *name;
		struct example ex;
		const char *hex;
	} cases[] = {
		{ "pipes-data.img", { .type = IMAGE_PIPES_DATA },
		  "19435654 09374556 08000000 0807 10ffffffff0f 61" },
		{ "tcp-stream-1.img", { .type = IMAGE_TCP_STREAM, .key = 1 },
		  "19435654 06554651 16000000 08ffffffff0f 1000 18ffffffff0f 2000 2800 3000 3800" },
		{ "ghost-file-1.img", { .type = IMAGE_GHOST_FILE, .key = 1 },
		  "19435654 05365852 08000000 0800 1000 1800 4801"
		  "0d000000 08ffffffffffffffffff01 1000" },
		{ "ipcns-msg-1.img", { .type = IMAGE_IPCNS_MSG, .key = 1 },
		  "19435654 37374555 18000000 0a0f 0801 1000 1800 2000 2800 30b603 3800"
		  "1000 18ffffff07 04000000" },
	};
	struct fixture *fx = *state;
	uint8_t buf[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put_file(fx, cases[i].name, buf, from_hex(cases[i].hex, buf));
		assert_int_equal(count_entries(fx, &cases[i].ex), -EINVAL);
		assert_true(logged(fx, "past the end of the file"));
	}
}

/* Whatever bit is wrong: an error or another value, never more than that. */
static void test_bit_flips(void **state)
{
	struct fixture *fx = *state;
	uint8_t buf[256];
	size_t refused = 0;

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		size_t len = from_hex(examples[i].hex, buf);

		for (size_t bit = 0; bit < len * 8; bit++) {
			buf[bit / 8] ^= 1 << bit % 8;
			put_file(fx, examples[i].name, buf, len);
			if (count_entries(fx, &examples[i]) < 0)
				refused++;
			buf[bit / 8] ^= 1 << bit % 8;
		}
	}
	/* Every flip in a magic at least: 8 bytes each, 4 of the inventory's. */
	assert_true(refused >= (ARRAY_SIZE(examples) * 8 - 4) * 8);
}

static void test_single(void **state)
{
	struct fixture *fx = *state;
	ProtobufCMessage *msg;
	uint8_t buf[64];

	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 7, &msg), -ENOENT);
	put_file(fx, "fs-7.img", buf,
		 from_hex("19435654 12394051 04000000 081d 101e 04000000 081d 101e", buf));
	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 7, &msg), -EINVAL);
	assert_true(logged(fx, "has one entry only"));
	put_file(fx, "fs-7.img", buf, from_hex("19435654 12394051", buf));
	assert_int_equal(image_read_single(fx->dir, IMAGE_FS, 7, &msg), -EINVAL);
	assert_true(logged(fx, "there is no entry"));
	put_file(fx, "pstree.img", buf, from_hex(PSTREE_HEAD PSTREE_ENTRY PSTREE_ENTRY, buf));
	assert_int_equal(image_read_single(fx->dir, IMAGE_PSTREE, 0, &msg), -EINVAL);
}

static void test_versions(void **state)
{
	static const struct example pstree = { .type = IMAGE_PSTREE };
	struct fixture *fx = *state;
	InventoryEntry *inventory;
	uint8_t buf[64];

	assert_int_equal(image_read_inventory(fx->dir, &inventory), -ENOENT);
	put_file(fx, "inventory.img", buf, from_hex("16313158 02000000 0801", buf));
	assert_int_equal(image_read_inventory(fx->dir, &inventory), 0);
	inventory_entry__free_unpacked(inventory, NULL);
	assert_int_equal(fx->dir->img_version, 1);
	put_file(fx, "pstree.img", buf, from_hex("30302750 " PSTREE_ENTRY, buf));
	assert_int_equal(count_entries(fx, &pstree), 1);
	put_file(fx, "pstree.img", buf, from_hex(PSTREE_HEAD PSTREE_ENTRY, buf));
	assert_int_equal(count_entries(fx, &pstree), -EINVAL);

	put_file(fx, "inventory.img", buf, from_hex("16313158 02000000 0803", buf));
	assert_int_equal(image_read_inventory(fx->dir, &inventory), -EINVAL);
	put_file(fx, "inventory.img", buf, from_hex("16313158 02000000 0800", buf));
	assert_int_equal(image_read_inventory(fx->dir, &inventory), -EINVAL);
	assert_true(logged(fx, "pre-dump"));
}

static void test_names(void **state)
{
	static const struct {
		enum image_type type;
		uint64_t key;
		const char *name;
	} cases[] = {
		{ IMAGE_CORE, 4194304, "core-4194304.img" },
		{ IMAGE_GHOST_FILE, 255, "ghost-file-ff.img" },
		{ IMAGE_INVENTORY, 5, "inventory.img" },
		{ IMAGE_SHMEM_PAGEMAP, UINT64_MAX, "pagemap-shmem-18446744073709551615.img" },
		{ IMAGE_STATS_DUMP, 0, "stats-dump" },
		{ IMAGE_TMPFS_DEV, 41, "tmpfs-dev-41.tar.gz.img" },
	};
	char name[IMAGE_NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image_name(image_desc(cases[i].type), cases[i].key, name);
		assert_string_equal(name, cases[i].name);
	}
	for (int i = 0; i < IMAGE_TYPE_COUNT; i++) {
		image_name(image_desc(i), UINT64_MAX, name);
		assert_true(strlen(name) < IMAGE_NAME_MAX - 1);
		assert_null(strchr(name, '/'));
	}
	assert_ptr_equal(image_desc_raw_by_name("pages-12.img"), image_desc(IMAGE_PAGES));
	assert_null(image_desc_raw_by_name("pages-.img"));
	assert_null(image_desc_raw_by_name("pages-1x.img"));
	assert_null(image_desc_raw_by_name("pagemap-1.img"));
	assert_null(image_desc_raw_by_name("core-1.img"));
}

/* Nothing outside the directory is ever opened. */
static void test_escapes(void **state)
{
	struct fixture *fx = *state;
	char proc[64];

	put_file(fx, "../outside", "secret", 6);
	assert_int_equal(image_open_named(fx->dir, "../outside", O_RDONLY), -EXDEV);
	assert_int_equal(image_open_named(fx->dir, "/etc/passwd", O_RDONLY), -EXDEV);
	assert_int_equal(image_open_named(fx->dir, "a/../../outside", O_RDONLY), -ENOENT);

	assert_int_equal(symlinkat("../outside", fx->dir->fd, "pages-1.img"), 0);
	assert_int_equal(image_open_raw(fx->dir, IMAGE_PAGES, 1, O_RDONLY), -EXDEV);
	assert_true(logged(fx, "pages-1.img: leads out of the image directory"));
	assert_int_equal(symlinkat("/etc/passwd", fx->dir->fd, "pages-2.img"), 0);
	assert_int_equal(image_open_raw(fx->dir, IMAGE_PAGES, 2, O_RDONLY), -EXDEV);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fx->top);
	assert_int_equal(symlinkat(proc, fx->dir->fd, "pages-3.img"), 0);
	assert_true(image_open_raw(fx->dir, IMAGE_PAGES, 3, O_RDONLY) < 0);
	assert_int_equal(mkfifoat(fx->dir->fd, "pages-4.img", 0644), 0);
	assert_int_equal(image_open_raw(fx->dir, IMAGE_PAGES, 4, O_RDONLY), -EINVAL);
	assert_true(logged(fx, "not a regular file"));
}

/* Writing replaces a link, it does not follow one. */
static void test_new_files(void **state)
{
	struct fixture *fx = *state;
	uint8_t buf[8];
	int fd;

	put_file(fx, "../outside", "secret", 6);
	assert_int_equal(symlinkat("../outside", fx->dir->fd, "pages-1.img"), 0);
	assert_int_equal(linkat(fx->top, "outside", fx->dir->fd, "pages-2.img", 0), 0);
	for (int key = 1; key <= 2; key++) {
		fd = image_open_raw(fx->dir, IMAGE_PAGES, key, O_RDWR | O_CREAT | O_TRUNC);
		assert_true(fd >= 0);
		assert_int_equal(write_all(fd, "x", 1), 0);
		close(fd);
	}
	assert_int_equal(get_file(fx, "../outside", buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "secret", 6);
}

static bool exists(struct fixture *fx, const char *name)
{
	return faccessat(fx->dir->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_commit(void **state)
{
	struct fixture *fx = *state;
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;
	InventoryEntry *got;

	inventory.img_version = 2;
	assert_int_equal(image_dir_begin(fx->dir), 0);
	assert_int_equal(image_dir_commit(fx->dir, &inventory), 0);
	assert_true(exists(fx, "inventory.img"));
	assert_false(exists(fx, "inventory.img.new"));
	assert_int_equal(image_read_inventory(fx->dir, &got), 0);
	inventory_entry__free_unpacked(got, NULL);
	put_file(fx, "inventory.img.new", "x", 1);
	assert_int_equal(image_dir_begin(fx->dir), 0);
	assert_false(exists(fx, "inventory.img"));
	assert_false(exists(fx, "inventory.img.new"));
	/* A directory in its place can't be removed, and is no inventory. */
	assert_int_equal(mkdirat(fx->dir->fd, "inventory.img", 0755), 0);
	assert_true(image_dir_begin(fx->dir) < 0);
	assert_true(image_dir_commit(fx->dir, &inventory) < 0);
}

static void test_parent(void **state)
{
	struct fixture *fx = *state;
	struct image_dir *chain[3], *next;
	int r;

	assert_int_equal(image_dir_open_parent(fx->dir, &next), -ENOENT);
	assert_int_equal(symlinkat("../nowhere", fx->dir->fd, "parent"), 0);
	assert_int_equal(image_dir_open_parent(fx->dir, &next), -ENOTDIR);
	assert_int_equal(unlinkat(fx->dir->fd, "parent", 0), 0);

	assert_int_equal(mkdirat(fx->top, "before", 0755), 0);
	assert_int_equal(symlinkat("../before", fx->dir->fd, "parent"), 0);
	assert_int_equal(image_dir_open_parent(fx->dir, &chain[0]), 0);
	assert_int_equal(chain[0]->depth, 1);
	assert_int_equal(image_dir_open_parent(chain[0], &next), -ENOENT);
	image_dir_free(chain[0]);

	/* A circle has an end too. */
	assert_int_equal(symlinkat("../images", fx->top, "before/parent"), 0);
	assert_int_equal(image_dir_open_parent(fx->dir, &chain[0]), 0);
	for (;;) {
		r = image_dir_open_parent(chain[0], &next);
		image_dir_free(chain[0]);
		if (r < 0)
			break;
		chain[0] = next;
	}
	assert_int_equal(r, -ELOOP);

	assert_int_equal(unlinkat(fx->dir->fd, "parent", 0), 0);
	assert_int_equal(mkdirat(fx->dir->fd, "parent", 0755), 0);
	assert_int_equal(image_dir_open_parent(fx->dir, &next), -EINVAL);
}

static void test_incomplete_message(void **state)
{
	struct fixture *fx = *state;
	IpcSemEntry entry = IPC_SEM_ENTRY__INIT;	/* without its desc */

	assert_int_equal(image_write_single(fx->dir, IMAGE_IPCNS_SEM, 1, &entry.base), -EINVAL);
	assert_true(logged(fx, "incomplete"));
}

/* Entries and payload larger than the buffers, and both around their edge. */
static void test_large(void **state)
{
	struct fixture *fx = *state;
	PipeDataEntry entry = PIPE_DATA_ENTRY__INIT;
	static uint8_t data[1 << 20], back[1 << 20];
	struct image_writer *w;
	struct image_reader *r;
	ProtobufCMessage *msg;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 31 >> 3;
	assert_int_equal(image_writer_open(fx->dir, IMAGE_PIPES_DATA, 0, &w), 0);
	for (size_t len = 1; len <= sizeof(data); len = len * 2 + 1) {
		entry.bytes = len;
		assert_int_equal(image_write(w, &entry.base), 0);
		assert_int_equal(image_writer_extra(w, data, len / 2), 0);
		assert_int_equal(write_all(image_writer_fd(w), data + len / 2, len - len / 2), 0);
	}
	assert_int_equal(image_writer_close(w), 0);
	assert_int_equal(image_reader_open(fx->dir, IMAGE_PIPES_DATA, 0, &r), 0);
	for (size_t len = 1; len <= sizeof(data); len = len * 2 + 1) {
		assert_int_equal(image_reader_next(r, &msg), 1);
		image_message_free(msg);
		assert_int_equal(image_reader_extra_left(r), len);
		assert_int_equal(image_reader_extra(r, back, len), 0);
		assert_memory_equal(back, data, len);
	}
	assert_int_equal(image_reader_next(r, &msg), 0);
	image_reader_free(r);
}

/* In a child with a mount namespace of its own, on a file system of 64 KiB. */
static int fill_disk(void)
{
	static uint8_t data[1 << 20];
	PipeDataEntry entry = PIPE_DATA_ENTRY__INIT;
	struct image_writer *w;
	struct image_dir *dir;
	int first, last;

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, "size=64k") < 0)
		return 77;
	if (image_dir_open("/tmp", &dir) < 0 ||
	    image_writer_open(dir, IMAGE_PIPES_DATA, 0, &w) < 0)
		return 1;
	entry.bytes = sizeof(data);
	image_write(w, &entry.base);
	first = image_writer_extra(w, data, sizeof(data));
	last = image_writer_close(w);
	if (first != -ENOSPC || last != -ENOSPC)
		return 2;
	/* What only the last flush writes is not lost in silence either. */
	if (image_writer_open(dir, IMAGE_PIPES_DATA, 1, &w) < 0)
		return 3;
	entry.bytes = 32 << 10;
	image_write(w, &entry.base);
	image_writer_extra(w, data, 32 << 10);
	if (truncate("/tmp/pipes-data.img", 0) < 0)
		return 4;
	last = open("/tmp/ballast", O_WRONLY | O_CREAT, 0600);
	while (write(last, data, 4096) > 0)
		;
	return image_writer_close(w) == -ENOSPC ? 0 : 5;
}

static void test_no_space(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(unshare(CLONE_NEWNS) < 0 ? 77 : fill_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: may not mount a tmpfs\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bit_flips, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_examples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_incomplete_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_payload_past_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_single, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
