// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an error calls a file.
 *
 * The link in /proc/PID/fd says what an open file is: a path, "pipe:[INODE]",
 * "anon_inode:NAME" and the like. Names here are those of the manual pages, so
 * that a reader of the error knows what to look for.
 */
#include "core/file.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/dump.h"
#include "util/macro.h"

struct name {
	const char *prefix;		/* of the link */
	const char *name;
};

/* The first that fits counts. */
static const struct name link_table[] = {
	{ "/[aio]",			"asynchronous I/O ring" },
	{ "/dev/console",		"terminal" },
	{ "/dev/fuse",			"FUSE connection" },
	{ "/dev/net/tun",		"TUN/TAP interface" },
	{ "/dev/ptmx",			"master of a pseudoterminal" },
	{ "/dev/pts/ptmx",		"master of a pseudoterminal" },
	{ "/dev/pts/",			"terminal" },
	{ "/dev/tty",			"terminal" },
	{ "/dmabuf:",			"DMA buffer" },
	{ "/memfd:",			"memfd" },
	{ "anon_inode:[btf]",		"BPF type information" },
	{ "anon_inode:[eventfd]",	"eventfd" },
	{ "anon_inode:[eventpoll]",	"epoll" },
	{ "anon_inode:[fanotify]",	"fanotify" },
	{ "anon_inode:[fscontext]",	"file system context" },
	{ "anon_inode:[io_uring]",	"io_uring" },
	{ "anon_inode:[landlock",	"Landlock ruleset" },
	{ "anon_inode:[perf_event]",	"perf event" },
	{ "anon_inode:[pidfd]",		"pidfd" },
	{ "anon_inode:[secretmem]",	"secret memory" },
	{ "anon_inode:[signalfd]",	"signalfd" },
	{ "anon_inode:[timerfd]",	"timerfd" },
	{ "anon_inode:[userfaultfd]",	"userfaultfd" },
	{ "anon_inode:bpf",		"BPF object" },
	{ "anon_inode:inotify",		"inotify" },
	{ "anon_inode:kvm",		"KVM object" },
	{ "anon_inode:seccomp",		"seccomp listener" },
	{ "cgroup:[",			"cgroup namespace" },
	{ "ipc:[",			"IPC namespace" },
	{ "mnt:[",			"mount namespace" },
	{ "net:[",			"network namespace" },
	{ "pid:[",			"PID namespace" },
	{ "pid_for_children:[",		"PID namespace" },
	{ "pipe:[",			"pipe" },
	{ "time:[",			"time namespace" },
	{ "time_for_children:[",	"time namespace" },
	{ "user:[",			"user namespace" },
	{ "uts:[",			"UTS namespace" },
};

static const struct {
	int family;
	const char *name;
} family_table[] = {
	{ AF_ALG,	"crypto (AF_ALG) socket" },
	{ AF_BLUETOOTH,	"Bluetooth socket" },
	{ AF_CAN,	"CAN socket" },
	{ AF_INET,	"IPv4 socket" },
	{ AF_INET6,	"IPv6 socket" },
	{ AF_KEY,	"IPsec key socket" },
	{ AF_NETLINK,	"netlink socket" },
	{ AF_PACKET,	"packet socket" },
	{ AF_RDS,	"RDS socket" },
	{ AF_TIPC,	"TIPC socket" },
	{ AF_UNIX,	"unix socket" },
	{ AF_VSOCK,	"vsock socket" },
	{ AF_XDP,	"XDP socket" },
};

static const char *socket_name(const struct fd_info *info)
{
	socklen_t len = sizeof(int);
	int family;

	if (info->local < 0 || getsockopt(info->local, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return "socket";
	for (size_t i = 0; i < ARRAY_SIZE(family_table); i++)
		if (family_table[i].family == family)
			return family_table[i].name;
	return "socket of an unknown family";
}

static const char *mode_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFBLK:
		return "block device";
	case S_IFCHR:
		return "character device";
	case S_IFDIR:
		return "directory";
	case S_IFIFO:
		return "FIFO";
	case S_IFLNK:
		return "symbolic link";
	case S_IFREG:
		return "regular file";
	case S_IFSOCK:
		return "socket file";
	}
	return "file of an unknown type";
}

const char *file_type_name(const struct fd_info *info)
{
	if (!strncmp(info->target, "socket:[", 8))
		return socket_name(info);
	for (size_t i = 0; i < ARRAY_SIZE(link_table); i++)
		if (!strncmp(info->target, link_table[i].prefix, strlen(link_table[i].prefix)))
			return link_table[i].name;
	return mode_name(info->st.st_mode);
}

bool fd_info_is_anon(const struct fd_info *info, const char *name)
{
	static const char prefix[] = "anon_inode:";

	return !strncmp(info->target, prefix, strlen(prefix)) &&
	       !strcmp(info->target + strlen(prefix), name);
}
