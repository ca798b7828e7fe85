/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/PID/mountinfo: the mounts of a task's mount namespace. Source: proc(5). */
#ifndef CRIU_LITE_SYS_MOUNTINFO_H
#define CRIU_LITE_SYS_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Strings have the kernel's octal escapes decoded and belong to the list. */
struct mount_info {
	int32_t id, parent;
	uint32_t major, minor;
	char *root;			/* the directory of the file system that is mounted */
	char *mountpoint;		/* below the root of the task that was asked */
	char *options;			/* of the mount: "rw,relatime" */
	uint32_t shared;		/* peer group; 0: not shared */
	uint32_t master;		/* the group it takes from; 0: none */
	uint32_t propagate_from;	/* nearest group that the task can see; 0: none */
	bool unbindable;
	char *fstype;
	char *source;
	char *super_options;
};

struct mountinfo {
	struct mount_info *mounts;	/* in the kernel's order */
	size_t n_mounts, cap_mounts;
};

/* Fills @info, which mountinfo_fini() frees. 0, -EINVAL (logged), -ENOMEM. */
int mountinfo_parse(const char *text, struct mountinfo *info);
/* Errors as in sys/proc.h. */
int mountinfo_read(pid_t pid, struct mountinfo *info);
void mountinfo_fini(struct mountinfo *info);
/* NULL: no mount has this id. */
const struct mount_info *mountinfo_find(const struct mountinfo *info, int32_t id);

#endif
