// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restore: files whose path was gone.
 *
 * The coordinator gives every such inode a name before the root task is made,
 * and has all names taken away (kinds/fd/made-names.c) when that has opened
 * everything: the files are as deleted as they were.
 *
 *	ghost		is made anew, at its old path
 *	link_remap.N	gets its old path as a further name; keeps link_remap.N
 *			until the tree runs, so that a failed restore can be
 *			tried again
 *	O_TMPFILE	has no name at all, and can be given one by linkat(2): it is
 *			made the same way, and handed on as an open file
 *
 * What the link in /proc/PID/fd says is the name that a file was opened by. It is
 * the old path wherever that is free. Where another file stands, that one stays
 * what it is, and the name is OLD.cr.ID.ghost beside it. Directories that are
 * gone are made for the moment. Paths are gone through in their order, so that a
 * directory comes before what is in it; names are removed the other way round.
 */
#include "kinds/fd/remap.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/restore.h"
#include "image/reader.h"
#include "images/remap.pb-c.h"
#include "kinds/fd/ghost.h"
#include "kinds/fd/made-names.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

/* remap_id of images without a type: a ghost, in the other bits. */
#define OLD_GHOST_BIT 0x80000000u
/* Of a name that is taken, what goes into the one beside it: the whole fits NAME_MAX. */
#define BASE_MAX 200
#define NAME_TRIES 100

struct target {
	STAILQ_ENTRY(target) link;
	RemapType type;
	uint32_t id;
	const GhostFileEntry *head;	/* of a ghost */
	struct file *other;		/* LINKED: the entry of its other name */
	struct file *tmpfile;		/* made by O_TMPFILE */
	int fd;				/* service descriptor while it has a name of ours, or -1 */
	struct stat st;			/* LINKED, when it was found */
};

/* One open file (or the path of one) and what it leads to. */
struct lost_path {
	STAILQ_ENTRY(lost_path) link;
	struct file *file;
	struct target *target;
};

struct remap_restore {
	STAILQ_HEAD(, target) targets;
	STAILQ_HEAD(, lost_path) loaded;
	struct lost_path **paths;	/* those, in the order of their old paths */
	size_t n_paths;
	struct made_names made;
};

static const char *old_path(const struct lost_path *p)
{
	return p->file->entry->reg->name;
}

static bool path_is_plain(const char *path)
{
	if (path[0] != '/' || !path[1])
		return false;
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		size_t len = strcspn(p + 1, "/");

		if (!len || (len <= 2 && !strncmp(p + 1, "..", len)))
			return false;
	}
	return true;
}

static struct target *find_target(const struct remap_restore *m, RemapType type, uint32_t id)
{
	struct target *t;

	STAILQ_FOREACH(t, &m->targets, link)
		if (t->type == type && t->id == id)
			return t;
	return NULL;
}

static int load_target(struct restore *r, struct target *t, uint32_t orig_id)
{
	if (t->type == REMAP_TYPE__GHOST)
		return ghost_load(r, t->id, &t->head);
	t->other = restore_file_need(r, FD_TYPES__REG, t->id, "remap-fpath: file", orig_id);
	if (!t->other)
		return -EINVAL;
	if (t->other->owner || t->other->id == orig_id)
		return log_errno(-EINVAL, "remap-fpath: file %#x: its other name, file %#x, is an "
				 "open file itself", orig_id, t->id);
	if (!path_is_plain(t->other->entry->reg->name))
		return log_errno(-EINVAL, "remap-fpath: file %#x: its other name \"%s\" is not a "
				 "whole, plain path", orig_id, t->other->entry->reg->name);
	t->other->path_only = true;
	return 0;
}

static int add_target(struct restore *r, RemapType type, uint32_t id, uint32_t orig_id,
		      struct target **target)
{
	struct target *t = find_target(r->remaps, type, id);
	int ret;

	*target = t;
	if (t)
		return 0;
	t = arena_new_object(r->arena, struct target);
	t->type = type;
	t->id = id;
	t->fd = -1;
	ret = load_target(r, t, orig_id);
	if (ret < 0)
		return ret;
	STAILQ_INSERT_TAIL(&r->remaps->targets, t, link);
	*target = t;
	return 0;
}

static int check_path(const struct lost_path *p)
{
	const RegFileEntry *reg = p->file->entry->reg;
	const GhostFileEntry *head = p->target->head;

	if (!path_is_plain(reg->name))
		return log_errno(-EINVAL, "remap-fpath: file %#x: its path \"%s\" is not a whole, "
				 "plain one", p->file->id, reg->name);
	if (head && reg->has_mode && reg->mode != head->mode)
		return log_errno(-EINVAL, "remap-fpath: file %#x: its mode is %#o, that of "
				 "ghost-file-%x is %#o", p->file->id, reg->mode, p->target->id,
				 head->mode);
	return 0;
}

