// SPDX-License-Identifier: GPL-2.0-only
/*
 * The name that a unix socket is bound to.
 *
 *	""			not bound
 *	NUL, then bytes		abstract: gone with the socket
 *	path, NUL		an inode in the file system that outlives it
 *
 * The name is the text that was given to bind(): a relative path says little
 * without the directory, which is found by asking the kernel for the inode
 * (SIOCUNIXFILE) and for the path to that. At restore the path usually still
 * holds the inode of the dumped socket; nobody can connect to it any more, so
 * it is replaced.
 */
#include "kinds/sock/unix-name.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/restore.h"
#include "sys/proc.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* <linux/un.h>, which collides with <sys/un.h>. */
#define UNIX_GET_FILE (SIOCPROTOPRIVATE + 0)

#define NAME_MAX_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

static bool is_path(const ProtobufCBinaryData *name)
{
	return name->len && name->data[0];
}

static bool same_inode(const char *path, const struct stat *inode)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_ino == inode->st_ino && st.st_dev == inode->st_dev;
}

/* A relative name: the directory is what stands before it in the whole path. */
static int find_directory(struct dump *d, const struct fd_info *info, const char *whole,
			  UnixSkEntry *usk)
{
	const char *name = (const char *)usk->name.data;
	size_t len = strlen(whole), tail = strlen(name);

	if (len <= tail + 1 || whole[0] != '/' || strcmp(whole + len - tail, name) ||
	    whole[len - tail - 1] != '/')
		return dump_refuse(info, "is bound to \"%s\", which can't be found from the path "
				   "%s", name, whole);
	usk->name_dir = arena_strdup(d->arena, whole);
	usk->name_dir[MAX(len - tail - 1, (size_t)1)] = '\0';
	return 0;
}

static int dump_path(struct dump *d, const struct fd_info *info, UnixSkEntry *usk)
{
	const char *name = (const char *)usk->name.data;
	_cleanup_close_ int fd = ioctl(info->local, UNIX_GET_FILE);
	_cleanup_free_ char *whole = NULL;
	struct stat st, other;
	int r;

	if (fd < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot find the file of its "
				 "name %s", info->task->pid, info->fd, name);
	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot stat %s",
				 info->task->pid, info->fd, name);
	r = proc_readlink(getpid(), &whole, "fd/%d", fd);
	if (r < 0)
		return log_errno(r, "pid %d fd %d: unix socket: cannot find the path of %s",
				 info->task->pid, info->fd, name);
	usk->file_perms = arena_message(d->arena, FilePermsEntry, file_perms_entry__init);
	usk->file_perms->mode = st.st_mode;
	usk->file_perms->uid = st.st_uid;
	usk->file_perms->gid = st.st_gid;
	if (same_inode(whole, &st)) {
		if (name[0] != '/')
			return find_directory(d, info, whole, usk);
		return same_inode(name, &st) ? 0 :
		       dump_refuse(info, "is bound to %s, which leads elsewhere now; it is at %s",
				   name, whole);
	}
	if (st.st_nlink || name[0] != '/' || lstat(name, &other) == 0)
		return dump_refuse(info, "no path leads to the file %s that it is bound to", name);
	usk->has_deleted = usk->deleted = true;
	return 0;
}

int unix_name_dump(struct dump *d, const struct fd_info *info, UnixSkEntry *usk)
{
	struct sockaddr_un addr = {};
	socklen_t len = sizeof(addr), head = offsetof(struct sockaddr_un, sun_path);

	if (getsockname(info->local, (struct sockaddr *)&addr, &len) < 0)
		return log_errno(-errno, "pid %d fd %d: unix socket: cannot read its name",
				 info->task->pid, info->fd);
	usk->name.len = len > head ? len - head : 0;
	/* A path of full length has its NUL outside of the structure. */
	if (usk->name.len > NAME_MAX_BYTES)
		return dump_refuse(info, "its name is too long");
	usk->name.data = arena_memdup(d->arena, addr.sun_path, usk->name.len);
	return is_path(&usk->name) ? dump_path(d, info, usk) : 0;
}

int unix_name_check(const struct file *file)
{
	const UnixSkEntry *usk = file->entry->usk;
	const char *name = (const char *)usk->name.data;

	if (usk->name.len > NAME_MAX_BYTES)
		return log_errno(-EINVAL, "unix socket %#x: a name of %zu bytes", file->id,
				 usk->name.len);
	if (!is_path(&usk->name))
		return 0;
	if (memchr(name, '\0', usk->name.len) != name + usk->name.len - 1)
		return log_errno(-EINVAL, "unix socket %#x: its path does not end in NUL",
				 file->id);
	if (name[0] != '/' && (!usk->name_dir || usk->name_dir[0] != '/'))
		return log_errno(-EINVAL, "unix socket %#x: no directory for the path %s",
				 file->id, name);
	return 0;
}

