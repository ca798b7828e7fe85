/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel offers to this process.
 *
 * Filled once by features_probe(), then passed as const. Probing makes system
 * calls with arguments that have no effect, and reads no large file; it takes
 * well below 2 ms.
 */
#ifndef CRIU_LITE_SYS_FEATURES_H
#define CRIU_LITE_SYS_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_features {
	bool anon_vma_name;		/* PR_SET_VMA_ANON_NAME (5.17, where configured) */
	bool cap_checkpoint_restore;	/* the kernel has the capability (5.9) */
	bool children;			/* /proc/PID/task/TID/children */
	bool clone3_set_tid;
	bool close_range;
	bool kcmp;
	bool kcmp_epoll;		/* KCMP_EPOLL_TFD */
	bool madv_guard;		/* MADV_GUARD_INSTALL (6.13) */
	bool map_files;			/* /proc/PID/map_files, and we may follow it */
	bool mem_dirty_track;		/* soft-dirty bits */
	bool memfd;
	bool memfd_hugetlb;
	bool move_mount_set_group;
	bool mseal;			/* mappings can be sealed (6.10) */
	bool openat2;
	bool pagemap_guard;		/* guard regions are told from swapped pages (6.15) */
	bool pagemap_scan;
	bool pid_timers;		/* /proc/PID/timers */
	bool pidfd_getfd;
	bool pidfd_open;
	bool ptrace_rseq_conf;		/* PTRACE_GET_RSEQ_CONFIGURATION (5.13) */
	bool seccomp_filters;		/* PTRACE_SECCOMP_GET_FILTER, PTRACE_O_SUSPEND_SECCOMP */
	bool sock_diag;
	bool timens;
	bool timer_restore_ids;		/* PR_TIMER_CREATE_RESTORE_IDS (6.15) */
	bool timerfd_ticks;		/* TFD_IOC_SET_TICKS */
	bool uffd;			/* userfaultfd() works for us */
	bool uffd_noncoop;		/* with fork, remap, remove and unmap events */
	bool lazy_pages;		/* all that a lazy restore needs of it */
	bool lazy_huge;			/* and what it needs for huge pages */
	uint64_t uffd_features;		/* UFFD_FEATURE_*, all that the kernel has */
	uint32_t last_cap;		/* the highest capability that the kernel knows */
	uint64_t probe_us;		/* what probing took, microseconds */
};

enum feature_need {
	FEATURE_REQUIRED,		/* nothing works without it */
	FEATURE_EXTRA,			/* some trees can't be dumped, or more slowly */
	FEATURE_UNSUPPORTED,		/* a name that users know; never offered here */
};

struct kernel_feature {
	const char *name;		/* as in `check --feature NAME` */
	const char *description;
	enum feature_need need;
	size_t flag;			/* offset of its bool in kernel_features */
};

/* All features, ascending by name; ends with a row whose name is NULL. */
extern const struct kernel_feature kernel_feature_table[];

/* Fills @features. Returns 0 or -errno (logged) when probing itself failed. */
int features_probe(struct kernel_features *features);
/*
 * The same, in less than half of the time, for who has only milliseconds: those that a
 * restore asks for (PROBE_RESTORE() in features.c); the others are false.
 */
int features_probe_restore(struct kernel_features *features);
/* NULL: no such name. */
const struct kernel_feature *kernel_feature_find(const char *name);

static inline bool kernel_feature_has(const struct kernel_feature *feature,
				      const struct kernel_features *features)
{
	return feature->need != FEATURE_UNSUPPORTED &&
	       *(const bool *)((const char *)features + feature->flag);
}

#endif
