// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in a pipe.
 *
 * tee(2) copies references to the buffers of the victim's pipe into one of
 * ours and consumes nothing; what is then read is ours. For the copy to be
 * whole, our pipe needs as many buffers as the victim's: a pipe that is larger
 * than we are allowed and holds more than that is refused.
 *
 * Restore sets the capacity first and writes the bytes. The kernel may give a
 * smaller capacity than was dumped (a limit of the user, or of the system);
 * that is an error only where the content does not fit.
 */
#include "kinds/fd/pipe-data.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/restore.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/pipe-data.pb-c.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"

/* Of a dumped pipe: fd_info.data of each description that can read it. */
struct pipe_content {
	uint32_t pipe_id, size, bytes;
	void *data;
};

static int copy_content(const struct fd_info *info, struct pipe_content *c)
{
	_cleanup_close_ int in = -1, out = -1;
	int pair[2];
	ssize_t n;

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return log_errno(-errno, "pipe %u: cannot make a pipe to copy it", c->pipe_id);
	in = pair[0];
	out = pair[1];
	/* Where this is not allowed, the count below tells whether it was enough. */
	(void)fcntl(out, F_SETPIPE_SZ, c->size);
	n = tee(info->local, out, c->bytes, SPLICE_F_NONBLOCK);
	if (n < 0)
		return log_errno(-errno, "pipe %u: cannot copy its content", c->pipe_id);
	if (n != c->bytes)
		return dump_refuse(info, "holds %u bytes, more than we may copy without consuming "
				   "them (%zd): see pipe-max-size in proc(5)", c->bytes, n);
	n = read_all(in, c->data, c->bytes);
	if (n != c->bytes)
		return log_errno(n < 0 ? n : -EIO, "pipe %u: cannot read the copy", c->pipe_id);
	return 0;
}

int pipe_data_read(struct dump *d, struct fd_info *info, uint32_t pipe_id)
{
	struct pipe_content *c = arena_new_object(d->arena, struct pipe_content);
	int size = fcntl(info->local, F_GETPIPE_SZ), bytes;

	if (size < 0)
		return log_errno(-errno, "pipe %u: cannot read its capacity", pipe_id);
	if (ioctl(info->local, FIONREAD, &bytes) < 0 || bytes < 0)
		return log_errno(-errno, "pipe %u: cannot read how full it is", pipe_id);
	c->pipe_id = pipe_id;
	c->size = size;
	c->bytes = bytes;
	info->data = c;
	if (!bytes)
		return 0;
	c->data = arena_alloc(d->arena, bytes);
	return copy_content(info, c);
}

static int compare_contents(const void *a, const void *b)
{
	const struct pipe_content *const *x = a, *const *y = b;

	return (*x)->pipe_id < (*y)->pipe_id ? -1 : (*x)->pipe_id > (*y)->pipe_id;
}

static int write_content(struct image_writer *w, const struct pipe_content *c)
{
	PipeDataEntry entry = PIPE_DATA_ENTRY__INIT;
	int r;

	entry.pipe_id = c->pipe_id;
	entry.bytes = c->bytes;
	entry.has_size = true;
	entry.size = c->size;
	r = image_write(w, &entry.base);
	return r < 0 || !c->bytes ? r : image_writer_extra(w, c->data, c->bytes);
}

int pipe_data_save(struct dump *d, const struct file_kind *kind, enum image_type type)
{
	_cleanup_(image_writer_cleanup) struct image_writer *w = NULL;
	_cleanup_free_ const struct pipe_content **list = NULL;
	size_t n = 0, cap = 0;
	int r;

	for (size_t i = 0; i < d->n_descriptions; i++) {
		const struct pipe_content **slot;

		if (d->descriptions[i]->kind != kind || !d->descriptions[i]->data)
			continue;
		slot = array_push(&list, &n, &cap);
		if (!slot)
			return log_errno(-ENOMEM, "%s: cannot list them", kind->name);
		*slot = d->descriptions[i]->data;
	}
	if (!n)
		return 0;
	qsort(list, n, sizeof(*list), compare_contents);
	r = image_writer_open(d->images, type, 0, &w);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (i && list[i]->pipe_id == list[i - 1]->pipe_id)
			continue;
		r = write_content(w, list[i]);
		if (r < 0)
			return r;
	}
	return image_writer_close(take_ptr(w));
}

/* A file with its key, while groups are made. */
struct keyed_file {
	uint32_t pipe_id;
	struct file *file;
};

static int compare_keys(const void *a, const void *b)
{
	const struct keyed_file *x = a, *y = b;

	if (x->pipe_id != y->pipe_id)
		return x->pipe_id < y->pipe_id ? -1 : 1;
	return x->file->id < y->file->id ? -1 : x->file->id > y->file->id;
}

