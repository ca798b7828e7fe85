// SPDX-License-Identifier: GPL-2.0-only
/*
 * The writer of image files.
 *
 *	head magic | own magic | size | message | payload | size | message | ...
 *
 * All numbers are 32 bits, little-endian as the machine is. What is written
 * collects in a buffer; a payload that is larger than the buffer goes past it.
 */
#include "image/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/list.h"
#include "util/crc32c.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define WRITER_BUFFER (64 << 10)

struct image_writer {
	const struct image_desc *desc;
	int fd;
	int error;			/* the first one; 0: none yet */
	char *path;			/* for the log */
	size_t n_entries;
	const struct image_dir *dir;
	uint32_t crc;			/* of what is in the file ... */
	bool bypassed;			/* ... but somebody else wrote there too */
	size_t used;			/* of buf */
	uint8_t buf[WRITER_BUFFER];
};

static int writer_fail(struct image_writer *w, int err, const char *action)
{
	w->error = log_errno(err, "%s: cannot %s", w->path, action);
	return w->error;
}

static int write_out(struct image_writer *w, const void *data, size_t len)
{
	int r = write_all(w->fd, data, len);

	w->crc = crc32c(w->crc, data, len);
	return r < 0 ? writer_fail(w, r, "write") : 0;
}

static int writer_flush(struct image_writer *w)
{
	size_t used = w->used;

	if (w->error)
		return w->error;
	w->used = 0;
	return write_out(w, w->buf, used);
}

static int writer_put(struct image_writer *w, const void *data, size_t len)
{
	int r;

	if (w->error)
		return w->error;
	if (len > sizeof(w->buf) - w->used) {
		r = writer_flush(w);
		if (r < 0)
			return r;
	}
	if (len > sizeof(w->buf))
		return write_out(w, data, len);
	memcpy(w->buf + w->used, data, len);
	w->used += len;
	return 0;
}

static int put_head(struct image_writer *w)
{
	const uint32_t magics[] = {
		w->desc->head == IMAGE_HEAD_SERVICE ? IMAGE_MAGIC_SERVICE : IMAGE_MAGIC_COMMON,
		w->desc->magic,
	};

	if (w->desc->head == IMAGE_HEAD_INVENTORY)
		return writer_put(w, &magics[1], sizeof(magics[1]));
	return writer_put(w, magics, sizeof(magics));
}

static int writer_open(const struct image_dir *dir, enum image_type type, const char *name,
		       struct image_writer **writer)
{
	struct image_writer *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return log_errno(-ENOMEM, "%s/%s: cannot create", dir->path, name);
	w->desc = image_desc(type);
	w->error = 0;
	w->n_entries = w->used = w->crc = 0;
	w->bypassed = false;
	w->dir = dir;
	assert(w->desc->head != IMAGE_HEAD_RAW);
	if (asprintf(&w->path, "%s/%s", dir->path, name) < 0) {
		free(w);
		return log_errno(-ENOMEM, "%s/%s: cannot create", dir->path, name);
	}
	w->fd = image_open_named(dir, name, O_WRONLY | O_CREAT);
	r = w->fd < 0 ? w->fd : put_head(w);
	if (r < 0) {
		image_writer_free(w);
		return r;
	}
	*writer = w;
	return 0;
}

int image_writer_open(const struct image_dir *dir, enum image_type type, uint64_t key,
		      struct image_writer **writer)
{
	char name[IMAGE_NAME_MAX];

	image_name(image_desc(type), key, name);
	return writer_open(dir, type, name, writer);
}

static int put_message(struct image_writer *w, const ProtobufCMessage *msg)
{
	size_t len;
	uint32_t size;
	uint8_t *heap;
	int r;

	if (w->error)
		return w->error;
	if (!protobuf_c_message_check(msg))
		return writer_fail(w, -EINVAL, "write an incomplete message");
	len = protobuf_c_message_get_packed_size(msg);
	/* crit reads the size as a signed number. */
	if (len > INT_MAX)
		return writer_fail(w, -EFBIG, "write");
	size = len;
	r = writer_put(w, &size, sizeof(size));
	if (r < 0)
		return r;
	if (len <= sizeof(w->buf)) {
		if (len > sizeof(w->buf) - w->used)
			r = writer_flush(w);
		if (r < 0)
			return r;
		w->used += protobuf_c_message_pack(msg, w->buf + w->used);
		return 0;
	}
	heap = malloc(len);
	if (!heap)
		return writer_fail(w, -ENOMEM, "write");
	protobuf_c_message_pack(msg, heap);
	r = writer_put(w, heap, len);
	free(heap);
	return r;
}

int image_write(struct image_writer *w, const ProtobufCMessage *msg)
{
	bool head = w->desc->shape == IMAGE_HEADED && !w->n_entries;

	assert(msg->descriptor == (head ? w->desc->first : w->desc->entry));
	assert(w->desc->shape != IMAGE_SINGLE || !w->n_entries);
	w->n_entries++;
	return put_message(w, msg);
}

int image_write_record(struct image_writer *w, const ProtobufCMessage *msg)
{
	assert(w->n_entries && msg->descriptor == w->desc->record);
	return put_message(w, msg);
}

int image_writer_extra(struct image_writer *w, const void *buf, size_t len)
{
	assert(w->n_entries && w->desc->extra);
	return writer_put(w, buf, len);
}

int image_writer_fd(struct image_writer *w)
{
	int r = writer_flush(w);

	w->bypassed = true;
	return r < 0 ? r : w->fd;
}

int image_writer_close(struct image_writer *w)
{
	int r = writer_flush(w);
	int fd = w->fd;

	/* Network file systems report here that they could not write. */
	w->fd = -1;
	if (close(fd) < 0 && !r)
		r = writer_fail(w, -errno, "write");
	if (!r && !w->bypassed)
		image_list_set_crc(w->dir, strrchr(w->path, '/') + 1, w->crc);
	image_writer_free(w);
	return r;
}

void image_writer_free(struct image_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	free(w);
}

int image_write_single(const struct image_dir *dir, enum image_type type, uint64_t key,
		       const ProtobufCMessage *msg)
{
	struct image_writer *w;
	int r = image_writer_open(dir, type, key, &w);

	if (r < 0)
		return r;
	image_write(w, msg);
	return image_writer_close(w);
}

int image_write_named(const struct image_dir *dir, enum image_type type, const char *name,
		      const ProtobufCMessage *msg)
{
	struct image_writer *w;
	int r = writer_open(dir, type, name, &w);

	if (r < 0)
		return r;
	image_write(w, msg);
	r = writer_flush(w);
	if (r == 0 && fsync(w->fd) < 0)
		writer_fail(w, -errno, "sync");
	return image_writer_close(w);
}
