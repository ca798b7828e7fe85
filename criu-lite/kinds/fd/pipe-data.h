/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in a pipe: shared by anonymous pipes and FIFOs, which differ in how
 * they are opened and in the file that their content goes to.
 */
#ifndef CRIU_LITE_KINDS_FD_PIPE_DATA_H
#define CRIU_LITE_KINDS_FD_PIPE_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "core/kind.h"
#include "image/catalogue.h"

struct dump;
struct fd_info;
struct file;
struct restore;

/*
 * Dump: copies what is in the pipe of a read end, without taking it, into
 * info->data. Returns 0 or -errno, logged; -ENOTSUP: it can't be seen whole.
 */
int pipe_data_read(struct dump *d, struct fd_info *info, uint32_t pipe_id);
/* Writes one record for each pipe of @kind that was read. Returns 0 or -errno. */
int pipe_data_save(struct dump *d, const struct file_kind *kind, enum image_type type);

/* Restore: a pipe, all its ends, and what is in it. */
struct pipe_group {
	uint32_t pipe_id;
	struct file **ends;
	size_t n_ends;
	uint32_t size;			/* capacity in bytes; 0: the default */
	const void *data;
	uint32_t bytes;
};

/*
 * Sets data of every file of @type to its struct pipe_group, with the content
 * that @image has for it. Returns 0 or -errno, logged.
 */
int pipe_data_load(struct restore *r, FdTypes type, enum image_type image,
		   uint32_t (*pipe_id)(const struct file *file));
/*
 * Sets the capacity and writes the content into a new pipe; @fd is its write
 * end, nonblocking. Returns 0 or -errno, logged as @name.
 */
int pipe_data_fill(const struct pipe_group *group, int fd, const char *name);

#endif
