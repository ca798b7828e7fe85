// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are opened by path and have no state but a position: regular
 * files, directories, block devices, the memory devices (/dev/null and its
 * kin), and whatever is opened with O_PATH.
 *
 * Saved are the path, flags, position, mode and, of regular files, size and
 * build id; content stays in the file system. Restore opens the path again and
 * insists on the same mode, size and build id: a file that changed meanwhile
 * is another file.
 *
 * So the path must lead back to the file, or was deleted (kinds/fd/remap.c).
 * Refused are files that are covered by a mount, files of a process in /proc
 * (whose inode belongs to that very process), and devices whose open file has
 * a state of its own.
 * A FIFO or terminal has a REG entry too, that only says where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/fd/build-id.h"
#include "kinds/fd/remap.h"
#include "kinds/kinds.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Devices that are the same whoever opens them, by minor number of major 1. */
static const struct {
	unsigned int minor;
	const char *path;
} memory_device_table[] = {
	{ 1, "/dev/mem" },
	{ 3, "/dev/null" },
	{ 4, "/dev/port" },
	{ 5, "/dev/zero" },
	{ 7, "/dev/full" },
	{ 8, "/dev/random" },
	{ 9, "/dev/urandom" },
};

/* The flags that open() may be given again. */
#define REOPEN_FLAGS                                                                       \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT |       \
	 FILE_O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_PATH | TMPFILE_FLAG)

static const char *memory_device_path(const struct stat *st)
{
	if (!S_ISCHR(st->st_mode) || major(st->st_rdev) != MEM_MAJOR)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(memory_device_table); i++)
		if (memory_device_table[i].minor == minor(st->st_rdev))
			return memory_device_table[i].path;
	return NULL;
}

static bool regular_probe(const struct fd_info *info)
{
	if (info->target[0] != '/' && strncmp(info->target, "(unreachable)", 13))
		return false;
	if (info->flags & O_PATH)
		return true;
	switch (info->st.st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		return true;
	}
	return memory_device_path(&info->st) != NULL;
}

