// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dump: files whose path is gone, or leads to another file now.
 *
 *	no name left		a ghost: the inode goes into the images
 *				(kinds/fd/ghost-dump.c)
 *	other names left	with --link-remap it gets one more beside the old
 *				path, link_remap.N, which restore looks for; the
 *				other names are not searched for
 *
 * Several open files may lead to one inode, by several old paths: remap-fpath.img
 * has a line for each, and says the same of all.
 *
 * At restore the old path must be in the file system that the file is in: its
 * directory, or the nearest above it that is still there, must be on the mount
 * that the file was opened on. Refused is also what lives in file systems that
 * are an interface of the kernel, where a name makes more than a file.
 *
 * The names of --link-remap are made when everything else was agreed to, and
 * taken away when the dump fails. A dumper that is killed in between leaves
 * them: the file has one name more, nothing else changed.
 */
#include "kinds/fd/remap.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "image/writer.h"
#include "images/remap.pb-c.h"
#include "kinds/fd/ghost.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* How many names are tried beside a path. */
#define LINK_TRIES 1000

/* <linux/magic.h> does not have them. */
#define MQUEUE_MAGIC 0x19800202
#define CONFIGFS_MAGIC 0x62656570

/* An inode: what restore has to bring back, by whatever path. */
struct remap_inode {
	STAILQ_ENTRY(remap_inode) link;
	const struct fd_info *info;	/* the first that led to it */
	RemapType type;
	uint32_t id;			/* of the ghost, or of the REG entry of its new name */
	const char *path;		/* the new name; NULL: a ghost */
	bool made;			/* the new name is there */
};

/* An old path of it. */
struct remap_path {
	STAILQ_ENTRY(remap_path) link;
	const struct remap_inode *inode;
	uint32_t orig_id;
};

struct remap_dump {
	STAILQ_HEAD(, remap_inode) inodes;
	STAILQ_HEAD(, remap_path) paths;
	uint32_t last_ghost;
};

static const long kernel_fs_table[] = {
	BINFMTFS_MAGIC, BPF_FS_MAGIC, CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CONFIGFS_MAGIC,
	DEBUGFS_MAGIC, DEVPTS_SUPER_MAGIC, EFIVARFS_MAGIC, HUGETLBFS_MAGIC, MQUEUE_MAGIC,
	PROC_SUPER_MAGIC, PSTOREFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC,
	SYSFS_MAGIC, TRACEFS_MAGIC,
};

static bool is_kernel_fs(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kernel_fs_table); i++)
		if (fs.f_type == kernel_fs_table[i])
			return true;
	return false;
}

/* What open() can find again when its inode has a name again. */
static bool type_is_covered(const struct fd_info *info)
{
	switch (info->st.st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFIFO:
		return true;
	case S_IFCHR:
		/* Null and its kin; a terminal's driver goes by its path. */
		return info->flags & O_PATH || major(info->st.st_rdev) == 1;
	}
	return info->flags & O_PATH;
}

/*
 * Opens the directory of @path, or the nearest one above that is there, where
 * no symbolic link stands in the way. *@whole: it is that of @path itself.
 * Returns a descriptor or -errno, not logged.
 */
static int open_above(struct arena *arena, const char *path, bool *whole)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS,
	};
	char *above = arena_strdup(arena, path);
	int fd;

	*whole = true;
	for (;;) {
		char *slash = strrchr(above, '/');

		slash[slash == above] = '\0';
		fd = sys_openat2(AT_FDCWD, above, &how);
		if (fd != -ENOENT || slash == above)
			return fd;
		*whole = false;
	}
}

