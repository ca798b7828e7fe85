// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader of image files; image/writer.c has a picture of them.
 *
 * The size of the file is taken once. Everything else that a file says about
 * sizes is held against it before it is used.
 */
#include "image/reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/wire.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define READER_BUFFER (64 << 10)

/* The largest message: an mm with more than a million mappings, to say one. */
#define MESSAGE_MAX (64U << 20)

struct image_reader {
	const struct image_desc *desc;
	int fd;
	char *path;			/* for the log */
	uint64_t size, offset;		/* of the file; of the next byte we hand out */
	size_t n_entries;		/* read so far */
	size_t entry;			/* for the log: which one, from 0, ... */
	uint64_t entry_offset;		/* ... and where it begins */
	int64_t extra;			/* of the last entry or record: left, or NONE */
	uint64_t records;		/* of the last entry: left */
	uint8_t *message;		/* packed, grows */
	size_t message_cap;
	/* file bytes [buf_offset, buf_offset + buf_len) */
	uint64_t buf_offset;
	size_t buf_len;
	uint8_t buf[READER_BUFFER];
};

__attribute__((format(printf, 3, 4)))
static int reader_fail(const struct image_reader *r, int err, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_error("%s: entry %zu at offset %" PRIu64 ": %s", r->path, r->entry,
		  r->entry_offset, text);
	return err;
}

static int read_at(struct image_reader *r, void *to, size_t len, uint64_t offset)
{
	ssize_t n = pread_all(r->fd, to, len, offset);

	if (n < 0)
		return reader_fail(r, n, "cannot read: %s", strerror(-n));
	if ((size_t)n < len)
		return reader_fail(r, -EIO, "the file became shorter while it was read");
	return 0;
}

/* The caller has checked that @len bytes are left. */
static int reader_get(struct image_reader *r, void *to, size_t len)
{
	int ret;

	while (len) {
		uint64_t at = r->offset - r->buf_offset;
		size_t n;

		if (at < r->buf_len) {
			n = MIN(len, r->buf_len - (size_t)at);
			memcpy(to, r->buf + at, n);
		} else if (len >= sizeof(r->buf)) {
			n = len;
			ret = read_at(r, to, n, r->offset);
			if (ret < 0)
				return ret;
		} else {
			n = MIN(sizeof(r->buf), image_reader_left(r));
			r->buf_len = 0;
			ret = read_at(r, r->buf, n, r->offset);
			if (ret < 0)
				return ret;
			r->buf_offset = r->offset;
			r->buf_len = n;
			continue;
		}
		r->offset += n;
		to = (uint8_t *)to + n;
		len -= n;
	}
	return 0;
}

uint64_t image_reader_left(const struct image_reader *r)
{
	return r->size - r->offset;
}

const struct image_desc *image_reader_desc(const struct image_reader *r)
{
	return r->desc;
}

static int reader_new(int fd, const char *path, struct image_reader **reader)
{
	_cleanup_close_ int owned = fd;
	struct image_reader *r;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "%s: cannot stat", path);
	if (!S_ISREG(st.st_mode))
		return log_errno(-EINVAL, "%s: not a regular file", path);
	r = malloc(sizeof(*r));
	if (!r)
		return log_errno(-ENOMEM, "%s: cannot read", path);
	memset(r, 0, offsetof(struct image_reader, buf));
	r->fd = take_fd(&owned);
	r->size = st.st_size;
	r->extra = IMAGE_EXTRA_NONE;
	r->path = strdup(path);
	if (!r->path) {
		image_reader_free(r);
		return log_errno(-ENOMEM, "%s: cannot read", path);
	}
	*reader = r;
	return 0;
}

void image_reader_free(struct image_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r->path);
	free(r->message);
	free(r);
}

/*
 * Finds what the file is. @head is the class that its magics say; images of
 * version 1 have no head magic, and say their own alone, as inventories do.
 */
static int get_magic(struct image_reader *r, enum image_head *head, uint32_t *magic)
{
	int ret;

	*head = IMAGE_HEAD_INVENTORY;
	if (image_reader_left(r) < sizeof(*magic))
		return -ENOMSG;
	ret = reader_get(r, magic, sizeof(*magic));
	if (ret < 0)
		return ret;
	if (*magic != IMAGE_MAGIC_COMMON && *magic != IMAGE_MAGIC_SERVICE)
		return 0;
	*head = *magic == IMAGE_MAGIC_COMMON ? IMAGE_HEAD_COMMON : IMAGE_HEAD_SERVICE;
	if (image_reader_left(r) < sizeof(*magic))
		return -ENOMSG;
	return reader_get(r, magic, sizeof(*magic));
}

