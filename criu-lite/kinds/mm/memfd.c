// SPDX-License-Identifier: GPL-2.0-only
/*
 * memfd: memory with a descriptor, and shared anonymous memory.
 *
 * An inode (memfd.img) has name, owner, mode, size, seals and content; any
 * number of open file descriptions (files.img) and mappings refer to it. Each
 * open file description is made by opening the inode's own descriptor again.
 *
 * Shared anonymous memory is the same thing to the kernel, with an inode
 * called "/dev/zero" that no memfd_create() can make: it comes back from a
 * mapping whose file is opened through map_files, so that /proc shows what it
 * showed before.
 *
 * Seals come last: after the content, and before any restored mapping. That is
 * right for all but F_SEAL_FUTURE_WRITE, which leaves older mappings writable:
 * where there is such a mapping, the root task seals when all tasks have theirs.
 * Younger mappings came from the same writable descriptors, and yet are not to
 * become writable: both of one memfd are refused. Refused too: a memfd that a
 * program has named "/dev/zero".
 *
 * Both may consist of huge pages. What a shared mapping with MAP_HUGETLB makes
 * is called "/anon_hugepage".
 *
 * A lazy restore leaves a shared anonymous segment empty, and the server
 * fills it through the mappings, if nothing can look past userfaultfd: no
 * descriptor, no mapping that can't be armed. What is in no mapping at all
 * (yet in the segment: mremap() brings it back) is filled at once.
 */
#include "kinds/mm/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "core/restore.h"
#include "core/task.h"
#include "image/reader.h"
#include "image/vma.h"
#include "image/writer.h"
#include "inject/abi/restorer.h"
#include "kinds/mm/kinds.h"
#include "pages/armable.h"
#include "pages/handoff.h"
#include "pages/pagemap.h"
#include "sys/features.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Linux 6.3; older kernels make every memfd executable. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | \
		     F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#define MODE_MAX 07777

static const char memfd_prefix[] = "/memfd:";
static const char deleted_mark[] = " (deleted)";

/* What the link in /proc says of memory files, and of few others. */
static bool is_memory_name(const char *target)
{
	size_t len = strlen(target), mark = strlen(deleted_mark), prefix = strlen(memfd_prefix);

	if (!strcmp(target, MEMFD_DEV_ZERO " (deleted)") ||
	    !strcmp(target, MEMFD_ANON_HUGE " (deleted)"))
		return true;
	return len >= prefix + mark && !strncmp(target, memfd_prefix, prefix) &&
	       !strcmp(target + len - mark, deleted_mark);
}

/* The name in the image: what is no memfd is shared anonymous memory. */
static char *image_name_of(struct arena *arena, const char *target, bool *is_memfd)
{
	char *name;

	*is_memfd = !strncmp(target, memfd_prefix, strlen(memfd_prefix));
	name = arena_strdup(arena, target + (*is_memfd ? strlen(memfd_prefix) : 0));
	name[strlen(name) - strlen(deleted_mark)] = '\0';
	return name;
}

static void classify(struct memfd_inode *inode)
{
	inode->dev_zero = !strcmp(inode->entry->name, MEMFD_DEV_ZERO);
	inode->anon_huge = !strcmp(inode->entry->name, MEMFD_ANON_HUGE);
}

/* Only by name: what else must be right is for the dump to refuse. */
static bool memfd_probe(const struct fd_info *info)
{
	return S_ISREG(info->st.st_mode) && !info->st.st_nlink && is_memory_name(info->target);
}

/* Memory files live on a mount of the kernel's own; a memfd of ours shows which. */
static int memory_device(uint32_t hugetlb_flag, dev_t *dev)
{
	_cleanup_close_ int fd = memfd_create("criu-lite", MFD_CLOEXEC | hugetlb_flag);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return log_errno(-errno, "memfd: cannot make one to compare with");
	*dev = st.st_dev;
	return 0;
}

/* Each size of huge pages has a file system of its own. */
static int find_page_size(struct memfd_inode *inode, const char *name)
{
	struct statfs fs;

	if (fstatfs(inode->fd, &fs) < 0)
		return log_errno(-errno, "%s: cannot ask for its file system", name);
	inode->huge_page = fs.f_type == HUGETLBFS_MAGIC ? fs.f_bsize : 0;
	return 0;
}