/* Whether the file belongs to a process: its inode dies with it. */
static bool is_of_a_process(const struct fd_info *info)
{
	static const char proc[] = "/proc/";
	struct statfs fs;

	if (fstatfs(info->local, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return false;
	if (strncmp(info->target, proc, strlen(proc)))
		return strcmp(info->target, "/proc");
	return info->target[strlen(proc)] >= '0' && info->target[strlen(proc)] <= '9';
}

/* NFS keeps a deleted file under such a name until the last user is gone. */
static bool is_silly_renamed(const struct fd_info *info)
{
	const char *base = strrchr(info->target, '/');
	struct statfs fs;

	return base && !strncmp(base, "/.nfs", 5) && fstatfs(info->local, &fs) == 0 &&
	       fs.f_type == NFS_SUPER_MAGIC;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode))
		return (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/*
 * Sets reg->name to a path that opens the same file again. The kernel's text
 * may be a path of another mount namespace, or end in " (deleted)" because that
 * is the file's name; only looking there tells.
 */
static int find_path(struct dump *d, const struct fd_info *info, RegFileEntry *reg)
{
	const char *device = memory_device_path(&info->st);
	struct stat st;

	reg->name = info->target;
	if (is_of_a_process(info))
		return dump_refuse(info, "it belongs to a process, and is not there before that "
				   "process is: close it before the dump");
	if (is_silly_renamed(info))
		return dump_refuse(info, "NFS keeps it for as long as it is open, though it is "
				   "deleted: close it before the dump");
	if (info->target[0] == '/' && lstat(info->target, &st) == 0 && same_file(&info->st, &st))
		return 0;
	if (info->target[0] == '/' && ends_in(info->target, " (deleted)"))
		return remap_dump(d, info, reg);
	if (device && lstat(device, &st) == 0 && same_file(&info->st, &st)) {
		reg->name = arena_strdup(d->arena, device);
		return 0;
	}
	if (info->target[0] != '/')
		return dump_refuse(info, "no path leads to it from our root directory");
	return dump_refuse(info, "its path leads to another file now: renamed, or covered by a "
			   "mount");
}

static void save_build_id(struct dump *d, const struct fd_info *info, RegFileEntry *reg)
{
	uint32_t words[BUILD_ID_MAX_WORDS];
	/* The victim's descriptor may be write-only. Reading must leave no trace. */
	_cleanup_close_ int fd = file_reopen(info->local, O_RDONLY | O_NOATIME | O_NONBLOCK);
	int n = fd < 0 ? 0 : build_id_read(fd, words);

	if (n <= 0)
		return;
	reg->build_id = arena_memdup(d->arena, words, n * sizeof(*words));
	reg->n_build_id = n;
}

/* Of an append-only writer the size is nobody's business: others may append too. */
static bool size_matters(const struct stat *st, uint32_t flags)
{
	return S_ISREG(st->st_mode) && (flags & (O_ACCMODE | O_APPEND)) != (O_WRONLY | O_APPEND) &&
	       !(flags & O_PATH);
}

static int regular_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	RegFileEntry *reg = arena_message(d->arena, RegFileEntry, reg_file_entry__init);
	int r;

	reg->id = entry->id;
	r = find_path(d, info, reg);
	if (r < 0)
		return r;
	/* Only open() can set it here, without any effect. A FIFO's path may have it. */
	if (info->fd >= 0 && info->flags & O_ASYNC)
		return dump_refuse(info, "O_ASYNC is not covered for this type of file");
	reg->flags = info->flags;
	reg->pos = info->flags & O_PATH ? 0 : info->pos;
	reg->fown = info->fown;
	reg->has_mode = true;
	reg->mode = info->st.st_mode;
	if (size_matters(&info->st, info->flags)) {
		reg->has_size = true;
		reg->size = info->st.st_size;
		save_build_id(d, info, reg);
	}
	entry->reg = reg;
	return 0;
}

static int regular_collect(struct restore *r, struct file *file)
{
	const RegFileEntry *reg = file->entry->reg;

	if (reg->has_ext && reg->ext)
		return log_errno(-ENOTSUP, "file %#x: %s is an external file, which is not "
				 "covered", file->id, reg->name);
	if (reg->name[0] != '/')
		return log_errno(-EINVAL, "file %#x: path \"%s\" is not absolute", file->id,
				 reg->name);
	if (reg->flags & ~(uint32_t)REOPEN_FLAGS)
		return log_errno(-EINVAL, "file %#x: %s: unknown flags %#x", file->id, reg->name,
				 reg->flags);
	if (reg->n_build_id > BUILD_ID_MAX_WORDS)
		return log_errno(-EINVAL, "file %#x: %s: a build id of %zu words", file->id,
				 reg->name, reg->n_build_id);
	return 0;
}

static int check_build_id(const struct file *file, int fd)
{
	const RegFileEntry *reg = file->entry->reg;
	uint32_t words[BUILD_ID_MAX_WORDS];
	_cleanup_close_ int readable = -1;
	int n;

	if (!reg->n_build_id)
		return 0;
	readable = file_reopen(fd, O_RDONLY | O_NOATIME | O_NONBLOCK);
	if (readable < 0)
		return log_errno(readable, "file %#x: %s: cannot read its build id", file->id,
				 reg->name);
	n = build_id_read(readable, words);
	if (n < 0)
		return log_errno(n, "file %#x: %s: cannot read its build id", file->id, reg->name);
	if ((size_t)n != reg->n_build_id || memcmp(words, reg->build_id, n * sizeof(*words)))
		return log_errno(-ESTALE, "file %#x: %s: another build id than at the dump: the "
				 "file was replaced", file->id, reg->name);
	return 0;
}

/* The path must lead to what it led to; looked at before it is opened for use. */
static int check_path(const struct file *file, struct stat *st)
{
	const RegFileEntry *reg = file->entry->reg;
	_cleanup_close_ int fd = open(restore_file_path(file),
				      O_PATH | O_CLOEXEC | (reg->flags & O_NOFOLLOW));

	if (fd < 0)
		return log_errno(-errno, "file %#x: cannot open %s", file->id, reg->name);
	if (fstat(fd, st) < 0)
		return log_errno(-errno, "file %#x: cannot stat %s", file->id, reg->name);
	if (reg->has_mode && reg->mode != st->st_mode)
		return log_errno(-ESTALE, "file %#x: %s: its mode was %#o at the dump, now it is "
				 "%#o", file->id, reg->name, reg->mode, st->st_mode);
	/* A terminal or FIFO could block or become ours; its own kind knows how. */
	if (!(reg->flags & O_PATH) && !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) &&
	    !S_ISBLK(st->st_mode) && !memory_device_path(st))
		return log_errno(-ENOTSUP, "file %#x: %s: a file of this type is not covered",
				 file->id, reg->name);
	if (reg->has_size && S_ISREG(st->st_mode) && reg->size != (uint64_t)st->st_size)
		return log_errno(-ESTALE, "file %#x: %s: its size was %lu at the dump, now it is "
				 "%lu", file->id, reg->name, (unsigned long)reg->size,
				 (unsigned long)st->st_size);
	return check_build_id(file, fd);
}