static int add_path(struct restore *r, const RemapFilePathEntry *e)
{
	struct remap_restore *m = r->remaps;
	RemapType type = e->remap_type;
	uint32_t id = e->remap_id;
	struct lost_path *p;
	struct target *target;
	struct file *file = restore_file_need(r, FD_TYPES__REG, e->orig_id, "remap-fpath: entry",
					      e->orig_id);
	int ret;

	if (!file)
		return -EINVAL;
	if (!e->has_remap_type) {
		type = id & OLD_GHOST_BIT ? REMAP_TYPE__GHOST : REMAP_TYPE__LINKED;
		id &= ~OLD_GHOST_BIT;
	}
	if (type == REMAP_TYPE__PROCFS)
		return log_errno(-ENOTSUP, "remap-fpath: file %#x: %s belongs to a task that is "
				 "gone (pid %u), which is not covered", file->id,
				 file->entry->reg->name, id);
	if (file->data)
		return log_errno(-EINVAL, "remap-fpath: file %#x is there twice", file->id);
	ret = add_target(r, type, id, e->orig_id, &target);
	if (ret < 0)
		return ret;
	file->data = target;
	p = arena_new_object(r->arena, struct lost_path);
	STAILQ_INSERT_TAIL(&m->loaded, p, link);
	m->n_paths++;
	p->file = file;
	p->target = target;
	if (target->head && S_ISREG(target->head->mode) && file->flags & TMPFILE_FLAG)
		target->tmpfile = file;
	return check_path(p);
}

/* A directory comes before what is in it. */
static int compare_paths(const void *a, const void *b)
{
	const struct lost_path *const *x = a, *const *y = b;
	int order = strcmp(old_path(*x), old_path(*y));

	if (order)
		return order;
	return (*x)->file->id < (*y)->file->id ? -1 : (*x)->file->id > (*y)->file->id;
}

static void sort_paths(struct restore *r)
{
	struct remap_restore *m = r->remaps;
	struct lost_path *p;
	size_t n = 0;

	m->paths = arena_new_array(r->arena, struct lost_path *, m->n_paths);
	STAILQ_FOREACH(p, &m->loaded, link)
		m->paths[n++] = p;
	if (n)
		qsort(m->paths, n, sizeof(*m->paths), compare_paths);
}

int remap_load(struct restore *r)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	struct remap_restore *m = arena_new_object(r->arena, struct remap_restore);
	const struct target *t;
	ProtobufCMessage *msg;
	int ret = image_reader_open(r->images, IMAGE_REMAP_FPATH, 0, &reader);

	m->made = (struct made_names)MADE_NAMES_INIT;
	STAILQ_INIT(&m->targets);
	STAILQ_INIT(&m->loaded);
	r->remaps = m;
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ret = add_path(r, (RemapFilePathEntry *)msg);
		image_message_free(msg);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	STAILQ_FOREACH(t, &m->targets, link)
		if (t->other && t->other->data)
			return log_errno(-EINVAL, "remap-fpath: file %#x is the other name of a "
					 "file, and has one itself", t->other->id);
	sort_paths(r);
	return 0;
}

static int make_directory(struct restore *r, const char *path)
{
	struct made_names *made = &r->remaps->made;
	struct stat st;
	int ret;

	if (lstat(path, &st) == 0)
		return 0;
	ret = made_names_announce(r, made, path, S_IFDIR, NULL);
	if (ret < 0)
		return ret;
	if (mkdir(path, 0700) == 0)
		return made_names_confirm(made, path);
	ret = errno == EEXIST ? 0 :
	      log_errno(-errno, "cannot make %s, a directory of a deleted file", path);
	return made_names_retract(made) < 0 ? -EPIPE : ret;
}

