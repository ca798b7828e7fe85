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

#include "sys/uffd.h"
#include "util/log.h"
#include "util/macro.h"

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
		[FILL_NO_MEMORY] = "no memory", [FILL_GONE] = "gone",
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
	       uint64_t len, enum fill_outcome *outcome, uint64_t *done)
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
			*done = PAGE_SIZE;
			return 0;
		case STEP_OUTCOME:
			return 0;
		case STEP_NARROW:
			if (len == PAGE_SIZE && asked_twice) {
				*done = PAGE_SIZE;
				return 0;
			}
			asked_twice = len == PAGE_SIZE;
			len = MAX(ALIGN_DOWN(len / 2, PAGE_SIZE), PAGE_SIZE);
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
 * Lifting a write protection that nobody set: the kernel goes through all the
 * same checks and then finds, at the last page of user memory, no mapping that
 * is tracked for writes.
 */
int fill_probe(int uffd, enum fill_outcome *outcome)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = 0x7fffffffe000, .len = PAGE_SIZE },
	};
	int err = ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;

	switch (err) {
	case 0:
	case -ENOENT:
		*outcome = FILL_ABSENT;
		return 0;
	case -EAGAIN:
		*outcome = FILL_AGAIN;
		return 0;
	case -ESRCH:
		*outcome = FILL_GONE;
		return 0;
	}
	return log_errno(err, "userfaultfd %d: cannot probe it", uffd);
}