static socklen_t make_address(const UnixSkEntry *usk, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(addr->sun_path, usk->name.data, usk->name.len);
	return offsetof(struct sockaddr_un, sun_path) + usk->name.len;
}

/* A socket that nobody answers at is what the dumped one left. */
static int remove_leftover(const struct file *file)
{
	const UnixSkEntry *usk = file->entry->usk;
	const char *name = (const char *)usk->name.data;
	_cleanup_close_ int probe = -1;
	struct sockaddr_un addr;
	socklen_t len = make_address(usk, &addr);
	struct stat st;

	if (lstat(name, &st) < 0)
		return errno == ENOENT ? 0 : log_errno(-errno, "unix socket %#x: cannot stat %s",
						       file->id, name);
	if (!S_ISSOCK(st.st_mode) || (usk->has_deleted && usk->deleted))
		return log_errno(-EEXIST, "unix socket %#x: there is another file at %s", file->id,
				 name);
	probe = socket(AF_UNIX, usk->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return log_errno(-errno, "unix socket %#x: cannot make a socket", file->id);
	if (connect(probe, (struct sockaddr *)&addr, len) == 0 || errno != ECONNREFUSED)
		return log_errno(-EADDRINUSE, "unix socket %#x: another program uses %s", file->id,
				 name);
	if (unlink(name) < 0)
		return log_errno(-errno, "unix socket %#x: cannot remove the old %s", file->id,
				 name);
	return 0;
}

static int bind_path(const struct file *file, int fd)
{
	const UnixSkEntry *usk = file->entry->usk;
	const char *name = (const char *)usk->name.data;
	const FilePermsEntry *perms = usk->file_perms;
	struct sockaddr_un addr;
	socklen_t len = make_address(usk, &addr);
	int r = remove_leftover(file);

	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		return log_errno(-errno, "unix socket %#x: cannot bind to %s", file->id, name);
	if (perms && (chown(name, perms->uid, perms->gid) < 0 ||
		      chmod(name, perms->mode & 07777) < 0))
		return log_errno(-errno, "unix socket %#x: cannot set the mode of %s", file->id,
				 name);
	if (usk->has_deleted && usk->deleted && unlink(name) < 0)
		return log_errno(-errno, "unix socket %#x: cannot remove %s again", file->id, name);
	return 0;
}

/* Calls @act in the directory that the name of @named starts from. */
static int in_directory(const struct file *file, int fd, const struct file *named,
			int (*act)(const struct file *file, int fd, const struct file *named))
{
	const UnixSkEntry *usk = named->entry->usk;
	_cleanup_close_ int here = -1;
	int r;

	if (!is_path(&usk->name) || usk->name.data[0] == '/')
		return act(file, fd, named);
	here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0 || chdir(usk->name_dir) < 0)
		return log_errno(-errno, "unix socket %#x: cannot go to %s", file->id,
				 usk->name_dir);
	r = act(file, fd, named);
	if (fchdir(here) < 0)
		return log_errno(-errno, "unix socket %#x: cannot come back from %s", file->id,
				 usk->name_dir);
	return r;
}

static int do_bind(const struct file *file, int fd, const struct file *named)
{
	const UnixSkEntry *usk = file->entry->usk;
	struct sockaddr_un addr;
	socklen_t len;

	if (is_path(&usk->name))
		return bind_path(file, fd);
	len = make_address(usk, &addr);
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		return log_errno(-errno, "unix socket %#x: cannot bind to the abstract name @%.*s",
				 file->id, (int)usk->name.len - 1, usk->name.data + 1);
	return 0;
}

int unix_name_bind(const struct file *file, int fd)
{
	return file->entry->usk->name.len ? in_directory(file, fd, file, do_bind) : 0;
}

static int do_connect(const struct file *file, int fd, const struct file *named)
{
	struct sockaddr_un addr;
	socklen_t len = make_address(named->entry->usk, &addr);

	if (connect(fd, (struct sockaddr *)&addr, len) < 0)
		return log_errno(-errno, "unix socket %#x: cannot connect to unix socket %#x",
				 file->id, named->id);
	return 0;
}

int unix_name_connect(const struct file *file, int fd, const struct file *peer)
{
	return in_directory(file, fd, peer, do_connect);
}
