// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel offers.
 *
 * Each probe is a system call with an argument that is wrong on purpose, so
 * that a kernel which has the call says EBADF, EFAULT or EINVAL, and one that
 * lacks it says something else; or an object that is made and closed at once.
 * Nothing is forked, loaded or left behind. Two things can't be asked without
 * a traced child, and are derived: see the comments.
 */
#include "sys/features.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "sys/abi_pagemap.h"
#include "sys/syscall.h"
#include "sys/uffd.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

/* For C libraries and headers older than these. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS 77
#define PR_TIMER_CREATE_RESTORE_IDS_GET 2
#endif
#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif
#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP 0x100
#endif

#ifndef __NR_mseal
#define __NR_mseal 462
#endif

#define BAD_ADDRESS ((void *)-4096L)

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool probe_children(const struct kernel_features *features)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", gettid());
	return exists(path);
}

/* Looked at before anything is made: a kernel without set_tid says E2BIG. */
static bool probe_clone3_set_tid(const struct kernel_features *features)
{
	struct clone_args args = {
		.set_tid = (uintptr_t)BAD_ADDRESS, .set_tid_size = 1,
	};

	return sys_clone3(&args) == -EFAULT;
}

static bool probe_close_range(const struct kernel_features *features)
{
	return sys_close_range(1, 0, 0) == -EINVAL;
}

static bool probe_kcmp(const struct kernel_features *features)
{
	return sys_kcmp(getpid(), getpid(), KCMP_VM, 0, 0) == 0;
}

static bool probe_kcmp_epoll(const struct kernel_features *features)
{
	return sys_kcmp(getpid(), getpid(), KCMP_EPOLL_TFD, 0,
			(uintptr_t)BAD_ADDRESS) == -EFAULT;
}

/* Of no pages. */
static bool probe_anon_vma_name(const struct kernel_features *features)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0, 0, NULL) == 0;
}

/* Of no pages: only whether the advice is known. */
static bool probe_madv_guard(const struct kernel_features *features)
{
	return madvise(NULL, 0, MADV_GUARD_INSTALL) == 0;
}

/* Of no pages, too. */
static bool probe_mseal(const struct kernel_features *features)
{
	return syscall(__NR_mseal, 0, 0, 0) == 0;
}

/*
 * Following a link needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. Tried on the
 * lowest mapping, which is our program file: the first line of maps names it.
 */
static bool probe_map_files(const struct kernel_features *features)
{
	_cleanup_close_ int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char line[64] = "", path[sizeof(line) + 32];

	if (fd < 0 || read(fd, line, sizeof(line) - 1) <= 0)
		return false;
	line[strcspn(line, " ")] = '\0';
	snprintf(path, sizeof(path), "/proc/self/map_files/%s", line);
	return exists(path);
}

/* A page that was just written is soft-dirty, where there is such a bit. */
static bool probe_mem_dirty_track(const struct kernel_features *features)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;
	char *page;
	ssize_t n;

	if (fd < 0)
		return false;
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return false;
	*(volatile char *)page = 1;
	n = pread_all(fd, &word, sizeof(word), (uintptr_t)page / PAGE_SIZE * sizeof(word));
	munmap(page, PAGE_SIZE);
	return n == sizeof(word) && word & PAGEMAP_WORD_SOFT_DIRTY;
}

static bool probe_memfd(const struct kernel_features *features)
{
	return syscall(__NR_memfd_create, BAD_ADDRESS, 0) < 0 && errno == EFAULT;
}

static bool probe_memfd_hugetlb(const struct kernel_features *features)
{
	_cleanup_close_ int fd = memfd_create("probe", MFD_CLOEXEC | MFD_HUGETLB);

	return fd >= 0;
}

static bool probe_move_mount_set_group(const struct kernel_features *features)
{
	return syscall(__NR_move_mount, -1, "a", -1, "a", MOVE_MOUNT_SET_GROUP) < 0 &&
	       errno == EBADF;
}

static bool probe_openat2(const struct kernel_features *features)
{
	struct open_how how = {};

	return sys_openat2(-1, "a", &how) == -EBADF;
}