static int check_magic(struct image_reader *r, uint32_t img_version)
{
	const struct image_desc *found = NULL;
	/* Version 1: whatever the row's class is, only its own magic stands there. */
	enum image_head want = img_version == 1 ? IMAGE_HEAD_INVENTORY : r->desc->head;
	enum image_head head;
	uint32_t magic;
	int ret = get_magic(r, &head, &magic);

	if (ret == -ENOMSG)
		return log_errno(-EINVAL, "%s: too short to be an image", r->path);
	if (ret < 0)
		return ret;
	if (magic == r->desc->magic && head == want)
		return 0;
	if (magic != r->desc->magic)
		found = image_desc_by_magic(head, magic);
	log_error("%s: not a %s image of version %u: it begins like %s (magic %#x)", r->path,
		  r->desc->symbol, img_version, found ? found->symbol : "something else", magic);
	return -EINVAL;
}

int image_reader_open(const struct image_dir *dir, enum image_type type, uint64_t key,
		      struct image_reader **reader)
{
	_cleanup_(image_reader_cleanup) struct image_reader *r = NULL;
	_cleanup_free_ char *path = NULL;
	char name[IMAGE_NAME_MAX];
	int ret, fd;

	assert(image_desc(type)->head != IMAGE_HEAD_RAW);
	image_name(image_desc(type), key, name);
	fd = image_open_named(dir, name, O_RDONLY);
	if (fd < 0)
		return fd;
	if (asprintf(&path, "%s/%s", dir->path, name) < 0) {
		path = NULL;
		close(fd);
		return log_errno(-ENOMEM, "%s/%s: cannot read", dir->path, name);
	}
	ret = reader_new(fd, path, &r);
	if (ret < 0)
		return ret;
	r->desc = image_desc(type);
	ret = check_magic(r, dir->img_version);
	if (ret < 0)
		return ret;
	*reader = take_ptr(r);
	return 0;
}

int image_reader_open_any(int fd, const char *path, struct image_reader **reader)
{
	_cleanup_(image_reader_cleanup) struct image_reader *r = NULL;
	enum image_head head;
	uint32_t magic;
	int ret = reader_new(fd, path, &r);

	if (ret < 0)
		return ret;
	ret = get_magic(r, &head, &magic);
	if (ret < 0)
		return ret;
	r->desc = image_desc_by_magic(head, magic);
	if (!r->desc && head == IMAGE_HEAD_INVENTORY)
		r->desc = image_desc_by_magic(IMAGE_HEAD_COMMON, magic);
	if (!r->desc && head == IMAGE_HEAD_INVENTORY)
		r->desc = image_desc_by_magic(IMAGE_HEAD_SERVICE, magic);
	if (!r->desc)
		return -ENOMSG;
	*reader = take_ptr(r);
	return 0;
}

static int grow_message(struct image_reader *r, uint32_t size)
{
	uint8_t *bigger;

	if (size <= r->message_cap)
		return 0;
	bigger = realloc(r->message, size);
	if (!bigger)
		return reader_fail(r, -ENOMEM, "no memory for %" PRIu32 " bytes", size);
	r->message = bigger;
	r->message_cap = size;
	return 0;
}

/* A size word and its message. */
static int get_message(struct image_reader *r, const ProtobufCMessageDescriptor *desc,
		       ProtobufCMessage **msg)
{
	struct wire_fault fault;
	uint32_t size;
	int ret;

	if (image_reader_left(r) < sizeof(size))
		return reader_fail(r, -EINVAL, "the file ends within a size");
	ret = reader_get(r, &size, sizeof(size));
	if (ret < 0)
		return ret;
	if (size > image_reader_left(r))
		return reader_fail(r, -EINVAL, "its size %" PRIu32 " goes past the end of the file",
				   size);
	if (size > MESSAGE_MAX)
		return reader_fail(r, -EFBIG, "its size %" PRIu32 " is more than %u", size,
				   MESSAGE_MAX);
	ret = grow_message(r, size);
	if (ret < 0)
		return ret;
	ret = reader_get(r, r->message, size);
	if (ret < 0)
		return ret;
	ret = wire_unpack(desc, r->message, size, msg, &fault);
	if (ret < 0)
		return reader_fail(r, ret, "%s", fault.text);
	return 1;
}

