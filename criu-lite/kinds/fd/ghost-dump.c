// SPDX-License-Identifier: GPL-2.0-only
/*
 * Saves an inode that has no name left.
 *
 * Owner, mode, times, extended attributes, and what there is by type: the
 * content of a regular file, the number of a device, the text of a symbolic
 * link. A directory without a name is empty. The content is read through a
 * descriptor of our own, past the victim's position and without a trace in the
 * access time. From 12 KiB on, only the pieces between holes are stored:
 *
 *	file	|AAAA|....|BBBB|....|		.: hole
 *	image	head, chunk 0+4 AAAA, chunk 8+4 BBBB; head.size is the end
 *
 * The whole tree stands still, but others may have the file open as well: a
 * file that changes while it is read is an error.
 *
 * Refused is what is larger than the user allows, and attributes that no image
 * has a field for (immutable, append-only).
 */
#include "kinds/fd/ghost.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "image/writer.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* Smaller files are stored as they are (spec/images.md, section 9.3). */
#define CHUNKS_FROM 12288
#define COPY_SIZE (256 << 10)

struct extent {
	off_t start, end;
};

/* The next piece of content at or after @from. Returns 1, 0 (no more) or -errno. */
static int next_extent(int fd, off_t from, off_t size, struct extent *e)
{
	if (from >= size)
		return 0;
	e->start = lseek(fd, from, SEEK_DATA);
	if (e->start < 0)
		return errno == ENXIO ? 0 : -errno;
	if (e->start >= size)
		return 0;
	e->end = lseek(fd, e->start, SEEK_HOLE);
	if (e->end < 0)
		return -errno;
	e->end = MIN(e->end, size);
	return 1;
}

static int open_content(const struct fd_info *info)
{
	int fd = file_reopen(info->local, O_RDONLY | O_NOATIME | O_NONBLOCK);

	if (fd < 0)
		return log_errno(fd, "pid %d: %s: cannot read it", info->task->pid, info->target);
	return fd;
}

/* What of the file takes space in the image. */
static int count_content(const struct fd_info *info, uint64_t *bytes)
{
	_cleanup_close_ int fd = open_content(info);
	struct extent e = {};
	int r;

	if (fd < 0)
		return fd;
	*bytes = 0;
	while ((r = next_extent(fd, e.end, info->st.st_size, &e)) > 0)
		*bytes += e.end - e.start;
	if (r < 0)
		return log_errno(r, "pid %d: %s: cannot find its holes", info->task->pid,
				 info->target);
	return 0;
}

static int check_attributes(const struct fd_info *info)
{
	struct statx stx;

	if (statx(info->local, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) < 0)
		return log_errno(-errno, "pid %d: cannot stat %s", info->task->pid, info->target);
	if (stx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND))
		return dump_refuse(info, "a deleted file that is immutable or append-only (see "
				   "chattr(1)) is not covered");
	return 0;
}

int ghost_check(const struct dump *d, const struct fd_info *info)
{
	uint64_t bytes;
	int r = check_attributes(info);

	if (r < 0)
		return r;
	/* Of a device node. The field has 32 bits. */
	if (info->st.st_rdev > UINT32_MAX)
		return dump_refuse(info, "a deleted device with a number above 32 bits");
	if (info->st.st_atim.tv_sec < 0 || info->st.st_mtim.tv_sec < 0)
		return dump_refuse(info, "a deleted file with a time before 1970");
	if (!S_ISREG(info->st.st_mode))
		return 0;
	r = count_content(info, &bytes);
	if (r < 0)
		return r;
	if (bytes > d->opts->ghost_limit)
		return dump_refuse(info, "it is deleted, and holds %lu bytes, which would go into "
				   "the images: more than --ghost-limit, which is %lu",
				   (unsigned long)bytes, (unsigned long)d->opts->ghost_limit);
	return 0;
}

/* Writes the @len bytes at @from, which must be there. */
static int copy_content(struct image_writer *w, const struct fd_info *info, int fd, void *buf,
			struct extent e)
{
	while (e.start < e.end) {
		size_t want = MIN((off_t)COPY_SIZE, e.end - e.start);
		ssize_t n = pread_all(fd, buf, want, e.start);

		if (n < 0)
			return log_errno(n, "pid %d: cannot read %s", info->task->pid,
					 info->target);
		if ((size_t)n < want)
			return log_errno(-EAGAIN,
					 "pid %d: %s: it became shorter while it was saved",
					 info->task->pid, info->target);
		n = image_writer_extra(w, buf, want);
		if (n < 0)
			return n;
		e.start += want;
	}
	return 0;
}