static int set_state(const struct file *file, int fd, uint32_t flags)
{
	int ret;

	if (flags & O_PATH)
		return 0;
	ret = restore_file_flags(file, fd, flags);
	return ret < 0 ? ret : restore_file_seek(file, fd, file->entry->reg->pos);
}

/* Open already. The descriptor stays: others may open the file by it. */
static int take_made(struct restore *r, struct file *file)
{
	int fd = dup(file->made), ret;

	if (fd < 0)
		return log_errno(-errno, "file %#x: cannot take %s", file->id,
				 file->entry->reg->name);
	ret = set_state(file, fd, file->flags);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return restore_file_set_fd(r, file, fd);
}

static int regular_open(struct restore *r, struct file *file)
{
	const RegFileEntry *reg = file->entry->reg;
	_cleanup_close_ int fd = -1;
	struct stat before, after;
	uint32_t flags = reg->flags;
	int ret;

	if (file->path_only)
		return 0;
	if (file->made >= 0)
		return take_made(r, file);
	ret = check_path(file, &before);
	if (ret < 0)
		return ret;
	/* What was O_TMPFILE has a name now, and is opened as any other file. */
	if (flags & TMPFILE_FLAG)
		flags &= ~(TMPFILE_FLAG | (S_ISDIR(before.st_mode) ? 0 : (uint32_t)O_DIRECTORY));
	/* Never to wait in open(), should the path have changed since. */
	fd = open(restore_file_path(file), (flags & ~O_ASYNC) | O_CLOEXEC | O_NOCTTY |
		  (flags & O_PATH ? 0 : O_NONBLOCK));
	if (fd < 0)
		return log_errno(-errno, "file %#x: cannot open %s", file->id, reg->name);
	if (fstat(fd, &after) < 0)
		return log_errno(-errno, "file %#x: cannot stat %s", file->id, reg->name);
	if (after.st_dev != before.st_dev || after.st_ino != before.st_ino)
		return log_errno(-ESTALE, "file %#x: %s: replaced this moment", file->id,
				 reg->name);
	ret = set_state(file, fd, flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

const struct file_kind regular_kind = {
	.name = "file",
	.type = FD_TYPES__REG,
	.proto = "regfile.proto",
	.test = "fd/regular",
	.probe = regular_probe,
	.dump = regular_dump,
	.save = remap_save,
	.abandon = remap_abandon,
	.load = remap_load,
	.collect = regular_collect,
	.arrange = remap_arrange,
	.open = regular_open,
	.clear = remap_clear,
	.finish = remap_finish,
};
