// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmappings that the kernel told of and then refused.
 *
 * The kernel notes the event mapping by mapping, and may find only behind the first that
 * it can't go on: one that is sealed (EPERM), or one that the range ends in and that can't
 * be split (EINVAL: a huge page, the vdso). All of them stay, and the event is sent. To
 * believe it would be to give zeros for what is still to come.
 *
 *	|pppppppppp|sealed|	p: to come
 *	     [start   end)
 *
 * What the kernel stumbled over is there still, whatever other threads have done since: a
 * sealed mapping stays for ever, at its place. So where something is to come, the kernel's
 * list of mappings is searched for it. That is seldom: mostly nothing is mapped there.
 *
 * Where the process is not known (a child that was forked since), the event is believed. A
 * kernel that numbers its events sends none for what it refused.
 */
#include "lazy-pages/unmap.h"

#include <string.h>

#include "lazy-pages/server.h"
#include "lazy-pages/tree.h"
#include "sys/proc_maps.h"
#include "util/log.h"
#include "util/macro.h"

static bool something_due(const struct space *space, uint64_t start, uint64_t end)
{
	const struct range *r = space_pending_from(space, start);

	return (r && r->start < end) ||
	       (space->map.n_shared && space_window_pending(space, start, end));
}

/* Whether munmap() can't end at @end, inside @vma. */
static bool is_whole(const struct proc_vma *vma, uint64_t end)
{
	return (vma->page_size && end % vma->page_size) ||
	       (vma->name && !strncmp(vma->name, "[v", 2));
}

static bool refuses(const struct proc_vma *vma, uint64_t start, uint64_t end)
{
	if (vma->start >= end || vma->end <= start)
		return false;
	return vma_has_flag(vma, VMA_FLAG_SL) || (vma->end > end && is_whole(vma, end));
}

bool unmap_was_refused(const struct lazy_space *sp, uint64_t start, uint64_t end)
{
	struct proc_maps maps;
	bool refused = false;
	pid_t pid;

	if (sp->order.known || sp->pidfd < 0 || !something_due(&sp->space, start, end))
		return false;
	pid = tree_pidfd_pid(sp->pidfd);
	if (pid < 0 || proc_maps_any(pid, start, end) <= 0 || proc_smaps_read(pid, &maps))
		return false;
	for (size_t i = 0; i < maps.n_vmas && !refused; i++)
		refused = refuses(&maps.vmas[i], start, end);
	proc_maps_fini(&maps);
	if (refused)
		log_debug("%s: unmap %#lx - %#lx was refused", sp->name, (unsigned long)start,
			  (unsigned long)end);
	return refused;
}