static int check_file_system(const struct fd_info *info, const MemfdInodeEntry *e)
{
	dev_t dev = 0;
	int ret = memory_device(e->hugetlb_flag, &dev);

	if (ret < 0)
		return ret;
	if (info->st.st_dev != dev)
		return dump_refuse(info, "a deleted file that only looks like a memory file");
	return 0;
}

static int dump_inode(struct dump *d, const struct fd_info *info, struct memfd_inode *inode)
{
	MemfdInodeEntry *e = arena_message(d->arena, MemfdInodeEntry, memfd_inode_entry__init);
	bool is_memfd;
	int seals, ret;

	/* The victim's descriptor may be write-only, or say nothing but where the file is. */
	inode->fd = file_reopen(info->local, O_RDONLY | O_CLOEXEC);
	if (inode->fd < 0)
		return log_errno(inode->fd, "%s: cannot open for reading", info->target);
	ret = find_page_size(inode, info->target);
	if (ret < 0)
		return ret;
	if (inode->huge_page) {
		e->has_hugetlb_flag = true;
		e->hugetlb_flag = MFD_HUGETLB |
				  (uint32_t)__builtin_ctzll(inode->huge_page) << VMA_HUGETLB_SHIFT;
	}
	ret = check_file_system(info, e);
	if (ret < 0)
		return ret;
	inode->entry = e;
	e->name = image_name_of(d->arena, info->target, &is_memfd);
	classify(inode);
	if (is_memfd && (inode->dev_zero || inode->anon_huge))
		return dump_refuse(info, "images take a memfd of this name for shared anonymous "
				   "memory: choose another name");
	seals = fcntl(inode->fd, F_GET_SEALS);
	if (seals < 0)
		return log_errno(-errno, "%s: cannot read its seals", info->target);
	if (seals & ~SEALS_KNOWN)
		return dump_refuse(info, "seals %#x are not covered", seals & ~SEALS_KNOWN);
	e->uid = info->st.st_uid;
	e->gid = info->st.st_gid;
	e->size = info->st.st_size;
	e->seals = seals;
	e->has_mode = true;
	e->mode = info->st.st_mode;
	inode->dev = info->st.st_dev;
	inode->ino = info->st.st_ino;
	return 0;
}

struct memfd_inode *memfd_inode_by_ino(const struct dump *d, uint64_t ino)
{
	for (struct memfd_inode *i = d->memfds; i; i = i->next)
		if (i->ino == ino)
			return i;
	return NULL;
}

static int memfd_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	MemfdFileEntry *e = arena_message(d->arena, MemfdFileEntry, memfd_file_entry__init);
	const struct memfd_inode *inode = memfd_inode_by_ino(d, info->st.st_ino);
	int ret;

	/* One of huge pages may have the same number on another device: to be refused. */
	if (!inode || inode->dev != info->st.st_dev) {
		struct memfd_inode *fresh = arena_new_object(d->arena, struct memfd_inode);

		fresh->fd = -1;
		ret = dump_inode(d, info, fresh);
		if (ret < 0) {
			close_cleanup(&fresh->fd);
			return ret;
		}
		/* Ids of their own: inode numbers may be wider than an image's ids. */
		fresh->entry->inode_id = d->memfds ? d->memfds->entry->inode_id + 1 : 1;
		fresh->entry->shmid = fresh->entry->inode_id;
		fresh->next = d->memfds;
		d->memfds = fresh;
		inode = fresh;
	}
	e->id = entry->id;
	e->flags = info->flags;
	e->pos = info->pos == FILE_POS_NONE ? 0 : info->pos;
	e->fown = info->fown;
	e->inode_id = inode->entry->inode_id;
	entry->memfd = e;
	return 0;
}

static int memfd_save(struct dump *d)
{
	_cleanup_(image_writer_cleanup) struct image_writer *w = NULL;
	int ret;

	if (!d->memfds)
		return 0;
	ret = image_writer_open(d->images, IMAGE_MEMFD_INODE, 0, &w);
	if (ret < 0)
		return ret;
	for (struct memfd_inode *i = d->memfds; i; i = i->next) {
		ret = image_write(w, &i->entry->base);
		if (ret < 0)
			return ret;
		ret = memfd_pages_save(d, i);
		if (ret < 0)
			return ret;
		close_cleanup(&i->fd);
		i->fd = -1;
	}
	return image_writer_close(take_ptr(w));
}