/* Opens the directory of @path; makes those that are gone. Returns a descriptor or -errno. */
static int open_directory(struct restore *r, const char *path)
{
	char *dir = arena_printf(r->arena, "%.*s", (int)(strrchr(path, '/') - path), path);
	int fd = open(*dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return log_errno(-errno, "cannot open the directory of the deleted file %s", path);
	for (char *end = dir + 1; fd < 0; end++) {
		char last;
		int ret;

		end = strchrnul(end, '/');
		last = *end;
		*end = '\0';
		ret = make_directory(r, dir);
		if (ret < 0)
			return ret;
		*end = last;
		if (last)
			continue;
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return log_errno(-errno, "cannot open %s, the directory of the deleted "
					 "file %s", dir, path);
	}
	return fd;
}

static int hold(struct restore *r, struct target *t, int fd)
{
	int service = restore_service_fd(r, fd);

	if (service < 0)
		return service;
	t->fd = service;
	return 0;
}

/* A further name of the inode that t->fd has. */
static int link_again(const struct target *t, int dir, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
	if (linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	return errno == EEXIST ? -EEXIST :
	       log_errno(-errno, "cannot give a deleted file the name %s again", name);
}

static int find_inode(const struct target *t, struct stat *st)
{
	if (fstat(t->fd, st) < 0)
		return log_errno(-errno, "cannot look at a deleted file");
	return 0;
}

/* @name in @dir is @path. Returns -EEXIST, not logged, when it is taken. */
static int make_name(struct restore *r, struct target *t, int dir, const char *name,
		     const char *path)
{
	struct made_names *made = &r->remaps->made;
	bool again = t->fd >= 0;
	struct stat st;
	int ret;

	if (lstat(path, &st) == 0)
		return -EEXIST;
	ret = again ? find_inode(t, &st) : 0;
	if (ret >= 0)
		ret = made_names_announce(r, made, path, t->head ? t->head->mode & S_IFMT : 0,
					  again ? &st : NULL);
	if (ret < 0)
		return ret;
	ret = again ? link_again(t, dir, name) : ghost_make(t->id, t->head, dir, name);
	if (ret < 0)
		return made_names_retract(made) < 0 ? -EPIPE : ret;
	ret = made_names_confirm(made, path);
	if (ret < 0 || again)
		return ret;
	ret = ghost_fill(r, t->id, t->head, dir, name);
	return ret < 0 ? ret : hold(r, t, ret);
}

/* The old path, or one beside it. */
static int make_path(struct restore *r, const struct lost_path *p)
{
	const char *old = old_path(p), *base = strrchr(old, '/') + 1;
	_cleanup_close_ int dir = open_directory(r, old);
	const char *name = base, *path = old;
	int ret;

	if (dir < 0)
		return dir;
	ret = make_name(r, p->target, dir, name, path);
	for (uint32_t i = 0; ret == -EEXIST && i < NAME_TRIES; i++) {
		name = arena_printf(r->arena, "%.*s.cr.%x.ghost", BASE_MAX, base,
				    p->target->id + i);
		path = arena_printf(r->arena, "%.*s%s", (int)(base - old), old, name);
		ret = make_name(r, p->target, dir, name, path);
	}
	if (ret == -EEXIST)
		return log_errno(ret, "file %#x: no name is free beside %s", p->file->id, old);
	if (ret < 0)
		return ret;
	p->file->path = path;
	return 0;
}

static int make_tmpfile(struct restore *r, struct target *t)
{
	_cleanup_close_ int dir = open_directory(r, t->tmpfile->entry->reg->name);
	int fd;

	if (dir < 0)
		return dir;
	fd = ghost_make_tmpfile(r, t->id, t->head, dir, t->tmpfile->flags);
	if (fd < 0)
		return fd;
	fd = hold(r, t, fd);
	if (fd < 0)
		return fd;
	t->tmpfile->made = t->fd;
	return 0;
}

static int find_other(struct restore *r, struct target *t)
{
	const RegFileEntry *reg = t->other->entry->reg;
	int fd = open(reg->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return log_errno(-errno, "file %#x: cannot open %s, the name that the dump gave to "
				 "a file", t->id, reg->name);
	if (fstat(fd, &t->st) < 0 || (reg->has_mode && reg->mode != t->st.st_mode)) {
		close(fd);
		return log_errno(-ESTALE, "file %#x: %s is not the file that the dump gave this "
				 "name", t->id, reg->name);
	}
	return hold(r, t, fd);
}

static int arrange_path(struct restore *r, const struct lost_path *p)
{
	struct target *t = p->target;
	int ret = 0;

	if (t->fd < 0 && t->tmpfile)
		ret = make_tmpfile(r, t);
	else if (t->fd < 0 && t->type == REMAP_TYPE__LINKED)
		ret = find_other(r, t);
	if (ret < 0)
		return ret;
	if (!t->tmpfile)
		return make_path(r, p);
	p->file->path = arena_printf(r->arena, "/proc/self/fd/%d", t->fd);
	return 0;
}

int remap_arrange(struct restore *r)
{
	struct remap_restore *m = r->remaps;

	for (size_t i = 0; i < m->n_paths; i++) {
		const struct lost_path *p = m->paths[i], *before = NULL;
		int ret;

		/* Of one path there may be several lost inodes. */
		for (size_t j = i; j-- && !strcmp(old_path(m->paths[j]), old_path(p));)
			if (m->paths[j]->target == p->target)
				before = m->paths[j];
		if (before && !p->target->tmpfile) {
			p->file->path = before->file->path;
			continue;
		}
		ret = arrange_path(r, p);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int remap_clear(struct restore *r)
{
	struct remap_restore *m = r->remaps;
	struct target *t;
	int first, ret;

	if (!m)
		return 0;
	first = made_names_remove(&m->made);
	STAILQ_FOREACH(t, &m->targets, link) {
		ret = t->fd >= 0 && t->head ? ghost_set_times(t->id, t->head, t->fd) : 0;
		if (!first)
			first = ret;
		if (t->fd >= 0)
			close(t->fd);
		t->fd = -1;
	}
	return first;
}

int remap_finish(struct restore *r)
{
	struct target *t;
	int first = 0;

	STAILQ_FOREACH(t, &r->remaps->targets, link) {
		const char *name = t->other ? t->other->entry->reg->name : NULL;
		struct stat st;

		if (!name)
			continue;
		/* Not what somebody put there since. */
		if (lstat(name, &st) < 0 || st.st_ino != t->st.st_ino || st.st_dev != t->st.st_dev)
			continue;
		if (unlink(name) < 0)
			first = log_errno(-errno, "cannot remove %s, a name that the dump made",
					  name);
	}
	return first;
}