/* An empty range, with all categories that are asked for later on. */
static bool scan_knows(uint64_t categories)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct pm_scan_arg arg = { .size = sizeof(arg), .return_mask = categories };

	return fd >= 0 && ioctl(fd, PAGEMAP_SCAN, &arg) == 0;
}

static bool probe_pagemap_scan(const struct kernel_features *features)
{
	return scan_knows(PAGE_IS_FILE | PAGE_IS_PRESENT | PAGE_IS_SWAPPED | PAGE_IS_PFNZERO);
}

static bool probe_pagemap_guard(const struct kernel_features *features)
{
	return scan_knows(PAGE_IS_GUARD);
}

/* There with CONFIG_CHECKPOINT_RESTORE only. */
static bool probe_pid_timers(const struct kernel_features *features)
{
	return exists("/proc/self/timers");
}

static bool probe_pidfd_getfd(const struct kernel_features *features)
{
	return sys_pidfd_getfd(-1, -1) == -EBADF;
}

static bool probe_pidfd_open(const struct kernel_features *features)
{
	return sys_pidfd_open(-1, 0) == -EINVAL;
}

/*
 * ptrace() without a tracee says ESRCH whatever it is asked. The request is
 * there since 5.13 wherever rseq() is.
 */
static bool probe_ptrace_rseq_conf(const struct kernel_features *features)
{
	uint32_t major = 0, minor = 0;
	struct utsname uts;
	const char *p = uts.release;

	if (uname(&uts) < 0 || !scan_u32(&p, 10, &major) || !scan_text(&p, ".") ||
	    !scan_u32(&p, 10, &minor))
		return false;
	if (major < 5 || (major == 5 && minor < 13))
		return false;
	return syscall(__NR_rseq, NULL, 0, -1, 0) < 0 && errno != ENOSYS;
}

/*
 * Needs a traced child too. Both requests are there since 4.4 with seccomp
 * filters and CONFIG_CHECKPOINT_RESTORE, which the timers file shows.
 */
static bool probe_seccomp_filters(const struct kernel_features *features)
{
	uint32_t action = SECCOMP_RET_ALLOW;

	return features->pid_timers &&
	       syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool probe_sock_diag(const struct kernel_features *features)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd >= 0;
}

static bool probe_timens(const struct kernel_features *features)
{
	return exists("/proc/self/timens_offsets") && exists("/proc/self/ns/time_for_children");
}

static bool probe_timer_restore_ids(const struct kernel_features *features)
{
	return prctl(PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0) >= 0;
}

/* Zero ticks are refused by the ioctl itself; without it: ENOTTY. */
static bool probe_timerfd_ticks(const struct kernel_features *features)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t ticks = 0;

	return fd >= 0 && ioctl(fd, TFD_IOC_SET_TICKS, &ticks) < 0 && errno == EINVAL;
}

static bool probe_cap_checkpoint_restore(const struct kernel_features *features)
{
	return features->last_cap >= CAP_CHECKPOINT_RESTORE;
}

static bool probe_uffd(const struct kernel_features *features)
{
	return features->uffd_features != 0;
}

/* By trying: the fork event needs CAP_SYS_PTRACE. */
static bool probe_uffd_noncoop(const struct kernel_features *features)
{
	_cleanup_close_ int fd = uffd_open(UFFD_FEATURES_NONCOOP, NULL);

	return fd >= 0;
}

static bool probe_lazy_pages(const struct kernel_features *features)
{
	return features->uffd_noncoop && features->uffd_features & UFFD_FEATURE_MISSING_SHMEM;
}

static bool probe_lazy_huge(const struct kernel_features *features)
{
	return features->lazy_pages && features->uffd_features & UFFD_FEATURE_MISSING_HUGETLBFS;
}

struct probe {
	size_t flag;
	bool restore;			/* features_probe_restore() runs it, too */
	bool (*run)(const struct kernel_features *features);
};

#define PROBE(name) { offsetof(struct kernel_features, name), false, probe_##name }
#define PROBE_RESTORE(name) { offsetof(struct kernel_features, name), true, probe_##name }

