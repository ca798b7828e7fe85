/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes one image file: head, entries, and the payload after an entry.
 *
 * Small writes are gathered. An error sticks: it is logged once, where it
 * happened, and each later call returns it again, so that a caller may check
 * image_writer_close() alone.
 */
#ifndef CRIU_LITE_IMAGE_WRITER_H
#define CRIU_LITE_IMAGE_WRITER_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "image/catalogue.h"
#include "util/cleanup.h"

struct image_dir;
struct image_writer;

/* Makes the file anew (0644). Returns 0 or -errno. */
int image_writer_open(const struct image_dir *dir, enum image_type type, uint64_t key,
		      struct image_writer **writer);

/*
 * Appends one entry; the first of a headed file is its head. The message must
 * be complete: a missing required string or message is -EINVAL.
 */
int image_write(struct image_writer *w, const ProtobufCMessage *msg);

/* Appends a framed record of the payload: a message in a System V queue. */
int image_write_record(struct image_writer *w, const ProtobufCMessage *msg);

/* Appends bytes of the payload that belongs to the last entry. */
int image_writer_extra(struct image_writer *w, const void *buf, size_t len);

/*
 * The descriptor, with all that was written so far in the file and its offset
 * at the end: for splice(2), which may append to the payload. Or -errno. It
 * stays the writer's.
 */
int image_writer_fd(struct image_writer *w);

/* Writes what is left and frees the writer. Returns 0, or its first -errno. */
int image_writer_close(struct image_writer *w);

/* Gives the file up as it is: for error paths. */
void image_writer_free(struct image_writer *w);
DEFINE_CLEANUP(struct image_writer *, image_writer, image_writer_free)

/* A file of one entry. */
int image_write_single(const struct image_dir *dir, enum image_type type, uint64_t key,
		       const ProtobufCMessage *msg);

/* The same under another name, and on disk when it returns. */
int image_write_named(const struct image_dir *dir, enum image_type type, const char *name,
		      const ProtobufCMessage *msg);

#endif
