// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmappings that the kernel told of and then refused.
 *
 * The kernel notes the event mapping by mapping, and may find only behind the first that
 * it can't go on: one that is sealed (EPERM), a huge page that the range ends in (EINVAL),
 * one mapping too many (ENOMEM). All of them stay, and the event is sent. To believe it
 * would be to give zeros for what is still to come.
 *
 *	|pppppppppp|sealed|	p: to come
 *	     [start   end)
 *
 * So where something is to come the kernel is asked whether armed memory is there. It
 * answers as soon as no event is on its way, that is when the thread that sent this one
 * has seen that it was read; until then it lets nothing be filled either. In that time
 * the thread may have gone on, and have let another mapping grow to where the range was:
 * then the mapping that is there reaches out of the range. One that was refused does not:
 * it was cut at the range's start, and what the kernel could not unmap is behind it.
 *
 * When the next event is there first, the kernel's list of mappings has to do.
 * Where events are out of order, or the process is not known (a child that was forked
 * since), the event is believed.
 */
#include "lazy-pages/unmap.h"

#include <inttypes.h>

#include "lazy-pages/fill.h"
#include "lazy-pages/server.h"
#include "lazy-pages/tree.h"
#include "sys/proc_maps.h"
#include "util/log.h"
#include "util/macro.h"

/* The first address of [start, end) that something is to come for; @end: there is none. */
static uint64_t first_due(const struct space *space, uint64_t start, uint64_t end)
{
	const struct range *r = space_pending_from(space, start);
	uint64_t at = r ? MIN(MAX(start, r->start), end) : end;

	r = space->map.n_shared ? space_window_pending(space, start, end) : NULL;
	return r ? MIN(at, MAX(start, r->start)) : at;
}

/* Whether the mapping at @addr is all in [start, end), and armed where @armed is asked for. */
static bool is_within(const struct lazy_space *sp, uint64_t addr, uint64_t start, uint64_t end,
		      bool armed)
{
	pid_t pid = tree_pidfd_pid(sp->pidfd);
	struct proc_maps maps = {};
	const struct proc_vma *vma;
	bool within;

	if (pid < 0 || (armed ? proc_smaps_read(pid, &maps) : proc_maps_read(pid, &maps)))
		return false;
	vma = proc_maps_find(&maps, addr);
	within = vma && vma->start >= start && vma->end <= end &&
		 (!armed || vma_has_flag(vma, VMA_FLAG_UM));
	proc_maps_fini(&maps);
	return within;
}

bool unmap_doubtful(const struct lazy_space *sp, uint64_t start, uint64_t end)
{
	return sp->pidfd >= 0 && sp->alone && !space_unsettled(&sp->space) &&
	       first_due(&sp->space, start, end) < end;
}

int unmap_ask(const struct lazy_space *sp, uint64_t start, uint64_t end, bool now,
	      enum unmap_verdict *verdict)
{
	uint64_t due = first_due(&sp->space, start, end);
	enum fill_outcome outcome = FILL_ABSENT;
	int err = due < end ? fill_ask(sp->watch.fd, due, &outcome) : 0;

	*verdict = UNMAP_DONE;
	if (err)
		return err;
	if (outcome == FILL_AGAIN && !now)
		*verdict = UNMAP_UNKNOWN;
	else if (outcome == FILL_AGAIN && is_within(sp, due, start, end, true))
		*verdict = UNMAP_REFUSED;
	else if (outcome == FILL_PRESENT && is_within(sp, due, start, end, false))
		*verdict = UNMAP_REFUSED;
	return 0;
}