/*
 * Restore
 */

static bool is_anonymous(const MemfdInodeEntry *e)
{
	return !strcmp(e->name, MEMFD_DEV_ZERO) || !strcmp(e->name, MEMFD_ANON_HUGE);
}

static bool is_huge(const MemfdInodeEntry *e)
{
	return e->has_hugetlb_flag && e->hugetlb_flag;
}

static int check_inode(const MemfdInodeEntry *e)
{
	if (e->inode_id > UINT32_MAX)
		return log_errno(-EINVAL, "memfd.img: inode id %#lx is out of range",
				 (unsigned long)e->inode_id);
	if (is_huge(e) && (!(e->hugetlb_flag & MFD_HUGETLB) ||
			   e->hugetlb_flag & ~(MFD_HUGETLB | VMA_HUGETLB_SIZE_MASK)))
		return log_errno(-EINVAL, "memfd %s: hugetlb flag %#x has unknown bits", e->name,
				 e->hugetlb_flag);
	if (!strcmp(e->name, is_huge(e) ? MEMFD_DEV_ZERO : MEMFD_ANON_HUGE))
		return log_errno(-EINVAL, "memfd %s: hugetlb flag %#x does not go with this name",
				 e->name, e->hugetlb_flag);
	if (e->size > INT64_MAX - PAGE_SIZE)
		return log_errno(-EINVAL, "memfd %s: size %#lx is out of range", e->name,
				 (unsigned long)e->size);
	if (e->seals & ~SEALS_KNOWN)
		return log_errno(-EINVAL, "memfd %s: seals %#x are unknown", e->name, e->seals);
	if (e->has_mode && (!S_ISREG(e->mode) || e->mode & ~(S_IFMT | MODE_MAX)))
		return log_errno(-EINVAL, "memfd %s: mode %#o is no file's", e->name, e->mode);
	if (is_anonymous(e) && (!e->size || e->size & ~PAGE_MASK))
		return log_errno(-EINVAL, "memfd %s: size %#lx is no mapping's", e->name,
				 (unsigned long)e->size);
	return 0;
}

static struct memfd_inode *inode_by_id(const struct restore *r, uint64_t id)
{
	for (struct memfd_inode *i = r->memfds; i; i = i->next)
		if (!i->segment && i->entry->inode_id == id)
			return i;
	return NULL;
}

static struct memfd_inode *inode_add(struct restore *r, MemfdInodeEntry *e)
{
	struct memfd_inode *inode = arena_new_object(r->arena, struct memfd_inode);

	inode->entry = e;
	classify(inode);
	inode->fd = -1;
	inode->next = r->memfds;
	r->memfds = inode;
	return inode;
}

/* One past the last byte that the page map has. */
static uint64_t pages_end(const struct page_map *map)
{
	return map->n_extents ? page_extent_end(&map->extents[map->n_extents - 1]) : 0;
}

static int load_inode(struct restore *r, MemfdInodeEntry *e)
{
	struct memfd_inode *inode;
	int ret = check_inode(e);

	if (ret < 0)
		return ret;
	if (inode_by_id(r, e->inode_id))
		return log_errno(-EINVAL, "memfd.img: inode id %lu is there twice",
				 (unsigned long)e->inode_id);
	inode = inode_add(r, e);
	if (!e->size)
		return 0;
	ret = memfd_pages_load(r, inode);
	if (ret < 0)
		return ret;
	if (pages_end(inode->pages) > ALIGN_UP(e->size, PAGE_SIZE))
		return log_errno(-EINVAL, "pagemap-shmem-%u: pages behind the end of memfd %s",
				 e->shmid, e->name);
	return 0;
}

static int memfd_load(struct restore *r)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open(r->images, IMAGE_MEMFD_INODE, 0, &reader);

	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		/* The message lives as long as the restore. */
		ret = load_inode(r, (MemfdInodeEntry *)msg);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int memfd_collect(struct restore *r, struct file *file)
{
	const MemfdFileEntry *e = file->entry->memfd;

	file->data = inode_by_id(r, e->inode_id);
	if (!file->data)
		return log_errno(-EINVAL, "memfd %#x: its inode %u is not in memfd.img", file->id,
				 e->inode_id);
	if (e->flags & (O_CREAT | O_EXCL | O_TRUNC | __O_TMPFILE))
		return log_errno(-EINVAL, "memfd %#x: flags %#x are no open file's", file->id,
				 e->flags);
	if (e->pos > INT64_MAX)
		return log_errno(-EINVAL, "memfd %#x: position is out of range", file->id);
	file->fown = e->fown;
	file->flags = e->flags;
	return 0;
}

