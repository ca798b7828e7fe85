// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes an inode anew that had no name left.
 *
 * The image is read twice: to its end when everything is checked, so that no
 * damaged one is found when tasks run; then for its content, piece by piece.
 * What is made gets its mode last: until then nobody else can open it. Writing
 * takes away a file's capabilities and set-id bits, so that attributes and mode
 * come after the content, and times after everything.
 */
#include "kinds/fd/ghost.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/restore.h"
#include "image/reader.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define COPY_SIZE (256 << 10)

static int bad(uint32_t id, const char *what)
{
	return log_errno(-EINVAL, "ghost-file-%x: %s", id, what);
}

static bool time_ok(const Timeval *t, uint32_t rest)
{
	return !t || (t->tv_sec <= INT64_MAX && t->tv_usec < 1000000 && rest < 1000);
}

static int check_head(uint32_t id, const GhostFileEntry *head)
{
	static const mode_t types[] = {
		S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK,
	};
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		known = known || (head->mode & S_IFMT) == types[i];
	if (!known || head->mode & ~(uint32_t)(S_IFMT | 07777))
		return bad(id, "its mode is of no type of file");
	if (head->uid == UINT32_MAX || head->gid == UINT32_MAX)
		return bad(id, "its owner is no id");
	if (!time_ok(head->atim, head->atim_rest) || !time_ok(head->mtim, head->mtim_rest))
		return bad(id, "its times are out of range");
	if ((S_ISCHR(head->mode) || S_ISBLK(head->mode)) && !head->has_rdev)
		return bad(id, "a device without a number");
	if (S_ISLNK(head->mode) &&
	    (!head->symlnk_target || !*head->symlnk_target ||
	     strlen(head->symlnk_target) >= PATH_MAX))
		return bad(id, "a symbolic link without a text of 1 to 4095 bytes");
	if (head->chunks && !S_ISREG(head->mode))
		return bad(id, "has content, but is no regular file");
	if (head->chunks && (!head->has_size || head->size > INT64_MAX))
		return bad(id, "in pieces, and its size is missing or out of range");
	for (size_t i = 0; i < head->n_xattrs; i++)
		if (head->xattrs[i]->value.len > XATTR_SIZE_MAX)
			return bad(id, "an extended attribute is too long");
	return 0;
}

/* Pieces come in order, none reaches into the next one or past the end. */
static int check_chunk(uint32_t id, const GhostFileEntry *head, const GhostChunkEntry *chunk,
		       uint64_t *end)
{
	if (chunk->off < *end || !chunk->len)
		return log_errno(-EINVAL, "ghost-file-%x: the piece at %#lx is empty or overlaps "
				 "the one before", id, (unsigned long)chunk->off);
	if (chunk->off > head->size || chunk->len > head->size - chunk->off)
		return log_errno(-EINVAL, "ghost-file-%x: the piece at %#lx goes past the size %lu",
				 id, (unsigned long)chunk->off, (unsigned long)head->size);
	*end = chunk->off + chunk->len;
	return 0;
}