/* In an order where a probe that looks at another's result comes after it. */
static const struct probe probe_table[] = {
	PROBE_RESTORE(anon_vma_name),
	PROBE(cap_checkpoint_restore),
	PROBE(children),
	PROBE(clone3_set_tid),
	PROBE(close_range),
	PROBE(kcmp),
	PROBE(kcmp_epoll),
	PROBE_RESTORE(madv_guard),
	PROBE(map_files),
	PROBE(mem_dirty_track),
	PROBE(memfd),
	PROBE(memfd_hugetlb),
	PROBE(move_mount_set_group),
	PROBE_RESTORE(mseal),
	PROBE(openat2),
	PROBE(pagemap_guard),
	PROBE(pagemap_scan),
	PROBE_RESTORE(pid_timers),
	PROBE(pidfd_getfd),
	PROBE(pidfd_open),
	PROBE(ptrace_rseq_conf),
	PROBE_RESTORE(seccomp_filters),
	PROBE(sock_diag),
	PROBE_RESTORE(timens),
	PROBE_RESTORE(timer_restore_ids),
	PROBE(timerfd_ticks),
	PROBE_RESTORE(uffd),
	PROBE_RESTORE(uffd_noncoop),
	PROBE_RESTORE(lazy_pages),
	PROBE_RESTORE(lazy_huge),
};

static int read_last_cap(uint32_t *last_cap)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	int r = read_file(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", 64, &text, NULL);

	if (r < 0)
		return log_errno(r, "features: cannot read cap_last_cap");
	p = text;
	if (!scan_u32(&p, 10, last_cap) || !scan_end_of_line(&p) || *last_cap > 63)
		return log_errno(-EINVAL, "features: cap_last_cap is \"%.20s\"", text);
	return 0;
}

static int probe_all(struct kernel_features *features, bool restore)
{
	uint64_t start = clock_ns();
	_cleanup_close_ int uffd = -1;
	size_t i;
	int r;

	*features = (struct kernel_features){};
	r = read_last_cap(&features->last_cap);
	if (r < 0)
		return r;
	/* None at all is a result, not a failure. */
	uffd = uffd_open(0, &features->uffd_features);
	for (i = 0; i < ARRAY_SIZE(probe_table); i++) {
		bool *flag = (bool *)((char *)features + probe_table[i].flag);

		if (restore && !probe_table[i].restore)
			continue;
		*flag = probe_table[i].run(features);
	}
	features->probe_us = (clock_ns() - start) / 1000;
	return 0;
}

int features_probe(struct kernel_features *features)
{
	return probe_all(features, false);
}

int features_probe_restore(struct kernel_features *features)
{
	return probe_all(features, true);
}