struct groups {
	struct pipe_group *list;	/* ascending by pipe_id */
	size_t n;
};

/* @files is ascending: files of one pipe stand together. */
static void make_groups(struct restore *r, const struct keyed_file *files, size_t n,
			struct groups *groups)
{
	struct file **ends = arena_new_array(r->arena, struct file *, n);
	struct pipe_group *g = NULL;

	groups->list = arena_new_array(r->arena, struct pipe_group, n);
	groups->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!g || g->pipe_id != files[i].pipe_id) {
			g = &groups->list[groups->n++];
			g->pipe_id = files[i].pipe_id;
			g->ends = ends + i;
		}
		g->ends[g->n_ends++] = files[i].file;
		files[i].file->data = g;
	}
}

static int find_groups(struct restore *r, FdTypes type, uint32_t (*pipe_id)(const struct file *),
		       struct groups *groups)
{
	_cleanup_free_ struct keyed_file *files = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < r->n_files; i++) {
		struct keyed_file *slot;

		if (r->files[i].type != type)
			continue;
		slot = array_push(&files, &n, &cap);
		if (!slot)
			return log_errno(-ENOMEM, "pipes: cannot list them");
		slot->pipe_id = pipe_id(&r->files[i]);
		slot->file = &r->files[i];
	}
	if (n)
		qsort(files, n, sizeof(*files), compare_keys);
	make_groups(r, files, n, groups);
	return 0;
}

static int compare_group(const void *key, const void *element)
{
	const struct pipe_group *g = element;
	uint32_t id = *(const uint32_t *)key;

	return id < g->pipe_id ? -1 : id > g->pipe_id;
}

static int load_content(struct restore *r, struct image_reader *reader, const PipeDataEntry *entry,
			const struct groups *groups)
{
	struct pipe_group *g = NULL;
	void *data;
	int ret;

	if (groups->n)
		g = bsearch(&entry->pipe_id, groups->list, groups->n, sizeof(*groups->list),
			    compare_group);
	/* It was in a pipe that some task had open: nobody could read it now. */
	if (!g)
		return log_errno(-EINVAL, "pipe %u: has content, but no file", entry->pipe_id);
	if (g->data)
		return log_errno(-EINVAL, "pipe %u: has content twice", entry->pipe_id);
	if (entry->has_size && entry->size > INT_MAX)
		return log_errno(-EINVAL, "pipe %u: a capacity of %u bytes", entry->pipe_id,
				 entry->size);
	if (entry->bytes > image_reader_left(reader))
		return log_errno(-EINVAL, "pipe %u: %u bytes of content, more than the file has",
				 entry->pipe_id, entry->bytes);
	data = arena_alloc(r->arena, entry->bytes);
	ret = entry->bytes ? image_reader_extra(reader, data, entry->bytes) : 0;
	g->data = data;
	g->bytes = entry->bytes;
	g->size = entry->has_size ? entry->size : 0;
	return ret;
}

int pipe_data_load(struct restore *r, FdTypes type, enum image_type image,
		   uint32_t (*pipe_id)(const struct file *file))
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	struct groups groups = {};
	ProtobufCMessage *msg;
	int ret = find_groups(r, type, pipe_id, &groups);

	if (ret < 0)
		return ret;
	ret = image_reader_open(r->images, image, 0, &reader);
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ret = load_content(r, reader, (PipeDataEntry *)msg, &groups);
		image_message_free(msg);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int set_capacity(const struct pipe_group *g, int fd, const char *name)
{
	int now = fcntl(fd, F_GETPIPE_SZ);

	if (now < 0)
		return log_errno(-errno, "%s %u: cannot read its capacity", name, g->pipe_id);
	if (!g->size || (uint32_t)now == g->size)
		return 0;
	if (fcntl(fd, F_SETPIPE_SZ, g->size) >= 0)
		return 0;
	if (g->bytes > (uint32_t)now)
		return log_errno(-errno, "%s %u: cannot give it the capacity of %u bytes that its "
				 "content needs", name, g->pipe_id, g->size);
	log_warn("%s %u: its capacity was %u bytes, the kernel gives %d: %s", name, g->pipe_id,
		 g->size, now, strerror(errno));
	return 0;
}

int pipe_data_fill(const struct pipe_group *g, int fd, const char *name)
{
	int r = set_capacity(g, fd, name);

	if (r < 0 || !g->bytes)
		return r;
	r = write_all(fd, g->data, g->bytes);
	if (r < 0)
		return log_errno(r, "%s %u: cannot write its content of %u bytes", name,
				 g->pipe_id, g->bytes);
	return 0;
}