static int check_chunks(struct image_reader *reader, uint32_t id, const GhostFileEntry *head)
{
	ProtobufCMessage *msg;
	uint64_t end = 0;
	int ret;

	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ret = check_chunk(id, head, (GhostChunkEntry *)msg, &end);
		image_message_free(msg);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int check_content(struct image_reader *reader, uint32_t id, const GhostFileEntry *head)
{
	int64_t bytes;

	if (head->chunks)
		return check_chunks(reader, id, head);
	bytes = image_reader_extra_left(reader);
	if (!S_ISREG(head->mode))
		return bytes > 0 ? bad(id, "has content, but is no regular file") : 0;
	if (head->has_size && head->size != (uint64_t)bytes)
		return log_errno(-EINVAL, "ghost-file-%x: its size is %lu, but %ld bytes follow",
				 id, (unsigned long)head->size, (long)bytes);
	return 0;
}

static int open_image(struct restore *r, uint32_t id, struct image_reader **reader,
		      GhostFileEntry **head)
{
	_cleanup_(image_reader_cleanup) struct image_reader *in = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open(r->images, IMAGE_GHOST_FILE, id, &in);

	if (ret == -ENOENT)
		return log_errno(-ENOENT, "ghost-file-%x: there is no such image", id);
	if (ret < 0)
		return ret;
	ret = image_reader_next(in, &msg);
	if (ret <= 0)
		return ret < 0 ? ret : bad(id, "is empty");
	*head = (GhostFileEntry *)msg;
	*reader = take_ptr(in);
	return 0;
}

static void *arena_take(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void arena_keep(void *arena, void *mem)
{
}

/* A copy that lives as long as the restore. */
static const GhostFileEntry *keep_head(struct arena *arena, const GhostFileEntry *head)
{
	ProtobufCAllocator allocator = { arena_take, arena_keep, arena };
	size_t size = ghost_file_entry__get_packed_size(head);
	uint8_t *packed = arena_alloc(arena, size);

	ghost_file_entry__pack(head, packed);
	return ghost_file_entry__unpack(&allocator, size, packed);
}

int ghost_load(struct restore *r, uint32_t id, const GhostFileEntry **head)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	GhostFileEntry *found;
	int ret = open_image(r, id, &reader, &found);

	if (ret < 0)
		return ret;
	ret = check_head(id, found);
	if (ret >= 0)
		ret = check_content(reader, id, found);
	if (ret >= 0)
		*head = keep_head(r->arena, found);
	image_message_free(&found->base);
	return ret;
}

static int copy_piece(struct image_reader *reader, uint32_t id, int fd, void *buf, uint64_t len)
{
	while (len) {
		size_t n = MIN(len, (uint64_t)COPY_SIZE);
		int ret = image_reader_extra(reader, buf, n);

		if (ret < 0)
			return ret;
		ret = write_all(fd, buf, n);
		if (ret < 0)
			return log_errno(ret, "ghost-file-%x: cannot write the content of the "
					 "file", id);
		len -= n;
	}
	return 0;
}

/* The image may have changed since it was checked. */
static int copy_chunks(struct image_reader *reader, uint32_t id, const GhostFileEntry *head,
		       int fd, void *buf)
{
	ProtobufCMessage *msg;
	uint64_t end = 0;
	int ret;

	while ((ret = image_reader_next(reader, &msg)) > 0) {
		const GhostChunkEntry chunk = *(GhostChunkEntry *)msg;

		image_message_free(msg);
		ret = check_chunk(id, head, &chunk, &end);
		if (ret < 0)
			return ret;
		if (lseek(fd, chunk.off, SEEK_SET) < 0)
			return log_errno(-errno, "ghost-file-%x: cannot seek to %#lx", id,
					 (unsigned long)chunk.off);
		ret = copy_piece(reader, id, fd, buf, chunk.len);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int fill(struct restore *r, uint32_t id, const GhostFileEntry *head, int fd)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	_cleanup_free_ void *buf = malloc(COPY_SIZE);
	GhostFileEntry *again;
	int ret;

	if (!buf)
		return log_errno(-ENOMEM, "ghost-file-%x: cannot copy it", id);
	ret = open_image(r, id, &reader, &again);
	if (ret < 0)
		return ret;
	image_message_free(&again->base);
	if (!head->chunks)
		return copy_piece(reader, id, fd, buf, image_reader_extra_left(reader));
	ret = copy_chunks(reader, id, head, fd, buf);
	if (ret < 0)
		return ret;
	if (ftruncate(fd, head->size) < 0)
		return log_errno(-errno, "ghost-file-%x: cannot give the file %lu bytes", id,
				 (unsigned long)head->size);
	return 0;
}

/* Owner, attributes and mode, through an O_PATH descriptor or any other. */
static int set_attributes(uint32_t id, const GhostFileEntry *head, int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", head->uid, head->gid, AT_EMPTY_PATH) < 0)
		return log_errno(-errno, "ghost-file-%x: cannot give the file to %u:%u", id,
				 head->uid, head->gid);
	if (!S_ISLNK(head->mode) && chmod(path, head->mode & 07777) < 0)
		return log_errno(-errno, "ghost-file-%x: cannot set its mode %#o", id, head->mode);
	for (size_t i = 0; i < head->n_xattrs; i++) {
		const GhostXattr *x = head->xattrs[i];

		if (setxattr(path, x->name, x->value.data, x->value.len, 0) < 0)
			return log_errno(-errno, "ghost-file-%x: cannot set its attribute %s", id,
					 x->name);
	}
	return 0;
}

/* Returns 0 or -errno, not logged. */
static int make_node(const GhostFileEntry *head, int dir, const char *name)
{
	int fd;

	switch (head->mode & S_IFMT) {
	case S_IFDIR:
		return mkdirat(dir, name, 0700) < 0 ? -errno : 0;
	case S_IFLNK:
		return symlinkat(head->symlnk_target, dir, name) < 0 ? -errno : 0;
	case S_IFREG:
		fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		close(fd);
		return 0;
	}
	return mknodat(dir, name, (head->mode & S_IFMT) | 0600, head->rdev) < 0 ? -errno : 0;
}

static int fill_node(struct restore *r, uint32_t id, const GhostFileEntry *head, int dir,
		     const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return log_errno(-errno, "ghost-file-%x: cannot open %s, which was just made", id,
				 name);
	return fill(r, id, head, fd);
}

int ghost_make(uint32_t id, const GhostFileEntry *head, int dir, const char *name)
{
	int ret = make_node(head, dir, name);

	return !ret || ret == -EEXIST ? ret :
	       log_errno(ret, "ghost-file-%x: cannot make %s", id, name);
}

int ghost_fill(struct restore *r, uint32_t id, const GhostFileEntry *head, int dir,
	       const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return log_errno(-errno, "ghost-file-%x: cannot open %s, which was just made", id,
				 name);
	if (S_ISREG(head->mode))
		ret = fill_node(r, id, head, dir, name);
	if (ret >= 0)
		ret = set_attributes(id, head, fd);
	return ret < 0 ? ret : take_fd(&fd);
}

int ghost_make_tmpfile(struct restore *r, uint32_t id, const GhostFileEntry *head, int dir,
		       uint32_t flags)
{
	_cleanup_close_ int fd = openat(dir, ".", (flags & ~O_ASYNC) | O_TMPFILE | O_CLOEXEC, 0600);
	_cleanup_close_ int plain = -1;
	char path[32];
	int ret;

	if (fd < 0)
		return log_errno(-errno, "ghost-file-%x: cannot make a file without a name", id);
	/* The flags of the file itself (O_APPEND, O_DIRECT) are not for us. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	plain = open(path, O_WRONLY | O_CLOEXEC);
	if (plain < 0)
		return log_errno(-errno, "ghost-file-%x: cannot open it again", id);
	ret = fill(r, id, head, plain);
	if (ret >= 0)
		ret = set_attributes(id, head, fd);
	return ret < 0 ? ret : take_fd(&fd);
}

static struct timespec join_time(const Timeval *t, uint32_t rest)
{
	if (!t)
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_usec * 1000 + rest };
}

int ghost_set_times(uint32_t id, const GhostFileEntry *head, int fd)
{
	const struct timespec times[] = {
		join_time(head->atim, head->atim_rest), join_time(head->mtim, head->mtim_rest),
	};

	if (utimensat(fd, "", times, AT_EMPTY_PATH) < 0)
		return log_errno(-errno, "ghost-file-%x: cannot set its times", id);
	return 0;
}