const struct kernel_feature *kernel_feature_find(const char *name)
{
	const struct kernel_feature *f;

	for (f = kernel_feature_table; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

#define OFFERED(name, need, flag, description) \
	{ name, description, need, offsetof(struct kernel_features, flag) }
#define UNSUPPORTED(name) { name, "known to users of CRIU", FEATURE_UNSUPPORTED, 0 }

const struct kernel_feature kernel_feature_table[] = {
	UNSUPPORTED("aio_remap"),
	UNSUPPORTED("apparmor_stacking"),
	UNSUPPORTED("autofs"),
	UNSUPPORTED("breakpoints"),
	UNSUPPORTED("can_map_vdso"),
	OFFERED("cap_checkpoint_restore", FEATURE_EXTRA, cap_checkpoint_restore,
		"capability to checkpoint and restore without being root"),
	UNSUPPORTED("cgroupns"),
	OFFERED("children", FEATURE_REQUIRED, children, "/proc/PID/task/TID/children"),
	OFFERED("clone3_set_tid", FEATURE_REQUIRED, clone3_set_tid,
		"tasks made with a chosen pid"),
	OFFERED("close_range", FEATURE_REQUIRED, close_range, "close_range()"),
	UNSUPPORTED("compat_cr"),
	UNSUPPORTED("external_net_ns"),
	UNSUPPORTED("fdinfo_lock"),
	OFFERED("get_rseq_conf", FEATURE_REQUIRED, ptrace_rseq_conf,
		"restartable sequences of a traced thread"),
	UNSUPPORTED("has_ipt_legacy"),
	UNSUPPORTED("ipv6_freebind"),
	OFFERED("kcmp", FEATURE_REQUIRED, kcmp, "kcmp(), to find what tasks share"),
	OFFERED("kcmp_epoll", FEATURE_EXTRA, kcmp_epoll, "targets of an epoll compared"),
	OFFERED("lazy_pages", FEATURE_EXTRA, lazy_pages,
		"all that a lazy restore needs of userfaultfd"),
	UNSUPPORTED("link_nsid"),
	UNSUPPORTED("loginuid"),
	OFFERED("madv_guard", FEATURE_EXTRA, madv_guard, "guard regions in mappings"),
	OFFERED("map_files", FEATURE_REQUIRED, map_files, "/proc/PID/map_files, readable to us"),
	OFFERED("mem_dirty_track", FEATURE_EXTRA, mem_dirty_track,
		"soft-dirty bits, to dump only what changed"),
	OFFERED("memfd", FEATURE_REQUIRED, memfd, "memfd_create()"),
	OFFERED("memfd_hugetlb", FEATURE_EXTRA, memfd_hugetlb, "memfds of huge pages"),
	UNSUPPORTED("mnt_id"),
	OFFERED("move_mount_set_group", FEATURE_EXTRA, move_mount_set_group,
		"peer groups of mounts copied"),
	UNSUPPORTED("net_diag_raw"),
	UNSUPPORTED("network_lock_nftables"),
	UNSUPPORTED("newifindex"),
	UNSUPPORTED("nftables"),
	UNSUPPORTED("ns_pid"),
	UNSUPPORTED("nsid"),
	OFFERED("openat2", FEATURE_REQUIRED, openat2, "openat2(), to stay below a directory"),
	UNSUPPORTED("overlayfs_maps"),
	OFFERED("pagemap_guard", FEATURE_EXTRA, pagemap_guard,
		"guard regions told from swapped pages"),
	OFFERED("pagemap_scan", FEATURE_EXTRA, pagemap_scan,
		"PAGEMAP_SCAN, to pass over holes in memory"),
	OFFERED("pid_timers", FEATURE_REQUIRED, pid_timers, "/proc/PID/timers"),
	OFFERED("pidfd_getfd", FEATURE_REQUIRED, pidfd_getfd, "descriptors of another task"),
	OFFERED("pidfd_open", FEATURE_REQUIRED, pidfd_open, "descriptors of tasks"),
	UNSUPPORTED("pidfd_store"),
	OFFERED("seccomp_filters", FEATURE_EXTRA, seccomp_filters,
		"seccomp filters of a traced thread"),
	OFFERED("seccomp_suspend", FEATURE_EXTRA, seccomp_filters,
		"seccomp suspended by a tracer"),
	UNSUPPORTED("sk_ns"),
	UNSUPPORTED("sk_unix_file"),
	OFFERED("sock_diag", FEATURE_EXTRA, sock_diag, "sockets listed by netlink"),
	UNSUPPORTED("sockopt_buf_lock"),
	UNSUPPORTED("tcp_half_closed"),
	OFFERED("timens", FEATURE_EXTRA, timens,
		"time namespaces, for clocks that go on where they were"),
	OFFERED("timer_cr_ids", FEATURE_EXTRA, timer_restore_ids,
		"POSIX timers made with a chosen id"),
	OFFERED("timerfd", FEATURE_EXTRA, timerfd_ticks, "ticks of a timerfd set"),
	UNSUPPORTED("tun"),
	UNSUPPORTED("tun_ns"),
	OFFERED("uffd", FEATURE_EXTRA, uffd, "userfaultfd()"),
	OFFERED("uffd-noncoop", FEATURE_EXTRA, uffd_noncoop,
		"userfaultfd with fork, remap, remove and unmap events"),
	UNSUPPORTED("userns"),
	{},
};
