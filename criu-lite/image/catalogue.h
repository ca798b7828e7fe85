/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The catalogue: every kind of file that an image directory can hold, as
 * spec/images.md (section 2) lists them. Readers, writers and `show` know the
 * files by this table alone.
 */
#ifndef CRIU_LITE_IMAGE_CATALOGUE_H
#define CRIU_LITE_IMAGE_CATALOGUE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

enum image_type {
	IMAGE_INVENTORY,
	IMAGE_PSTREE,
	IMAGE_CORE,
	IMAGE_IDS,
	IMAGE_MM,
	IMAGE_FS,
	IMAGE_PAGEMAP,
	IMAGE_SHMEM_PAGEMAP,
	IMAGE_PAGES,
	IMAGE_PAGE_CRCS,
	IMAGE_FILES,
	IMAGE_FDINFO,
	IMAGE_PIPES_DATA,
	IMAGE_FIFO_DATA,
	IMAGE_SK_QUEUES,
	IMAGE_REMAP_FPATH,
	IMAGE_GHOST_FILE,
	IMAGE_MEMFD_INODE,
	IMAGE_BPFMAP_DATA,
	IMAGE_TCP_STREAM,
	IMAGE_TTY_INFO,
	IMAGE_TTY_DATA,
	IMAGE_FILE_LOCKS,
	IMAGE_SECCOMP,
	IMAGE_APPARMOR,
	IMAGE_CGROUP,
	IMAGE_TIMENS,
	IMAGE_UTSNS,
	IMAGE_USERNS,
	IMAGE_PIDNS,
	IMAGE_MNTS,
	IMAGE_IPC_VAR,
	IMAGE_IPCNS_SHM,
	IMAGE_IPCNS_MSG,
	IMAGE_IPCNS_SEM,
	IMAGE_NETNS,
	IMAGE_NETDEV,
	IMAGE_IFADDR,
	IMAGE_ROUTE,
	IMAGE_ROUTE6,
	IMAGE_RULE,
	IMAGE_IPTABLES,
	IMAGE_IP6TABLES,
	IMAGE_NFTABLES,
	IMAGE_NETNF_CT,
	IMAGE_NETNF_EXP,
	IMAGE_TMPFS_DEV,
	IMAGE_TMPFS_IMG,
	IMAGE_AUTOFS,
	IMAGE_BINFMT_MISC,
	IMAGE_CPUINFO,
	IMAGE_STATS_DUMP,
	IMAGE_STATS_RESTORE,
	IMAGE_IRMAP_CACHE,
	IMAGE_WORKING_SET,		/* ours alone */
	/* Not written any more: arrays that files.img, core and mm took in. */
	IMAGE_BINFMT_MISC_OLD,
	IMAGE_BPFMAP_FILE,
	IMAGE_CREDS,
	IMAGE_EVENTFD_FILE,
	IMAGE_EVENTPOLL_FILE,
	IMAGE_EVENTPOLL_TFD,
	IMAGE_EXT_FILES,
	IMAGE_FANOTIFY_FILE,
	IMAGE_FANOTIFY_MARK,
	IMAGE_FIFO,
	IMAGE_INETSK,
	IMAGE_INOTIFY_FILE,
	IMAGE_INOTIFY_WD,
	IMAGE_ITIMERS,
	IMAGE_NETLINK_SK,
	IMAGE_NS_FILES,
	IMAGE_PACKETSK,
	IMAGE_PIDFD,
	IMAGE_PIPES,
	IMAGE_POSIX_TIMERS,
	IMAGE_PSIGNAL,
	IMAGE_REG_FILES,
	IMAGE_RLIMIT,
	IMAGE_SIGACT,
	IMAGE_SIGNAL,
	IMAGE_SIGNALFD,
	IMAGE_TIMERFD,
	IMAGE_TTY_FILES,
	IMAGE_TUNFILE,
	IMAGE_UNIXSK,
	IMAGE_VMAS,
	IMAGE_TYPE_COUNT
};

/* What stands before the entries (section 1.1). */
enum image_head {
	IMAGE_HEAD_COMMON,		/* common head, own magic */
	IMAGE_HEAD_INVENTORY,		/* own magic */
	IMAGE_HEAD_RAW,			/* nothing: no entries either */
	IMAGE_HEAD_SERVICE,		/* service head, own magic */
};

enum image_shape {
	IMAGE_ARRAY,			/* entries until end of file */
	IMAGE_HEADED,			/* one message of `head`, then entries */
	IMAGE_RAW,
	IMAGE_SINGLE,			/* exactly one entry */
};

#define IMAGE_MAGIC_COMMON 0x54564319
#define IMAGE_MAGIC_SERVICE 0x55105940

/* Verdicts of image_desc.extra that are no count. */
#define IMAGE_EXTRA_NONE (-1)
#define IMAGE_EXTRA_REST (-2)		/* all to the end of the file */

struct image_desc {
	const char *symbol;		/* as crit names it; files may share one */
	const char *name;		/* %u, %x: the key, decimal or hexadecimal */
	uint32_t magic;			/* 0: raw */
	enum image_head head;
	enum image_shape shape;
	const ProtobufCMessageDescriptor *first;	/* headed: the head */
	const ProtobufCMessageDescriptor *entry;	/* NULL: raw */
	/*
	 * The bytes that follow @msg, or a verdict. Where `record` is set it is
	 * the count of records that follow, each framed like an entry and with
	 * a payload of its own that record_extra() tells.
	 */
	int64_t (*extra)(const ProtobufCMessage *msg);
	const ProtobufCMessageDescriptor *record;
	int64_t (*record_extra)(const ProtobufCMessage *msg);
};

const struct image_desc *image_desc(enum image_type type);

/* The first row that has the magic; NULL when none has. */
const struct image_desc *image_desc_by_magic(enum image_head head, uint32_t magic);

/* The raw row that the file name belongs to; NULL when none has it. */
const struct image_desc *image_desc_raw_by_name(const char *name);

/*
 * The longest file name that a row makes, with its NUL. Keys are ids: a name
 * never holds a slash, whatever the key.
 */
#define IMAGE_NAME_MAX 64

/* Writes the file name; @key is not looked at by rows that have none. */
void image_name(const struct image_desc *desc, uint64_t key, char name[IMAGE_NAME_MAX]);

#endif
