// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kinds of mappings share.
 *
 * A mapped file is a file of the dump like an open one, but without a
 * descriptor. Libraries are mapped many times, in every task: what was asked
 * once for a (device, inode, name, mode) is remembered, so that each is opened
 * and looked at once in a whole dump. Mappings then share one file id, which
 * nothing in the restored tasks can tell from having one each.
 *
 * At restore one file may be needed in two modes: an image may let a
 * descriptor and a mapping, or two mappings, share an id. The mode matters
 * where the mapping is shared: what is mapped from a writable descriptor can
 * be made writable by mprotect(), and otherwise not.
 */
#include "kinds/mm/vma.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/dump.h"
#include "core/restore.h"
#include "core/task.h"
#include "inject/abi/restorer.h"
#include "sys/proc_maps.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/tree.h"

/* Longer than "map_files/START-END" with 16 digits each. */
#define MAP_LINK_MAX 64

/* A file behind mappings: at dump by what /proc shows, at restore by id. */
struct mapped_file {
	RB_ENTRY(mapped_file) node;		/* dump */
	SLIST_ENTRY(mapped_file) link;		/* restore */
	uint32_t major, minor;
	uint64_t ino;
	const char *name;
	uint32_t mode;
	uint32_t id;
	struct file *file;			/* restore: the file to open again ... */
	int fd;					/* ... and what came of it, a service descriptor */
};

struct mapped_files {
	RB_HEAD(mapped_tree, mapped_file) tree;
	SLIST_HEAD(, mapped_file) reopened;
};

static int mapped_compare(const struct mapped_file *a, const struct mapped_file *b)
{
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->mode != b->mode)
		return a->mode < b->mode ? -1 : 1;
	return strcmp(a->name, b->name);
}

RB_PROTOTYPE_STATIC(mapped_tree, mapped_file, node, mapped_compare)
RB_GENERATE_STATIC(mapped_tree, mapped_file, node, mapped_compare)

static struct mapped_files *mapped_files_get(struct mapped_files **files, struct arena *arena)
{
	if (!*files) {
		*files = arena_new_object(arena, struct mapped_files);
		RB_INIT(&(*files)->tree);
		SLIST_INIT(&(*files)->reopened);
	}
	return *files;
}

bool vma_is_named(const struct proc_vma *vma, const char *text)
{
	return vma->name && !strcmp(vma->name, text);
}

bool vma_name_begins(const struct proc_vma *vma, const char *prefix)
{
	return vma->name && !strncmp(vma->name, prefix, strlen(prefix));
}

bool vma_name_is_deleted(const struct proc_vma *vma)
{
	static const char mark[] = " (deleted)";
	size_t len = vma->name ? strlen(vma->name) : 0;

	return len >= strlen(mark) && !strcmp(vma->name + len - strlen(mark), mark);
}

int vma_refuse(const struct task *t, const struct proc_vma *vma, const char *why)
{
	log_error("pid %d: mapping %lx-%lx of %s: %s", t->pid, (unsigned long)vma->start,
		  (unsigned long)vma->end, vma->name ? vma->name : "anonymous memory", why);
	return -ENOTSUP;
}

/*
 * A shared mapping that may become writable came from a writable descriptor;
 * so did one that lost just that to a seal on its memfd, and then it still
 * counts as shared ("sh"), which a mapping of a read-only descriptor does not.
 */
static uint32_t dumped_mode(const struct proc_vma *vma)
{
	bool writable = vma_has_flag(vma, VMA_FLAG_MW) || vma_has_flag(vma, VMA_FLAG_SH);

	return vma->shared && writable ? O_RDWR : O_RDONLY;
}

int vma_file_dump(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry)
{
	struct mapped_files *files = mapped_files_get(&d->mapped, d->arena);
	struct mapped_file probe = {
		.major = vma->major, .minor = vma->minor, .ino = vma->ino,
		.name = vma->name, .mode = dumped_mode(vma),
	};
	struct mapped_file *found = RB_FIND(mapped_tree, &files->tree, &probe);
	char link[MAP_LINK_MAX];
	int ret;

	if (!found) {
		snprintf(link, sizeof(link), "map_files/%lx-%lx", (unsigned long)vma->start,
			 (unsigned long)vma->end);
		ret = dump_path_file(d, t, link, probe.mode, &probe.id);
		if (ret < 0)
			return ret;
		probe.name = arena_strdup(d->arena, vma->name);
		found = arena_memdup(d->arena, &probe, sizeof(probe));
		RB_INSERT(mapped_tree, &files->tree, found);
	}
	entry->shmid = found->id;
	entry->has_fdflags = true;
	entry->fdflags = found->mode;
	return 0;
}

