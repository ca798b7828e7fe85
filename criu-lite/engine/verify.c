// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether an image directory can be restored.
 *
 * It is what a restore does before it makes the first task, and nothing else:
 * the two share engine/load.h. What only shows later is not seen here: a file
 * that the tree has open and that is gone from this machine, a pid that is
 * taken.
 */
#include "engine/verify.h"

#include <stdio.h>

#include "core/options.h"
#include "core/restore.h"
#include "engine/load.h"
#include "engine/memory-restore.h"
#include "image/dir.h"
#include "sys/features.h"
#include "util/arena.h"

static int verify_pages(const struct restore *r)
{
	int ret = memory_restore_verify(r);

	for (const struct vma_kind *const *k = r->kinds->vmas; ret >= 0 && *k; k++)
		ret = (*k)->verify ? (*k)->verify(r) : 0;
	return ret;
}

static size_t count_tasks(const struct restore *r)
{
	struct task *t;
	size_t n = 0;

	TAILQ_FOREACH(t, &r->tasks, link)
		n++;
	return n;
}

int verify_run(const struct options *opts, const struct kind_table *kinds)
{
	struct kernel_features features;
	struct restore r = {
		.opts = opts,
		.kinds = kinds,
		.features = &features,
		.sync_fd = -1,
		.handoff = -1,
	};
	int ret;

	TAILQ_INIT(&r.tasks);
	ret = features_probe(&features);
	if (ret < 0)
		return ret;
	ret = image_dir_open(opts->images_dir, &r.images);
	if (ret < 0)
		return ret;
	r.arena = arena_new();
	ret = load_images(&r);
	if (ret >= 0)
		ret = load_page_crcs(&r);
	if (ret >= 0)
		ret = verify_pages(&r);
	if (ret < 0)
		return ret;
	printf("%s: looks good: %zu tasks, %zu open files\n", opts->images_dir, count_tasks(&r),
	       r.n_files);
	return 0;
}