/* Holds what a message says of its payload against what the file has. */
static int set_extra(struct image_reader *r, int64_t extra)
{
	if (extra == IMAGE_EXTRA_REST)
		extra = image_reader_left(r);
	if (extra > 0 && (uint64_t)extra > image_reader_left(r))
		return reader_fail(r, -EINVAL,
				   "its %" PRIi64 " bytes of data go past the end of the file",
				   extra);
	r->extra = extra;
	return 0;
}

/* A record has a size word at least: more of them than that are not there. */
static int set_records(struct image_reader *r, int64_t count)
{
	if ((uint64_t)count > image_reader_left(r) / sizeof(uint32_t))
		return reader_fail(r, -EINVAL,
				   "its %" PRIi64 " records go past the end of the file", count);
	r->records = count;
	return 0;
}

int image_reader_next(struct image_reader *r, ProtobufCMessage **msg)
{
	const struct image_desc *desc = r->desc;
	bool first = !r->n_entries;
	int ret = image_reader_skip(r);

	if (ret < 0)
		return ret;
	r->entry = r->n_entries;
	r->entry_offset = r->offset;
	if (!image_reader_left(r))
		return 0;
	if (!first && desc->shape == IMAGE_SINGLE)
		return reader_fail(r, -EINVAL, "a %s image has one entry only", desc->symbol);
	ret = get_message(r, first && desc->first ? desc->first : desc->entry, msg);
	if (ret < 0)
		return ret;
	if (desc->record)
		ret = set_records(r, desc->extra(*msg));
	else if (desc->extra)
		ret = set_extra(r, desc->extra(*msg));
	else
		ret = 0;
	if (ret < 0) {
		image_message_free(*msg);
		return ret;
	}
	r->n_entries++;
	return 1;
}

static void skip_extra(struct image_reader *r)
{
	if (r->extra > 0)
		r->offset += r->extra;
	r->extra = IMAGE_EXTRA_NONE;
}

int image_reader_record(struct image_reader *r, ProtobufCMessage **msg)
{
	int ret;

	skip_extra(r);
	if (!r->records)
		return 0;
	r->records--;
	ret = get_message(r, r->desc->record, msg);
	if (ret < 0)
		return ret;
	ret = set_extra(r, r->desc->record_extra(*msg));
	if (ret < 0) {
		image_message_free(*msg);
		return ret;
	}
	return 1;
}

int64_t image_reader_extra_left(const struct image_reader *r)
{
	return r->extra;
}

int image_reader_extra(struct image_reader *r, void *buf, size_t len)
{
	int ret;

	if (!len)
		return 0;
	if (r->extra < 0 || len > (uint64_t)r->extra)
		return reader_fail(r, -EINVAL, "%zu bytes of data are wanted, %" PRIi64 " are left",
				   len, MAX(r->extra, (int64_t)0));
	ret = reader_get(r, buf, len);
	if (ret < 0)
		return ret;
	r->extra -= len;
	return 0;
}

int image_reader_skip(struct image_reader *r)
{
	ProtobufCMessage *msg;
	int ret;

	while ((ret = image_reader_record(r, &msg)) > 0)
		image_message_free(msg);
	return ret;
}

int image_read_single(const struct image_dir *dir, enum image_type type, uint64_t key,
		      ProtobufCMessage **msg)
{
	_cleanup_(image_reader_cleanup) struct image_reader *r = NULL;
	_cleanup_(image_message_cleanup) ProtobufCMessage *first = NULL;
	ProtobufCMessage *second;
	int ret = image_reader_open(dir, type, key, &r);

	if (ret < 0)
		return ret;
	ret = image_reader_next(r, &first);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return reader_fail(r, -EINVAL, "there is no entry");
	ret = image_reader_next(r, &second);
	if (ret > 0) {
		image_message_free(second);
		return reader_fail(r, -EINVAL, "one entry was expected, there are more");
	}
	if (ret < 0)
		return ret;
	*msg = take_ptr(first);
	return 0;
}

int image_read_inventory(struct image_dir *dir, InventoryEntry **inventory)
{
	ProtobufCMessage *msg;
	InventoryEntry *e;
	int ret = image_read_single(dir, IMAGE_INVENTORY, 0, &msg);

	if (ret < 0)
		return ret;
	e = (InventoryEntry *)msg;
	if (e->img_version == 1 || e->img_version == 2) {
		dir->img_version = e->img_version;
		*inventory = e;
		return 0;
	}
	if (e->img_version == 0)
		log_error("%s/inventory.img: a pre-dump can't be restored, it is only a parent",
			  dir->path);
	else
		log_error("%s/inventory.img: image version %u is not known", dir->path,
			  e->img_version);
	image_message_free(msg);
	return -EINVAL;
}
