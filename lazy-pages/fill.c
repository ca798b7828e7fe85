// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling, and what each answer of the kernel means.
 *
 * The table below is all of that knowledge. Two answers need a second look:
 *
 * ENOENT for more than a page says only that no single mapping holds all of
 * it; the length is halved until it is one page's answer. And the kernel looks
 * for outstanding events before it looks for the mapping: one that goes in
 * between is missed with ENOENT although its event is on the way. Such an
 * event stays outstanding until we read it, so that a second try sees it
 * (EAGAIN); a second ENOENT is final.
 *
 * A short copy ends before a page that is there, or before a change of the
 * layout: what was copied counts, the next call finds out which.
 */
#include "lazy-pages/fill.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "lazy-pages/range.h"
#include "sys/uffd.h"
#include "util/log.h"
#include "util/macro.h"

/* Below that is nothing that would have to be looked at, nor is everything allowed. */
#define USER_BEGIN (1UL << 20)

const struct fill_ops fill_uffd_ops = {
	.copy = uffd_copy,
	.zeropage = uffd_zeropage,
	.wake = uffd_wake,
};

enum fill_step {
	STEP_OUTCOME,			/* it is what the row says */
	STEP_ONE_PAGE,			/* that, for the first page alone */
	STEP_NARROW,			/* ask for less; a single page: ask twice */
	STEP_RETRY,
	STEP_FAIL,			/* this will never work */
};

struct fill_rule {
	int err;
	enum fill_step step;
	enum fill_outcome outcome;
};

static const struct fill_rule rule_table[] = {
	{ -EAGAIN, STEP_OUTCOME, FILL_AGAIN },
	{ -EEXIST, STEP_ONE_PAGE, FILL_PRESENT },
	/* The source cannot be read, or the page is past the end of its segment. */
	{ -EFAULT, STEP_FAIL, 0 },
	{ -EINTR, STEP_RETRY, 0 },
	/* Huge pages are copied, whole and in their place; none of them is a zero page. */
	{ -EINVAL, STEP_OUTCOME, FILL_LARGER },
	{ -ENOENT, STEP_NARROW, FILL_ABSENT },
	/* The task's memory limit, or the machine's. */
	{ -ENOMEM, STEP_OUTCOME, FILL_NO_MEMORY },
	/* The filesystem of shared memory is full. */
	{ -ENOSPC, STEP_OUTCOME, FILL_NO_MEMORY },
	{ -ESRCH, STEP_OUTCOME, FILL_GONE },
};

static const struct fill_rule *rule_of(int err)
{
	static const struct fill_rule unknown = { 0, STEP_FAIL, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rule_table); i++)
		if (rule_table[i].err == err)
			return &rule_table[i];
	return &unknown;
}

const char *fill_outcome_str(enum fill_outcome outcome)
{
	static const char *const names[] = {
		[FILL_FILLED] = "filled", [FILL_PRESENT] = "present",
		[FILL_ABSENT] = "absent", [FILL_AGAIN] = "again",
		[FILL_LARGER] = "larger pages", [FILL_NO_MEMORY] = "no memory",
		[FILL_GONE] = "gone",
	};

	return (size_t)outcome < ARRAY_SIZE(names) ? names[outcome] : "?";
}

static int fill_once(const struct fill_ops *ops, int uffd, uint64_t dst, const void *src,
		     uint64_t len, uint64_t *done)
{
	*done = 0;
	if (src)
		return ops->copy(uffd, dst, src, len, 0, done);
	return ops->zeropage(uffd, dst, len, 0, done);
}

int fill_range(const struct fill_ops *ops, int uffd, uint64_t dst, const void *src,
	       uint64_t len, uint64_t page, enum fill_outcome *outcome, uint64_t *done)
{
	bool asked_twice = false;

	for (;;) {
		int err = fill_once(ops, uffd, dst, src, len, done);
		const struct fill_rule *rule;

		if (!err || *done) {
			*outcome = FILL_FILLED;
			*done = err ? *done : len;
			return 0;
		}
		rule = rule_of(err);
		*outcome = rule->outcome;
		switch (rule->step) {
		case STEP_ONE_PAGE:
			*done = page;
			return 0;
		case STEP_OUTCOME:
			return 0;
		case STEP_NARROW:
			if (len == page && asked_twice) {
				*done = page;
				return 0;
			}
			asked_twice = len == page;
			len = MAX(ALIGN_DOWN(len / 2, page), page);
			continue;
		case STEP_RETRY:
			continue;
		case STEP_FAIL:
			return log_errno(err, "page at %#" PRIx64 ": cannot %s it", dst,
					 src ? "copy" : "zero");
		}
	}
}

int fill_wake(const struct fill_ops *ops, int uffd, uint64_t start, uint64_t len)
{
	int err = ops->wake(uffd, start, len);

	if (err)
		return log_errno(err, "page at %#" PRIx64 ": cannot wake its waiters", start);
	return 0;
}

/*
 * Two questions that change nothing. The first lifts a write protection that
 * nobody set: Linux goes through all the same checks and then finds, at the
 * last page of user memory, no mapping that is tracked for writes. The second
 * asks for pages of all of user memory to be mapped, which no single mapping
 * holds.
 *
 *	Linux		refuses the first for an event anywhere, and does not
 *			get that far with the second (from 6.8 on)
 *	kernel/		refuses what touches a place that changes: the second
 *			touches them all
 */
static int probe_writes(int uffd)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = USER_END - PAGE_SIZE, .len = PAGE_SIZE },
	};

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

/* Pages of a file that are in memory, without waking anybody: private memory has none. */
static int map_cached(int uffd, uint64_t start, uint64_t len)
{
	struct uffdio_continue pages = {
		.range = { .start = start, .len = len },
		.mode = UFFDIO_CONTINUE_MODE_DONTWAKE,
	};

	return ioctl(uffd, UFFDIO_CONTINUE, &pages) ? -errno : 0;
}

struct probe_rule {
	int err;
	enum fill_outcome outcome;
};

/* What a question says by its answer. */
static const struct probe_rule probe_table[] = {
	{ 0, FILL_ABSENT },
	{ -EAGAIN, FILL_AGAIN },
	{ -ENOENT, FILL_ABSENT },
	{ -ESRCH, FILL_GONE },
};

static int judge_probe(int uffd, int err, enum fill_outcome *outcome)
{
	for (size_t i = 0; i < ARRAY_SIZE(probe_table); i++)
		if (probe_table[i].err == err) {
			*outcome = probe_table[i].outcome;
			return 0;
		}
	return log_errno(err, "userfaultfd %d: cannot probe it", uffd);
}

int fill_probe(int uffd, enum fill_outcome *outcome)
{
	int err = judge_probe(uffd, probe_writes(uffd), outcome);

	if (err || *outcome != FILL_ABSENT)
		return err;
	err = map_cached(uffd, PAGE_SIZE, USER_END - PAGE_SIZE);
	/* Linux before 5.13 does not know the second question, and needs but the first. */
	return judge_probe(uffd, err == -EINVAL ? 0 : err, outcome);
}

/*
 * By a request that the kernel refuses under the lock, before it changes anything: to track
 * all of user memory for minor faults, which private memory has none of, nor most files. A task
 * without either would have no stack. From an address that /proc/sys/vm/mmap_min_addr allows.
 */
void fill_take_lock(int uffd)
{
	uffd_register(uffd, USER_BEGIN, USER_END - USER_BEGIN, UFFDIO_REGISTER_MODE_MINOR, NULL);
}
