// SPDX-License-Identifier: GPL-2.0-only
/*
 * The story of a dump.
 *
 *	freeze		every thread of every task is seized and stands still
 *	collect		what /proc tells, what only the task can tell
 *	agree		every kind builds its messages or refuses, by name;
 *			nothing has been written yet
 *	save		memory, files' content, images; the inventory last
 *	thaw		parasites leave; the tree goes on, stops, or ends
 *
 * With --lazy-pages there is one more before the last: the images are whole, but
 * for memory that is given from the frozen tasks to who asks for it.
 *
 * Whatever fails, at any line, ends in thaw: the tree goes on as it was.
 */
#include "engine/dump.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/options.h"
#include "engine/clocks.h"
#include "engine/collect.h"
#include "engine/dump-images.h"
#include "engine/interrupt.h"
#include "engine/memory-dump.h"
#include "engine/page-server.h"
#include "engine/pidfile.h"
#include "engine/plan.h"
#include "engine/post-copy.h"
#include "engine/stats.h"
#include "image/dir.h"
#include "image/writer.h"
#include "pages/link.h"
#include "sys/features.h"
#include "sys/nofile.h"
#include "sys/sockdiag.h"
#include "util/arena.h"
#include "util/log.h"

static int agree_task(struct dump *d, struct task *t)
{
	for (const struct task_kind *const *k = d->kinds->tasks; *k; k++) {
		int r = (*k)->dump_task ? (*k)->dump_task(d, t) : 0;

		if (r < 0)
			return r;
		for (size_t i = 0; i < t->n_threads; i++) {
			r = (*k)->dump_thread ? (*k)->dump_thread(d, t, &t->threads[i]) : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int agree_files(struct dump *d, struct task *t)
{
	struct task_dump *td = t->dump;

	for (size_t i = 0; i < td->n_fds; i++) {
		int r = dump_file(d, &td->fds[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Every kind builds its messages, or refuses. */
static int agree(struct dump *d)
{
	struct task *t;
	int r;

	TAILQ_FOREACH(t, &d->tasks, link) {
		r = interrupt_check("dump");
		if (r < 0)
			return r;
		r = agree_task(d, t);
		if (r >= 0 && task_is_live(t))
			r = memory_dump_collect(d, t);
		if (r >= 0 && task_is_live(t) && !task_shares_files(t))
			r = agree_files(d, t);
		if (r < 0)
			return r;
	}
	return dump_files_complete(d);
}

static int save_kinds(struct dump *d)
{
	for (const struct file_kind *const *k = d->kinds->files; *k; k++) {
		int r = (*k)->save ? (*k)->save(d) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static void abandon_kinds(struct dump *d)
{
	for (const struct file_kind *const *k = d->kinds->files; *k; k++)
		if ((*k)->abandon)
			(*k)->abandon(d);
}

static int save_memory(struct dump *d)
{
	struct task *t;
	int r;

	stats_mark(d->clock, STATS_MEMORY);
	TAILQ_FOREACH(t, &d->tasks, link) {
		r = interrupt_check("dump");
		if (r >= 0 && task_is_live(t))
			r = memory_dump_save(d, t);
		if (r < 0)
			return r;
	}
	stats_mark(d->clock, STATS_MEMORY_DONE);
	return 0;
}

static int save(struct dump *d)
{
	int r = image_dir_begin(d->images);

	if (r < 0)
		return r;
	r = save_memory(d);
	if (r < 0)
		return r;
	r = save_kinds(d);
	if (r < 0)
		return r;
	r = page_server_complete(d);
	if (r < 0)
		return r;
	r = clocks_dump(d);
	if (r < 0)
		return r;
	return dump_images_write(d);
}

/* While nothing has been done to any task yet. */
static int admit(struct dump *d)
{
	struct task *t;

	TAILQ_FOREACH(t, &d->tasks, link) {
		for (const struct task_kind *const *k = d->kinds->tasks; *k; k++) {
			int r = task_is_live(t) && (*k)->admit ? (*k)->admit(d, t) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The pidfile comes first: when the inventory is there nothing may fail any more. */
static int commit(struct dump *d)
{
	int r = pidfile_write(d->opts, d->opts->pid);

	if (r < 0)
		return r;
	r = dump_images_commit(d);
	if (r < 0)
		pidfile_remove(d->opts);
	return r;
}

/*
 * The images must be whole before the other end reads them; where it does not take
 * over the tree they are of no use to anybody.
 */
static int lend_memory(struct dump *d, struct post_copy *pc)
{
	int r = commit(d);

	if (r < 0)
		return r;
	r = collect_cure(d);
	if (r >= 0)
		r = post_copy_serve(d, pc);
	if (r < 0) {
		pidfile_remove(d->opts);
		(void)image_dir_begin(d->images);
	}
	return r;
}

static int dump_frozen(struct dump *d, struct post_copy *pc)
{
	int r = collect_facts(d);

	if (r < 0)
		return r;
	r = collect_ids(d);
	if (r < 0)
		return r;
	r = plan_check(&d->tasks, d->opts->shell_job);
	if (r < 0)
		return r;
	r = admit(d);
	if (r < 0)
		return r;
	r = collect_parasites(d);
	if (r < 0)
		return r;
	r = agree(d);
	if (r < 0)
		return r;
	r = save(d);
	if (r < 0)
		return r;
	if (d->opts->lazy_pages)
		return lend_memory(d, pc);
	/*
	 * A tree that goes on need not stand still while the disk does its
	 * work; one that ends must be safe on disk first.
	 */
	if (d->opts->leave_running)
		return 0;
	return commit(d);
}

static enum collect_end end_of_tree(const struct options *opts)
{
	if (opts->leave_running)
		return COLLECT_END_RUN;
	return opts->leave_stopped ? COLLECT_END_STOP : COLLECT_END_KILL;
}

static int dump_tree(struct dump *d, struct post_copy *pc)
{
	int r, thaw;

	r = collect_tree(d);
	if (r >= 0) {
		stats_mark(d->clock, STATS_FROZEN);
		r = dump_frozen(d, pc);
	}
	thaw = collect_thaw(d, r < 0 ? COLLECT_END_RUN : end_of_tree(d->opts));
	stats_mark(d->clock, STATS_THAWED);
	if (r < 0)
		return r;
	if (thaw < 0)
		return thaw;
	post_copy_end(pc);
	return d->opts->leave_running && !pc ? commit(d) : 0;
}

int dump_run(const struct options *opts, const struct kind_table *kinds)
{
	struct kernel_features features;
	DumpStatsEntry stats = DUMP_STATS_ENTRY__INIT;
	struct post_copy *pc = NULL;
	struct stats_clock clock;
	struct dump d = {
		.opts = opts,
		.kinds = kinds,
		.features = &features,
		.arena = arena_new(),
		.stats = &stats,
		.clock = &clock,
	};
	int r;

	stats_begin(&clock);
	TAILQ_INIT(&d.tasks);
	kobj_set_init(&d.files, KCMP_FILE, d.arena);
	r = features_probe(&features);
	if (r < 0)
		return r;
	r = nofile_raise(NULL);
	if (r >= 0)
		r = interrupt_block();
	if (r < 0)
		return r;
	r = image_dir_open(opts->images_dir, &d.images);
	if (r < 0)
		return r;
	r = page_server_connect(&d);
	if (r >= 0)
		r = post_copy_begin(&d, &pc);
	if (r >= 0)
		r = dump_tree(&d, pc);
	post_copy_free(pc);
	page_link_cleanup(&d.page_link);
	if (r < 0)
		abandon_kinds(&d);
	if (r >= 0 && stats_write_dump(&d) < 0)
		log_warn("no statistics of this dump");
	if (r < 0)
		log_error("Dumping FAILED.");
	else
		log_info("Dumping finished successfully");
	fd_info_close_all(&d);
	free(d.descriptions);
	free(d.path_files);
	free(d.filters);
	free(d.inflight_files);
	sockdiag_free(d.socks);
	image_dir_free(d.images);
	arena_free(d.arena);
	return r;
}
