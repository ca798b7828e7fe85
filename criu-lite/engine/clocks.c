// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clocks of a tree (time_namespaces(7); spec/images.md, section 10.3).
 *
 * The image holds absolute values as the tasks saw them. timens-0 is written
 * for a tree of the dumper's own time namespace; a tree that was restored
 * before has a namespace of its own, and its id names the file.
 */
#include "engine/clocks.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/restore.h"
#include "image/dir.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/timens.pb-c.h"
#include "sys/features.h"
#include "sys/timens.h"
#include "util/log.h"

#define NSEC_PER_SEC 1000000000LL

static int64_t to_ns(int64_t sec, int64_t nsec)
{
	return sec * NSEC_PER_SEC + nsec;
}

/* A clock of the host: our own view of it without our own namespace's offset. */
static int64_t host_ns(clockid_t clock, const struct timens_offset *ours)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return to_ns(now.tv_sec, now.tv_nsec) - to_ns(ours->sec, ours->nsec);
}

static void clock_save(clockid_t clock, const struct timens_offset *ours,
		       const struct timens_offset *theirs, Timespec *saved)
{
	int64_t ns = host_ns(clock, ours) + to_ns(theirs->sec, theirs->nsec);

	saved->tv_sec = ns / NSEC_PER_SEC;
	saved->tv_nsec = ns % NSEC_PER_SEC;
}

/* What has to be added to the host's clock for @saved to be now. */
static struct timens_offset clock_offset(clockid_t clock, const struct timens_offset *ours,
					 const Timespec *saved)
{
	int64_t ns = to_ns(saved->tv_sec, saved->tv_nsec) - host_ns(clock, ours);
	struct timens_offset offset = { .sec = ns / NSEC_PER_SEC, .nsec = ns % NSEC_PER_SEC };

	if (offset.nsec < 0) {
		offset.sec--;
		offset.nsec += NSEC_PER_SEC;
	}
	return offset;
}

static bool clock_valid(const Timespec *saved)
{
	return saved->tv_nsec < NSEC_PER_SEC && saved->tv_sec < INT64_MAX / NSEC_PER_SEC / 2;
}

/* Our own offsets; none where the kernel has no time namespaces. */
static int own_offsets(struct timens_offsets *ours)
{
	int r;

	*ours = (struct timens_offsets){};
	r = timens_read(getpid(), ours);
	return r == -ENOENT ? 0 : r;
}

/* The file's id: that of the tree's time namespace, or 0 for the dumper's. */
static uint32_t timens_key(const TaskKobjIdsEntry *ids, const TaskKobjIdsEntry *own)
{
	if (!ids->has_time_ns_id || !own->has_time_ns_id || ids->time_ns_id == own->time_ns_id)
		return 0;
	return ids->time_ns_id;
}

int clocks_dump(struct dump *d)
{
	struct task *root = TAILQ_FIRST(&d->tasks);
	struct timens_offsets ours, theirs = {};
	TimensEntry entry = TIMENS_ENTRY__INIT;
	Timespec monotonic = TIMESPEC__INIT, boottime = TIMESPEC__INIT;
	int r;

	r = own_offsets(&ours);
	if (r >= 0)
		r = timens_read(task_proc(root), &theirs);
	if (r < 0 && r != -ENOENT)
		return log_errno(r, "pid %d: cannot read the offsets of its time namespace",
				 root->pid);
	clock_save(CLOCK_MONOTONIC, &ours.monotonic, &theirs.monotonic, &monotonic);
	clock_save(CLOCK_BOOTTIME, &ours.boottime, &theirs.boottime, &boottime);
	entry.monotonic = &monotonic;
	entry.boottime = &boottime;
	return image_write_single(d->images, IMAGE_TIMENS, timens_key(root->ids, d->own_ids),
				  &entry.base);
}

int clocks_load(struct restore *r)
{
	const struct task *root = TAILQ_FIRST(&r->tasks);
	uint32_t key = root->ids ? timens_key(root->ids, r->inventory->root_ids) : 0;
	int ret = image_read_single(r->images, IMAGE_TIMENS, key, (void *)&r->clocks);

	if (ret == -ENOENT && !key) {
		log_warn("timens-0.img is missing: the clocks of the tree will jump");
		return 0;
	}
	if (ret < 0)
		return ret == -ENOENT ? log_errno(ret, "timens-%u.img is missing", key) : ret;
	if (!r->features->timens)
		return log_errno(-ENOTSUP, "this kernel has no time namespaces: the clocks of the "
				 "tree can't go on");
	if (!clock_valid(r->clocks->monotonic) || !clock_valid(r->clocks->boottime))
		return log_errno(-EINVAL, "timens-%u.img: a clock is out of range", key);
	return 0;
}

int clocks_restore(struct restore *r)
{
	struct timens_offsets offsets, ours;
	int ret;

	if (!r->clocks)
		return 0;
	ret = own_offsets(&ours);
	if (ret < 0)
		return log_errno(ret, "cannot read the offsets of our time namespace");
	offsets.monotonic = clock_offset(CLOCK_MONOTONIC, &ours.monotonic, r->clocks->monotonic);
	offsets.boottime = clock_offset(CLOCK_BOOTTIME, &ours.boottime, r->clocks->boottime);
	return timens_make(&offsets);
}