static int save_chunks(struct image_writer *w, const struct fd_info *info, int fd, void *buf)
{
	struct extent e = {};
	int r;

	while ((r = next_extent(fd, e.end, info->st.st_size, &e)) > 0) {
		GhostChunkEntry chunk = GHOST_CHUNK_ENTRY__INIT;

		chunk.off = e.start;
		chunk.len = e.end - e.start;
		r = image_write(w, &chunk.base);
		if (r >= 0)
			r = copy_content(w, info, fd, buf, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return log_errno(r, "pid %d: %s: cannot find its holes", info->task->pid,
				 info->target);
	return 0;
}

static int save_content(struct image_writer *w, const struct fd_info *info, bool chunks)
{
	_cleanup_close_ int fd = open_content(info);
	_cleanup_free_ void *buf = malloc(COPY_SIZE);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (!buf)
		return log_errno(-ENOMEM, "pid %d: cannot copy %s", info->task->pid, info->target);
	if (chunks)
		r = save_chunks(w, info, fd, buf);
	else
		r = copy_content(w, info, fd, buf, (struct extent){ 0, info->st.st_size });
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "pid %d: cannot stat %s", info->task->pid, info->target);
	if (st.st_size != info->st.st_size || st.st_mtim.tv_sec != info->st.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != info->st.st_mtim.tv_nsec)
		return log_errno(-EAGAIN, "pid %d: %s: it changed while it was saved: somebody "
				 "outside of the tree writes to it", info->task->pid, info->target);
	return 0;
}

/* Sets *@t, and to @rest what microseconds don't say. */
static void split_time(const struct timespec *ts, Timeval *t, protobuf_c_boolean *has_rest,
		       uint32_t *rest)
{
	timeval__init(t);
	t->tv_sec = ts->tv_sec;
	t->tv_usec = ts->tv_nsec / 1000;
	*rest = ts->tv_nsec % 1000;
	*has_rest = *rest != 0;
}

static int add_xattr(struct dump *d, const struct fd_info *info, const char *path,
		     const char *name, GhostFileEntry *head)
{
	GhostXattr *x = arena_message(d->arena, GhostXattr, ghost_xattr__init);
	_cleanup_free_ void *value = malloc(XATTR_SIZE_MAX);
	ssize_t n = value ? getxattr(path, name, value, XATTR_SIZE_MAX) : -1;

	if (n < 0)
		return log_errno(-errno, "pid %d: %s: cannot read its attribute %s",
				 info->task->pid, info->target, name);
	x->name = arena_strdup(d->arena, name);
	x->value.data = arena_memdup(d->arena, value, n);
	x->value.len = n;
	head->xattrs[head->n_xattrs++] = x;
	return 0;
}

/* By /proc: of a descriptor that is O_PATH the kernel does not tell them. */
static int read_xattrs(struct dump *d, const struct fd_info *info, GhostFileEntry *head)
{
	const char *path = arena_printf(d->arena, "/proc/self/fd/%d", info->local);
	_cleanup_free_ char *names = malloc(XATTR_LIST_MAX);
	ssize_t len = names ? listxattr(path, names, XATTR_LIST_MAX) : -1;
	int r = 0;

	if (len < 0 && names && errno == EOPNOTSUPP)
		return 0;
	if (len < 0)
		return log_errno(-errno, "pid %d: %s: cannot list its attributes", info->task->pid,
				 info->target);
	/* No name is shorter than two bytes, its NUL among them. */
	head->xattrs = arena_new_array(d->arena, GhostXattr *, len / 2 + 1);
	for (ssize_t at = 0; r >= 0 && at < len; at += strlen(names + at) + 1)
		r = add_xattr(d, info, path, names + at, head);
	return r;
}

static int read_symlink(struct dump *d, const struct fd_info *info, GhostFileEntry *head)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(info->local, "", text, sizeof(text) - 1);

	if (n < 0)
		return log_errno(-errno, "pid %d: cannot read the symbolic link %s",
				 info->task->pid, info->target);
	text[n] = '\0';
	head->symlnk_target = arena_strdup(d->arena, text);
	return 0;
}

/* As the kernel packs it: spec/images.md, section 9.3. */
static uint32_t kernel_dev(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

int ghost_save(struct dump *d, const struct fd_info *info, uint32_t id)
{
	_cleanup_(image_writer_cleanup) struct image_writer *w = NULL;
	GhostFileEntry head = GHOST_FILE_ENTRY__INIT;
	const struct stat *st = &info->st;
	Timeval atim, mtim;
	int r;

	head.uid = st->st_uid;
	head.gid = st->st_gid;
	head.mode = st->st_mode;
	head.has_dev = head.has_ino = true;
	head.dev = kernel_dev(st->st_dev);
	head.ino = st->st_ino;
	head.has_rdev = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	head.rdev = st->st_rdev;
	split_time(&st->st_atim, &atim, &head.has_atim_rest, &head.atim_rest);
	split_time(&st->st_mtim, &mtim, &head.has_mtim_rest, &head.mtim_rest);
	head.atim = &atim;
	head.mtim = &mtim;
	head.has_size = S_ISREG(st->st_mode);
	head.size = st->st_size;
	head.has_chunks = head.chunks = S_ISREG(st->st_mode) && st->st_size >= CHUNKS_FROM;
	r = read_xattrs(d, info, &head);
	if (r >= 0 && S_ISLNK(st->st_mode))
		r = read_symlink(d, info, &head);
	if (r < 0)
		return r;
	r = image_writer_open(d->images, IMAGE_GHOST_FILE, id, &w);
	if (r >= 0)
		r = image_write(w, &head.base);
	if (r >= 0 && S_ISREG(st->st_mode))
		r = save_content(w, info, head.chunks);
	if (r < 0)
		return r;
	return image_writer_close(take_ptr(w));
}