/* Whether a file made at @path would be where the file is. Sets *@whole. */
static int check_place(struct dump *d, const struct fd_info *info, const char *path, bool *whole)
{
	_cleanup_close_ int above = open_above(d->arena, path, whole);
	struct statx stx;

	if (above == -ENOTDIR || above == -ELOOP)
		return dump_refuse(info, "it is deleted, and another file stands where its "
				   "directory was");
	if (above < 0)
		return log_errno(above, "pid %d: cannot open the directory of %s",
				 info->task->pid, path);
	if (is_kernel_fs(above))
		return dump_refuse(info, "deleted files of this file system are not covered: "
				   "close it before the dump");
	if (statx(above, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return log_errno(-errno, "pid %d: cannot stat the directory of %s",
				 info->task->pid, path);
	if (!(stx.stx_mask & STATX_MNT_ID) || (int)stx.stx_mnt_id != info->mnt_id)
		return dump_refuse(info, "it is deleted, and its path leads to another mount than "
				   "the file is on");
	return 0;
}

static struct remap_inode *find_inode(const struct remap_dump *m, const struct fd_info *info)
{
	struct remap_inode *inode;

	STAILQ_FOREACH(inode, &m->inodes, link)
		if (inode->info->st.st_dev == info->st.st_dev &&
		    inode->info->st.st_ino == info->st.st_ino)
			return inode;
	return NULL;
}

/* Whether we have it in mind for another file. */
static bool is_chosen(const struct remap_dump *m, const char *name)
{
	const struct remap_inode *inode;

	STAILQ_FOREACH(inode, &m->inodes, link)
		if (inode->type == REMAP_TYPE__LINKED && !strcmp(inode->path, name))
			return true;
	return false;
}

/* A name beside @path that is free now. */
static int choose_name(struct dump *d, const struct fd_info *info, const char *path,
		       const char **name)
{
	int dir = strrchr(path, '/') - path;
	struct stat st;

	for (uint32_t i = d->last_file_id + 1; i <= d->last_file_id + LINK_TRIES; i++) {
		*name = arena_printf(d->arena, "%.*s/link_remap.%u", dir, path, i);
		if (is_chosen(d->remaps, *name))
			continue;
		if (lstat(*name, &st) < 0)
			return errno == ENOENT ? 0 :
			       log_errno(-errno, "pid %d: cannot look for %s", info->task->pid,
					 *name);
	}
	return dump_refuse(info, "%s and %u names before it are taken: left by other dumps?", *name,
			   LINK_TRIES - 1);
}

static int add_link(struct dump *d, const struct fd_info *info, const char *path, bool whole,
		    struct remap_inode *inode)
{
	RegFileEntry *reg = arena_message(d->arena, RegFileEntry, reg_file_entry__init);
	int r;

	if (!d->opts->link_remap)
		return dump_refuse(info, "its name is gone, but it has others, which are not "
				   "searched for: --link-remap gives it one that restore finds");
	if (!whole)
		return dump_refuse(info, "its name and the directory of it are gone, and it has "
				   "other names, which are not searched for");
	r = choose_name(d, info, path, &inode->path);
	if (r < 0)
		return r;
	reg->fown = arena_message(d->arena, FownEntry, fown_entry__init);
	reg->name = (char *)inode->path;
	reg->has_mode = true;
	reg->mode = info->st.st_mode;
	r = dump_file_alias(d, info, reg);
	inode->type = REMAP_TYPE__LINKED;
	inode->id = reg->id;
	return r;
}

/* Returns NULL when it was refused. */
static struct remap_inode *add_inode(struct dump *d, const struct fd_info *info, const char *path,
				     bool whole)
{
	struct remap_inode *inode = arena_new_object(d->arena, struct remap_inode);
	int r;

	inode->info = info;
	if (!type_is_covered(info)) {
		r = dump_refuse(info, "a deleted file of this type is not covered");
	} else if (!info->st.st_nlink) {
		inode->type = REMAP_TYPE__GHOST;
		inode->id = ++d->remaps->last_ghost;
		r = ghost_check(d, info);
	} else if (S_ISDIR(info->st.st_mode)) {
		r = dump_refuse(info, "its path is gone, but the directory is not");
	} else {
		r = add_link(d, info, path, whole, inode);
	}
	if (r < 0)
		return NULL;
	STAILQ_INSERT_TAIL(&d->remaps->inodes, inode, link);
	return inode;
}

static struct remap_dump *get_remaps(struct dump *d)
{
	if (!d->remaps) {
		d->remaps = arena_new_object(d->arena, struct remap_dump);
		STAILQ_INIT(&d->remaps->inodes);
		STAILQ_INIT(&d->remaps->paths);
	}
	return d->remaps;
}

int remap_dump(struct dump *d, const struct fd_info *info, RegFileEntry *reg)
{
	static const char mark[] = " (deleted)";
	struct remap_dump *m = get_remaps(d);
	struct remap_inode *inode;
	struct remap_path *path;
	bool whole;
	int r;

	reg->name = arena_printf(d->arena, "%.*s", (int)(strlen(info->target) - strlen(mark)),
				 info->target);
	r = check_place(d, info, reg->name, &whole);
	if (r < 0)
		return r;
	inode = find_inode(m, info);
	if (!inode)
		inode = add_inode(d, info, reg->name, whole);
	if (!inode)
		return -ENOTSUP;
	/* Names in two mounts can't be given to one inode: link(2) says no. */
	if (inode->info->mnt_id != info->mnt_id)
		return dump_refuse(info, "it is deleted and open through two mounts");
	path = arena_new_object(d->arena, struct remap_path);
	path->inode = inode;
	path->orig_id = reg->id;
	STAILQ_INSERT_TAIL(&m->paths, path, link);
	return 0;
}

static int make_link(struct remap_inode *inode)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", inode->info->local);
	if (linkat(AT_FDCWD, path, AT_FDCWD, inode->path, AT_SYMLINK_FOLLOW) < 0)
		return log_errno(-errno, "pid %d: cannot give %s the name %s",
				 inode->info->task->pid, inode->info->target, inode->path);
	inode->made = true;
	return 0;
}

static int save_paths(struct dump *d)
{
	_cleanup_(image_writer_cleanup) struct image_writer *w = NULL;
	int r = image_writer_open(d->images, IMAGE_REMAP_FPATH, 0, &w);
	const struct remap_path *path;

	if (r < 0)
		return r;
	STAILQ_FOREACH(path, &d->remaps->paths, link) {
		RemapFilePathEntry entry = REMAP_FILE_PATH_ENTRY__INIT;

		entry.orig_id = path->orig_id;
		entry.remap_id = path->inode->id;
		entry.has_remap_type = true;
		entry.remap_type = path->inode->type;
		r = image_write(w, &entry.base);
		if (r < 0)
			return r;
	}
	return image_writer_close(take_ptr(w));
}

int remap_save(struct dump *d)
{
	struct remap_inode *inode;

	if (!d->remaps)
		return 0;
	STAILQ_FOREACH(inode, &d->remaps->inodes, link) {
		int r = inode->type == REMAP_TYPE__GHOST ?
			ghost_save(d, inode->info, inode->id) : make_link(inode);

		if (r < 0)
			return r;
	}
	return save_paths(d);
}

static void remove_link(struct remap_inode *inode)
{
	struct stat st;

	if (!inode->made || lstat(inode->path, &st) < 0)
		return;
	/* Not what somebody put there since. */
	if (st.st_ino != inode->info->st.st_ino || st.st_dev != inode->info->st.st_dev)
		return;
	if (unlink(inode->path) < 0)
		log_errno(-errno, "pid %d: cannot remove %s, a name made for this dump",
			  inode->info->task->pid, inode->path);
}

void remap_abandon(struct dump *d)
{
	struct remap_inode *inode;

	if (!d->remaps)
		return;
	STAILQ_FOREACH(inode, &d->remaps->inodes, link)
		remove_link(inode);
}
