// SPDX-License-Identifier: GPL-2.0-only
/* The whole of what a restore reads and checks, without the restore. */
#include "test/fuzz/loader.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/restore.h"
#include "engine/load.h"
#include "image/dir.h"
#include "image/reader.h"
#include "image/writer.h"
#include "kinds/table.h"
#include "test/fuzz/pool.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define IMAGE_MAX (64 << 20)

void loader_init(struct loader *l, const char *dir)
{
	*l = (struct loader){ .opts.images_dir = dir, .opts.status_fd = -1 };
	l->log = memfd_create("log", MFD_CLOEXEC);
	if (l->log < 0)
		err(1, "memfd_create");
	log_set_fds(l->log, -1);
	if (features_probe(&l->features) < 0)
		errx(1, "no kernel features");
	l->first_fd = dup(l->log);
	if (l->first_fd < 0)
		err(1, "dup");
	close(l->first_fd);
}

/* Takes what the log has and empties it. */
static void listen(struct loader *l)
{
	ssize_t n = pread(l->log, l->said, sizeof(l->said) - 1, 0);

	l->said[n > 0 ? n : 0] = '\0';
	if (ftruncate(l->log, 0) < 0 || lseek(l->log, 0, SEEK_SET) < 0)
		err(1, "log");
}

int loader_run(struct loader *l)
{
	struct restore r = {
		.opts = &l->opts,
		.kinds = &kind_table,
		.features = &l->features,
		.sync_fd = -1,
		.handoff = -1,
	};
	int ret;

	TAILQ_INIT(&r.tasks);
	pool_begin();
	r.arena = arena_new();
	ret = image_dir_open(l->opts.images_dir, &r.images);
	if (ret >= 0)
		ret = load_images(&r);
	if (ret >= 0)
		ret = load_page_crcs(&r);
	pool_end(l->first_fd);
	listen(l);
	return ret;
}

static bool is_image(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".img");
}

static void copy_file(int from, int to, const char *name)
{
	_cleanup_close_ int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	_cleanup_free_ char *data = NULL;
	size_t len;

	if (out < 0 || read_file(from, name, IMAGE_MAX, &data, &len) < 0 ||
	    write_all(out, data, len) < 0)
		errx(1, "%s: cannot copy", name);
}

/* As an inventory of CRIU's: without the fields that are ours. */
static void strip_list(struct image_dir *dir)
{
	InventoryEntry *inventory, stripped;

	if (image_read_inventory(dir, &inventory) < 0)
		errx(1, "%s: no inventory", dir->path);
	stripped = *inventory;
	stripped.n_images = 0;
	stripped.has_crc32c = false;
	if (image_write_single(dir, IMAGE_INVENTORY, 0, &stripped.base) < 0)
		errx(1, "%s: cannot write the inventory", dir->path);
	image_message_free(&inventory->base);
}

void loader_copy(const char *from, const char *to, bool listed)
{
	_cleanup_(image_dir_cleanup) struct image_dir *dir = NULL;
	DIR *list = opendir(from);
	struct dirent *e;

	if (!list || image_dir_open(to, &dir) < 0)
		err(1, "%s", from);
	while ((e = readdir(list)))
		if (is_image(e->d_name))
			copy_file(dirfd(list), dir->fd, e->d_name);
	closedir(list);
	if (!listed)
		strip_list(dir);
}