uint32_t vma_file_mode(const VmaEntry *entry)
{
	if (entry->has_fdflags)
		return entry->fdflags & O_ACCMODE;
	return entry->flags & MAP_SHARED && entry->prot & PROT_WRITE ? O_RDWR : O_RDONLY;
}

static uint32_t file_flags(const struct file *file)
{
	if (file->type == FD_TYPES__MEMFD)
		return file->entry->memfd->flags;
	return file->entry->reg->flags;
}

/* Whether the descriptor that the file has anyway can be mapped as the entry says. */
static bool mode_fits(const struct file *file, const VmaEntry *entry)
{
	uint32_t flags = file_flags(file), mode = flags & O_ACCMODE;

	if (flags & O_PATH)
		return false;
	if (entry->flags & MAP_SHARED)
		return mode == vma_file_mode(entry);
	return mode == O_RDONLY || mode == O_RDWR;
}

static struct mapped_file *reopened_find(struct mapped_files *files, const struct file *file,
					 uint32_t mode)
{
	struct mapped_file *m;

	SLIST_FOREACH(m, &files->reopened, link)
		if (m->file == file && m->mode == mode)
			return m;
	return NULL;
}

int vma_file_check(struct restore *r, struct task *t, const VmaEntry *entry, FdTypes type)
{
	struct mapped_files *files = mapped_files_get(&r->mapped, r->arena);
	uint32_t mode = vma_file_mode(entry);
	struct mapped_file *m;
	struct file *file;

	if (entry->shmid > UINT32_MAX)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: file id %#lx is out of range", t->pid,
				 (unsigned long)entry->start, (unsigned long)entry->shmid);
	/* No mapping can be made from a descriptor that can't be read. */
	if (mode != O_RDONLY && mode != O_RDWR)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: open mode %u of its file is unknown",
				 t->pid, (unsigned long)entry->start, mode);
	file = restore_file_need(r, type, entry->shmid, "mapping of pid", t->pid);
	if (!file)
		return -EINVAL;
	if (file->path_only)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: %s %#x is only the path of another "
				 "file", t->pid, (unsigned long)entry->start, file->kind->name,
				 file->id);
	if (mode_fits(file, entry) || reopened_find(files, file, mode))
		return 0;
	m = arena_new_object(r->arena, struct mapped_file);
	m->file = file;
	m->mode = mode;
	m->fd = -1;
	SLIST_INSERT_HEAD(&files->reopened, m, link);
	return 0;
}

int vma_file_open(struct restore *r)
{
	struct mapped_files *files = mapped_files_get(&r->mapped, r->arena);
	struct mapped_file *m;
	char path[MAP_LINK_MAX];

	SLIST_FOREACH(m, &files->reopened, link) {
		if (m->fd >= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", m->file->fd);
		m->fd = open(path, m->mode | O_CLOEXEC);
		if (m->fd < 0)
			return log_errno(-errno, "%s %#x: cannot open again for its mappings",
					 m->file->kind->name, m->file->id);
		m->fd = restore_service_fd(r, m->fd);
		if (m->fd < 0)
			return m->fd;
	}
	return 0;
}

int vma_file_plan(struct restore *r, const VmaEntry *entry, FdTypes type,
		  struct restorer_vma *vma)
{
	struct mapped_files *files = mapped_files_get(&r->mapped, r->arena);
	struct file *file = restore_file_find(r, type, entry->shmid);
	struct mapped_file *m;

	if (mode_fits(file, entry)) {
		vma->fd = file->fd;
		return 0;
	}
	m = reopened_find(files, file, vma_file_mode(entry));
	vma->fd = m->fd;
	return 0;
}
