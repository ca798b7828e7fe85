// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image directories: opening what is below them, and the order of writes that
 * tells a whole dump from a half one.
 */
#include "image/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/list.h"
#include "image/writer.h"
#include "sys/syscall.h"
#include "util/log.h"

#define INVENTORY_TEMPORARY "inventory.img.new"

static int dir_new(int fd, char *path, unsigned int depth, struct image_dir **dir)
{
	struct image_dir *d = malloc(sizeof(*d));
	struct image_list *list = image_list_new();

	if (!d || !list) {
		free(d);
		image_list_free(list);
		return -ENOMEM;
	}
	*d = (struct image_dir){
		.fd = fd, .path = path, .img_version = 2, .depth = depth, .list = list,
	};
	*dir = d;
	return 0;
}

int image_dir_take(int fd, const char *name, struct image_dir **dir)
{
	_cleanup_close_ int ours = fd;
	_cleanup_free_ char *copy = strdup(name);
	int r = copy ? dir_new(ours, copy, 0, dir) : -ENOMEM;

	if (r < 0)
		return log_errno(r, "%s: cannot use the image directory", name);
	take_fd(&ours);
	take_ptr(copy);
	return 0;
}

int image_dir_open(const char *path, struct image_dir **dir)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return log_errno(-errno, "%s: cannot open the image directory", path);
	return image_dir_take(fd, path, dir);
}

int image_dir_open_parent(const struct image_dir *dir, struct image_dir **parent)
{
	/* The link's target is the user's choice, but /proc/self/fd/N is no place. */
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	struct stat st;
	int r;

	if (fstatat(dir->fd, "parent", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return -ENOENT;
		return log_errno(-errno, "%s: cannot look up the parent link", dir->path);
	}
	if (!S_ISLNK(st.st_mode))
		return log_errno(-EINVAL, "%s: parent is not a symbolic link", dir->path);
	if (dir->depth >= IMAGE_DIR_MAX_DEPTH)
		return log_errno(-ELOOP, "%s: more than %d parents", dir->path,
				 IMAGE_DIR_MAX_DEPTH);
	fd = sys_openat2(dir->fd, "parent", &how);
	/* Dangling is not the same as absent: its pages are missing. */
	if (fd < 0)
		return log_errno(fd == -ENOENT ? -ENOTDIR : fd,
				 "%s: cannot open the parent directory", dir->path);
	if (asprintf(&path, "%s/parent", dir->path) < 0)
		path = NULL;
	r = path ? dir_new(fd, path, dir->depth + 1, parent) : -ENOMEM;
	if (r < 0)
		return log_errno(r, "%s: cannot open the parent directory", dir->path);
	take_fd(&fd);
	take_ptr(path);
	return 0;
}

void image_dir_free(struct image_dir *dir)
{
	if (!dir)
		return;
	if (dir->fd >= 0)
		close(dir->fd);
	image_list_free(dir->list);
	free(dir->path);
	free(dir);
}

/*
 * A new file comes in place of an old one, not into it: the old one may have
 * other names, as in a directory that was copied with hard links.
 */
static int open_new(const struct image_dir *dir, const char *name, int flags)
{
	const struct open_how how = {
		.flags = (flags & ~O_TRUNC) | O_CREAT | O_EXCL | O_CLOEXEC,
		.mode = 0644,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd, r;

	if (unlinkat(dir->fd, name, 0) < 0 && errno != ENOENT)
		return log_errno(-errno, "%s/%s: cannot remove the old image", dir->path, name);
	fd = sys_openat2(dir->fd, name, &how);
	if (fd < 0)
		return log_errno(fd, "%s/%s: cannot create", dir->path, name);
	r = image_list_add(dir, name);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* O_NONBLOCK: a named pipe must not stop us before we see that it is one. */
static int open_old(const struct image_dir *dir, const char *name, int flags)
{
	const struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = sys_openat2(dir->fd, name, &how);
	struct stat st;

	if (fd == -ENOENT)
		return fd;
	if (fd == -EXDEV)
		return log_errno(fd, "%s/%s: leads out of the image directory", dir->path, name);
	if (fd < 0)
		return log_errno(fd, "%s/%s: cannot open", dir->path, name);
	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "%s/%s: cannot stat", dir->path, name);
	if (!S_ISREG(st.st_mode))
		return log_errno(-EINVAL, "%s/%s: not a regular file", dir->path, name);
	return take_fd(&fd);
}

int image_open_named(const struct image_dir *dir, const char *name, int flags)
{
	if (flags & O_CREAT)
		return open_new(dir, name, flags);
	/* What no dump wrote there is not looked at: it may be an older one's. */
	if (image_list_hides(dir, name))
		return -ENOENT;
	return open_old(dir, name, flags);
}

int image_open_raw(const struct image_dir *dir, enum image_type type, uint64_t key, int flags)
{
	char name[IMAGE_NAME_MAX];

	image_name(image_desc(type), key, name);
	return image_open_named(dir, name, flags);
}

static int sync_dir(const struct image_dir *dir)
{
	if (fsync(dir->fd) < 0)
		return log_errno(-errno, "%s: cannot sync the image directory", dir->path);
	return 0;
}

static int remove_name(const struct image_dir *dir, const char *name, bool *removed)
{
	if (unlinkat(dir->fd, name, 0) == 0)
		*removed = true;
	else if (errno != ENOENT)
		return log_errno(-errno, "%s/%s: cannot remove the image", dir->path, name);
	return 0;
}

int image_remove(const struct image_dir *dir, enum image_type type, uint64_t key)
{
	char name[IMAGE_NAME_MAX];
	bool removed;

	image_name(image_desc(type), key, name);
	return remove_name(dir, name, &removed);
}

int image_dir_begin(const struct image_dir *dir)
{
	bool removed = false;
	int r;

	r = remove_name(dir, image_desc(IMAGE_INVENTORY)->name, &removed);
	if (r < 0)
		return r;
	r = remove_name(dir, INVENTORY_TEMPORARY, &removed);
	if (r < 0 || !removed)
		return r;
	/* On disk before the first new file is: a crash must not bring it back. */
	return sync_dir(dir);
}

int image_dir_commit(const struct image_dir *dir, const InventoryEntry *inventory)
{
	const char *name = image_desc(IMAGE_INVENTORY)->name;
	InventoryEntry sealed = *inventory;
	int r;

	/* One call for all files; the kernel reports their write errors too (5.8). */
	if (syncfs(dir->fd) < 0)
		return log_errno(-errno, "%s: cannot sync the images", dir->path);
	r = image_list_seal(dir, &sealed);
	if (r < 0)
		return r;
	r = image_write_named(dir, IMAGE_INVENTORY, INVENTORY_TEMPORARY, &sealed.base);
	image_list_unseal(&sealed);
	if (r < 0)
		return r;
	if (renameat(dir->fd, INVENTORY_TEMPORARY, dir->fd, name) < 0)
		return log_errno(-errno, "%s/%s: cannot rename into place", dir->path, name);
	return sync_dir(dir);
}