int memfd_segment_get(struct restore *r, uint64_t shmid, uint64_t size,
		      struct memfd_inode **inode)
{
	struct memfd_inode *i;
	MemfdInodeEntry *e;

	for (i = r->memfds; i; i = i->next)
		if (i->segment && i->entry->shmid == shmid)
			break;
	if (!i) {
		e = arena_message(r->arena, MemfdInodeEntry, memfd_inode_entry__init);
		e->name = arena_strdup(r->arena, MEMFD_DEV_ZERO);
		e->shmid = shmid;
		i = inode_add(r, e);
		i->segment = true;
	}
	i->entry->size = MAX(i->entry->size, size);
	*inode = i;
	return i->pages ? 0 : memfd_pages_load(r, i);
}

/* What mmap(MAP_SHARED | MAP_ANONYMOUS) makes, as a descriptor. */
static int make_anonymous(const struct memfd_inode *inode)
{
	size_t size = inode->entry->size;
	int flags = MAP_SHARED | MAP_ANONYMOUS | (inode->noreserve ? MAP_NORESERVE : 0);
	char link[64];
	void *map;
	int fd;

	if (inode->anon_huge)
		flags |= MAP_HUGETLB | (inode->entry->hugetlb_flag & VMA_HUGETLB_SIZE_MASK);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (map == MAP_FAILED)
		return log_errno(-errno, "shared memory %u: cannot map %zu bytes%s",
				 inode->entry->shmid, size,
				 inode->anon_huge ? ": are enough huge pages free?" : "");
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (unsigned long)map,
		 (unsigned long)map + size);
	fd = open(link, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = log_errno(-errno, "shared memory %u: cannot open %s", inode->entry->shmid,
			       link);
	munmap(map, size);
	return fd;
}

static int make_memfd(const MemfdInodeEntry *e)
{
	uint32_t flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (is_huge(e) ? e->hugetlb_flag : 0);
	int fd = memfd_create(e->name, flags | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(e->name, flags);
	if (fd < 0)
		return log_errno(-errno, "memfd %s: cannot create", e->name);
	if (ftruncate(fd, e->size) < 0) {
		int ret = log_errno(-errno, "memfd %s: cannot set its size %lu", e->name,
				    (unsigned long)e->size);

		close(fd);
		return ret;
	}
	return fd;
}

/* Whether a restored task has a descriptor of it, and so can read around a mapping. */
static bool has_descriptor(const struct restore *r, const struct memfd_inode *inode)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].data == inode && r->files[i].kind == &memfd_kind &&
		    r->files[i].owner)
			return true;
	return false;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct memfd_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Fills what no armed mapping shows. */
static int fill_unmapped(struct memfd_inode *inode)
{
	uint64_t end = ALIGN_UP(inode->entry->size, PAGE_SIZE), at = 0;
	int ret;

	qsort(inode->armable, inode->n_armable, sizeof(*inode->armable), compare_ranges);
	for (size_t i = 0; i < inode->n_armable && at < end; i++) {
		const struct memfd_range *range = &inode->armable[i];

		ret = range->start > at ? memfd_pages_fill(inode, at, range->start) : 0;
		if (ret < 0)
			return ret;
		at = MAX(at, range->end);
	}
	return at < end ? memfd_pages_fill(inode, at, end) : 0;
}

static int fill_inode(struct restore *r, struct memfd_inode *inode)
{
	uint64_t end = ALIGN_UP(inode->entry->size, PAGE_SIZE);
	bool armable;
	int ret;

	if (!inode->pages)
		return 0;
	if (pages_end(inode->pages) > end)
		return log_errno(-EINVAL, "pagemap-shmem-%u: pages behind the end of the segment",
				 inode->entry->shmid);
	armable = inode->dev_zero || (inode->anon_huge && r->features->lazy_huge);
	inode->lazy = r->opts->lazy_pages && armable && !inode->eager && inode->n_armable &&
		      !has_descriptor(r, inode);
	if (!inode->lazy)
		return memfd_pages_fill(inode, 0, end);
	ret = fill_unmapped(inode);
	if (ret < 0)
		return ret;
	return handoff_send_segment(r->handoff, inode->entry->shmid, inode->fd);
}

