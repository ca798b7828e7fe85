// SPDX-License-Identifier: GPL-2.0-only
/*
 * The images of a dump that the engine writes itself: messages that the kinds
 * built, in the files of spec/images.md, section 2.
 */
#include "engine/dump-images.h"

#include "core/dump.h"
#include "image/dir.h"
#include "image/writer.h"
#include "images/inventory.pb-c.h"
#include "images/pstree.pb-c.h"
#include "images/seccomp.pb-c.h"
#include "util/arena.h"

static int write_pstree_entry(struct dump *d, struct image_writer *w, const struct task *t)
{
	PstreeEntry entry = PSTREE_ENTRY__INIT;

	entry.pid = t->pid;
	entry.ppid = t->parent ? t->ppid : 0;
	entry.pgid = t->pgid;
	entry.sid = t->sid;
	entry.n_threads = t->n_threads;
	entry.threads = arena_new_array(d->arena, uint32_t, t->n_threads);
	for (size_t i = 0; i < t->n_threads; i++)
		entry.threads[i] = t->threads[i].tid;
	return image_write(w, &entry.base);
}

static int write_pstree(struct dump *d)
{
	struct image_writer *w;
	struct task *t;
	int r = image_writer_open(d->images, IMAGE_PSTREE, 0, &w), closed;

	if (r < 0)
		return r;
	TAILQ_FOREACH(t, &d->tasks, link) {
		r = write_pstree_entry(d, w, t);
		if (r < 0)
			break;
	}
	closed = image_writer_close(w);
	return r < 0 ? r : closed;
}

static int write_fdinfo(struct dump *d, struct task *t)
{
	struct image_writer *w;
	int r, closed;

	if (task_shares_files(t))
		return 0;
	r = image_writer_open(d->images, IMAGE_FDINFO, t->ids->files_id, &w);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < t->dump->n_fds; i++) {
		const struct fd_info *info = &t->dump->fds[i];
		FdinfoEntry entry = FDINFO_ENTRY__INIT;

		entry.id = info->id;
		entry.fd = info->fd;
		entry.flags = info->cloexec;
		entry.type = info->kind->type;
		r = image_write(w, &entry.base);
	}
	closed = image_writer_close(w);
	return r < 0 ? r : closed;
}

static int write_task(struct dump *d, struct task *t)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < t->n_threads; i++)
		r = image_write_single(d->images, IMAGE_CORE, t->threads[i].tid,
				       &t->threads[i].core->base);
	if (r < 0 || !task_is_live(t))
		return r;
	r = image_write_single(d->images, IMAGE_IDS, t->pid, &t->ids->base);
	if (r >= 0)
		r = image_write_single(d->images, IMAGE_FS, t->pid, &t->fs->base);
	if (r >= 0)
		r = image_write_single(d->images, IMAGE_MM, t->pid, &t->mm->base);
	if (r >= 0)
		r = write_fdinfo(d, t);
	return r;
}

static int write_files(struct dump *d)
{
	struct image_writer *w;
	int r = image_writer_open(d->images, IMAGE_FILES, 0, &w), closed;

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < d->n_descriptions; i++)
		r = image_write(w, &d->descriptions[i]->entry->base);
	closed = image_writer_close(w);
	return r < 0 ? r : closed;
}

int dump_images_write(struct dump *d)
{
	SeccompEntry seccomp = SECCOMP_ENTRY__INIT;
	struct task *t;
	int r;

	seccomp.seccomp_filters = d->filters;
	seccomp.n_seccomp_filters = d->n_filters;
	TAILQ_FOREACH(t, &d->tasks, link) {
		r = write_task(d, t);
		if (r < 0)
			return r;
	}
	r = write_files(d);
	if (r >= 0)
		r = image_write_single(d->images, IMAGE_SECCOMP, 0, &seccomp.base);
	if (r >= 0)
		r = write_pstree(d);
	return r;
}

int dump_images_commit(struct dump *d)
{
	InventoryEntry entry = INVENTORY_ENTRY__INIT;
	PluginsEntry plugins = PLUGINS_ENTRY__INIT;

	entry.img_version = 2;
	entry.has_fdinfo_per_id = true;
	entry.fdinfo_per_id = true;
	entry.root_ids = d->own_ids;
	entry.has_ns_per_id = true;
	entry.ns_per_id = true;
	entry.has_root_cg_set = true;
	entry.root_cg_set = 1;
	entry.has_lsmtype = true;
	entry.lsmtype = LSMTYPE__NO_LSM;
	entry.has_network_lock_method = true;
	entry.network_lock_method = 0;
	entry.plugins_entry = &plugins;
	return image_dir_commit(d->images, &entry);
}