static int finish_inode(const struct memfd_inode *inode)
{
	const MemfdInodeEntry *e = inode->entry;
	int seals;

	/* Older images know a segment by its mappings only, and nobody can see the owner. */
	if (inode->segment)
		return 0;
	if (fchown(inode->fd, e->uid, e->gid) < 0)
		return log_errno(-errno, "memfd %s: cannot give it to uid %u gid %u", e->name,
				 e->uid, e->gid);
	if (e->has_mode && fchmod(inode->fd, e->mode & MODE_MAX) < 0)
		return log_errno(-errno, "memfd %s: cannot set mode %#o", e->name,
				 e->mode & MODE_MAX);
	seals = fcntl(inode->fd, F_GET_SEALS);
	if (seals < 0)
		return log_errno(-errno, "memfd %s: cannot read its seals", e->name);
	if ((uint32_t)seals == e->seals || inode->before_seal)
		return 0;
	if (fcntl(inode->fd, F_ADD_SEALS, e->seals) < 0 ||
	    (uint32_t)fcntl(inode->fd, F_GET_SEALS) != e->seals)
		return log_errno(-errno ?: -EINVAL, "memfd %s: cannot seal it with %#x", e->name,
				 e->seals);
	return 0;
}

uint64_t memfd_seals_room(const struct restore *r)
{
	uint64_t room = 0;

	for (const struct memfd_inode *i = r->memfds; i; i = i->next)
		if (i->before_seal)
			room += sizeof(struct restorer_seal);
	return room;
}

int memfd_seals_plan(const struct restore *r, const struct task *t, struct restorer_args *args)
{
	uint64_t room = memfd_seals_room(r);

	if (t->parent || !room)
		return 0;
	args->mm.seals = restorer_alloc(args, room);
	if (!args->mm.seals)
		return -ENOMEM;
	for (const struct memfd_inode *i = r->memfds; i; i = i->next)
		if (i->before_seal)
			args->mm.seals[args->mm.n_seals++] =
				(struct restorer_seal){ i->fd, i->entry->seals };
	return 0;
}

int memfd_inode_open(struct restore *r, struct memfd_inode *inode)
{
	int ret;

	if (inode->fd >= 0)
		return 0;
	ret = is_anonymous(inode->entry) ? make_anonymous(inode) : make_memfd(inode->entry);
	if (ret < 0)
		return ret;
	inode->fd = restore_service_fd(r, ret);
	if (inode->fd < 0)
		return inode->fd;
	ret = find_page_size(inode, inode->entry->name);
	if (ret < 0)
		return ret;
	ret = fill_inode(r, inode);
	if (ret < 0)
		return ret;
	return finish_inode(inode);
}

static int memfd_open(struct restore *r, struct file *file)
{
	const MemfdFileEntry *e = file->entry->memfd;
	struct memfd_inode *inode = file->data;
	_cleanup_close_ int fd = -1;
	int ret = memfd_inode_open(r, inode);

	if (ret < 0)
		return ret;
	/* Only mapped: nobody sees which open file description it was. */
	if (!file->owner && (e->flags & (O_ACCMODE | O_PATH)) == O_RDWR) {
		file->fd = inode->fd;
		return 0;
	}
	fd = file_reopen(inode->fd, (e->flags & ~O_ASYNC) | O_CLOEXEC);
	if (fd < 0)
		return log_errno(fd, "memfd %#x (%s): cannot open", file->id, inode->entry->name);
	if (file->owner) {
		ret = restore_file_flags(file, fd, e->flags);
		if (ret < 0)
			return ret;
		ret = restore_file_seek(file, fd, e->pos);
		if (ret < 0)
			return ret;
	}
	return restore_file_set_fd(r, file, take_fd(&fd));
}

const struct file_kind memfd_kind = {
	.name = "memfd",
	.type = FD_TYPES__MEMFD,
	.proto = "memfd.proto",
	.test = "mm/memfd",
	.probe = memfd_probe,
	.dump = memfd_dump,
	.save = memfd_save,
	.load = memfd_load,
	.collect = memfd_collect,
	.open = memfd_open,
};
