// SPDX-License-Identifier: GPL-2.0-only
/*
 * The catalogue of image files.
 *
 * Rows say all that a reader or writer must know of a file: its name, magic
 * and shape, the message that its entries are, and how long the payload after
 * an entry is. Other machines' registers and the interleaved page files from
 * before pagemaps existed are left out: they can't be restored here.
 */
#include "image/catalogue.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/apparmor.pb-c.h"
#include "images/autofs.pb-c.h"
#include "images/binfmt-misc.pb-c.h"
#include "images/cgroup.pb-c.h"
#include "images/core.pb-c.h"
#include "images/cpuinfo.pb-c.h"
#include "images/fdinfo.pb-c.h"
#include "images/file-lock.pb-c.h"
#include "images/fs.pb-c.h"
#include "images/ghost-file.pb-c.h"
#include "images/inventory.pb-c.h"
#include "images/ipc.pb-c.h"
#include "images/irmap.pb-c.h"
#include "images/mm.pb-c.h"
#include "images/mnt.pb-c.h"
#include "images/netdev.pb-c.h"
#include "images/netns.pb-c.h"
#include "images/pagemap.pb-c.h"
#include "images/pidns.pb-c.h"
#include "images/pipe-data.pb-c.h"
#include "images/pstree.pb-c.h"
#include "images/remap.pb-c.h"
#include "images/seccomp.pb-c.h"
#include "images/sk-queue.pb-c.h"
#include "images/stats.pb-c.h"
#include "images/tcp-stream.pb-c.h"
#include "images/timens.pb-c.h"
#include "images/userns.pb-c.h"
#include "images/utsns.pb-c.h"
#include "images/working-set.pb-c.h"
#include "util/macro.h"

/* How much follows an entry (section 2.1). Lengths are u32: no sum overflows. */

static int64_t bpfmap_extra(const ProtobufCMessage *msg)
{
	const BpfmapDataEntry *e = (const BpfmapDataEntry *)msg;

	return (int64_t)e->keys_bytes + e->values_bytes;
}

static int64_t ghost_extra(const ProtobufCMessage *msg)
{
	if (msg->descriptor == &ghost_chunk_entry__descriptor) {
		const GhostChunkEntry *chunk = (const GhostChunkEntry *)msg;

		/* The one length of 64 bits; the reader refuses what is past the end. */
		return MIN(chunk->len, (uint64_t)INT64_MAX);
	}
	return ((const GhostFileEntry *)msg)->chunks ? IMAGE_EXTRA_NONE : IMAGE_EXTRA_REST;
}

static int64_t ipc_msg_extra(const ProtobufCMessage *msg)
{
	return ALIGN_UP((int64_t)((const IpcMsg *)msg)->msize, 8);
}

static int64_t ipc_queue_extra(const ProtobufCMessage *msg)
{
	return ((const IpcMsgEntry *)msg)->qnum;
}

static int64_t ipc_sem_extra(const ProtobufCMessage *msg)
{
	return ALIGN_UP((int64_t)((const IpcSemEntry *)msg)->nsems * 2, 8);
}

static int64_t ipc_shm_extra(const ProtobufCMessage *msg)
{
	const IpcShmEntry *e = (const IpcShmEntry *)msg;

	if (e->in_pagemaps)
		return IMAGE_EXTRA_NONE;
	return ALIGN_UP((int64_t)MIN(e->size, (uint64_t)INT64_MAX - 3), 4);
}

static int64_t pipe_extra(const ProtobufCMessage *msg)
{
	return ((const PipeDataEntry *)msg)->bytes;
}

static int64_t sk_packet_extra(const ProtobufCMessage *msg)
{
	return ((const SkPacketEntry *)msg)->length;
}

static int64_t tcp_extra(const ProtobufCMessage *msg)
{
	const TcpStreamEntry *e = (const TcpStreamEntry *)msg;

	return (int64_t)e->inq_len + e->outq_len;
}

#define ARRAY(symbol_, name_, magic_, entry_)						\
	{ .symbol = symbol_, .name = name_, .magic = magic_, .shape = IMAGE_ARRAY,	\
	  .entry = &entry_##__descriptor }
#define ARRAY_EXTRA(symbol_, name_, magic_, entry_, extra_)				\
	{ .symbol = symbol_, .name = name_, .magic = magic_, .shape = IMAGE_ARRAY,	\
	  .entry = &entry_##__descriptor, .extra = extra_ }
#define HEADED(symbol_, name_, magic_, first_, entry_)					\
	{ .symbol = symbol_, .name = name_, .magic = magic_, .shape = IMAGE_HEADED,	\
	  .first = &first_##__descriptor, .entry = &entry_##__descriptor }
#define RAW(symbol_, name_)								\
	{ .symbol = symbol_, .name = name_, .head = IMAGE_HEAD_RAW, .shape = IMAGE_RAW }
#define SERVICE(symbol_, name_, magic_, shape_, entry_)					\
	{ .symbol = symbol_, .name = name_, .magic = magic_, .head = IMAGE_HEAD_SERVICE, \
	  .shape = shape_, .entry = &entry_##__descriptor }
#define SINGLE(symbol_, name_, magic_, entry_)						\
	{ .symbol = symbol_, .name = name_, .magic = magic_, .shape = IMAGE_SINGLE,	\
	  .entry = &entry_##__descriptor }
#define SINGLE_EXTRA(symbol_, name_, magic_, entry_, extra_)				\
	{ .symbol = symbol_, .name = name_, .magic = magic_, .shape = IMAGE_SINGLE,	\
	  .entry = &entry_##__descriptor, .extra = extra_ }

/*
 * In the order of the enum, which is that of the specification. Where files
 * share a magic the first row stands for all of them.
 */
static const struct image_desc image_table[IMAGE_TYPE_COUNT] = {
	[IMAGE_INVENTORY] = {
		.symbol = "INVENTORY", .name = "inventory.img", .magic = 0x58313116,
		.head = IMAGE_HEAD_INVENTORY, .shape = IMAGE_SINGLE,
		.entry = &inventory_entry__descriptor,
	},
	[IMAGE_PSTREE] = ARRAY("PSTREE", "pstree.img", 0x50273030, pstree_entry),
	[IMAGE_CORE] = SINGLE("CORE", "core-%u.img", 0x55053847, core_entry),
	[IMAGE_IDS] = SINGLE("IDS", "ids-%u.img", 0x54432030, task_kobj_ids_entry),
	[IMAGE_MM] = SINGLE("MM", "mm-%u.img", 0x57492820, mm_entry),
	[IMAGE_FS] = SINGLE("FS", "fs-%u.img", 0x51403912, fs_entry),
	[IMAGE_PAGEMAP] = HEADED("PAGEMAP", "pagemap-%u.img", 0x56084025,
				 pagemap_head, pagemap_entry),
	[IMAGE_SHMEM_PAGEMAP] = HEADED("PAGEMAP", "pagemap-shmem-%u.img", 0x56084025,
				       pagemap_head, pagemap_entry),
	[IMAGE_PAGES] = RAW("PAGES", "pages-%u.img"),
	[IMAGE_PAGE_CRCS] = RAW("PAGE_CRCS", "pages-crc-%u.img"),
	[IMAGE_FILES] = ARRAY("FILES", "files.img", 0x56303138, file_entry),
	[IMAGE_FDINFO] = ARRAY("FDINFO", "fdinfo-%u.img", 0x56213732, fdinfo_entry),
	[IMAGE_PIPES_DATA] = ARRAY_EXTRA("PIPES_DATA", "pipes-data.img", 0x56453709,
					 pipe_data_entry, pipe_extra),
	[IMAGE_FIFO_DATA] = ARRAY_EXTRA("FIFO_DATA", "fifo-data.img", 0x59333054,
					pipe_data_entry, pipe_extra),
	[IMAGE_SK_QUEUES] = ARRAY_EXTRA("SK_QUEUES", "sk-queues.img", 0x56264026,
					sk_packet_entry, sk_packet_extra),
	[IMAGE_REMAP_FPATH] = ARRAY("REMAP_FPATH", "remap-fpath.img", 0x59133954,
				    remap_file_path_entry),
	[IMAGE_GHOST_FILE] = {
		.symbol = "GHOST_FILE", .name = "ghost-file-%x.img", .magic = 0x52583605,
		.shape = IMAGE_HEADED, .first = &ghost_file_entry__descriptor,
		.entry = &ghost_chunk_entry__descriptor, .extra = ghost_extra,
	},
	[IMAGE_MEMFD_INODE] = ARRAY("MEMFD_INODE", "memfd.img", 0x48453499, memfd_inode_entry),
	[IMAGE_BPFMAP_DATA] = ARRAY_EXTRA("BPFMAP_DATA", "bpfmap-data.img", 0x64324033,
					  bpfmap_data_entry, bpfmap_extra),
	[IMAGE_TCP_STREAM] = SINGLE_EXTRA("TCP_STREAM", "tcp-stream-%x.img", 0x51465506,
					  tcp_stream_entry, tcp_extra),
	[IMAGE_TTY_INFO] = ARRAY("TTY_INFO", "tty-info.img", 0x59453036, tty_info_entry),
	[IMAGE_TTY_DATA] = ARRAY("TTY_DATA", "tty-data.img", 0x59413026, tty_data_entry),
	[IMAGE_FILE_LOCKS] = ARRAY("FILE_LOCKS", "filelocks.img", 0x54323616, file_lock_entry),
	[IMAGE_SECCOMP] = SINGLE("SECCOMP", "seccomp.img", 0x64413049, seccomp_entry),
	[IMAGE_APPARMOR] = SINGLE("APPARMOR", "apparmor.img", 0x59423047, apparmor_entry),
	[IMAGE_CGROUP] = SINGLE("CGROUP", "cgroup.img", 0x59383330, cgroup_entry),
	[IMAGE_TIMENS] = SINGLE("TIMENS", "timens-%u.img", 0x43114433, timens_entry),
	[IMAGE_UTSNS] = SINGLE("UTSNS", "utsns-%u.img", 0x54473203, utsns_entry),
	[IMAGE_USERNS] = SINGLE("USERNS", "userns-%u.img", 0x55474906, userns_entry),
	[IMAGE_PIDNS] = SINGLE("PIDNS", "pidns-%u.img", 0x61157326, pidns_entry),
	[IMAGE_MNTS] = ARRAY("MNTS", "mountpoints-%u.img", 0x55563928, mnt_entry),
	[IMAGE_IPC_VAR] = SINGLE("IPC_VAR", "ipcns-var-%u.img", 0x53115007, ipc_var_entry),
	[IMAGE_IPCNS_SHM] = ARRAY_EXTRA("IPCNS_SHM", "ipcns-shm-%u.img", 0x46283044,
					ipc_shm_entry, ipc_shm_extra),
	[IMAGE_IPCNS_MSG] = {
		.symbol = "IPCNS_MSG", .name = "ipcns-msg-%u.img", .magic = 0x55453737,
		.shape = IMAGE_ARRAY, .entry = &ipc_msg_entry__descriptor,
		.extra = ipc_queue_extra,
		.record = &ipc_msg__descriptor, .record_extra = ipc_msg_extra,
	},
	[IMAGE_IPCNS_SEM] = ARRAY_EXTRA("IPCNS_SEM", "ipcns-sem-%u.img", 0x59573019,
					ipc_sem_entry, ipc_sem_extra),
	[IMAGE_NETNS] = SINGLE("NETNS", "netns-%u.img", 0x55933752, netns_entry),
	[IMAGE_NETDEV] = ARRAY("NETDEV", "netdev-%u.img", 0x57373951, net_device_entry),
	[IMAGE_IFADDR] = RAW("IFADDR", "ifaddr-%u.img"),
	[IMAGE_ROUTE] = RAW("ROUTE", "route-%u.img"),
	[IMAGE_ROUTE6] = RAW("ROUTE6", "route6-%u.img"),
	[IMAGE_RULE] = RAW("RULE", "rule-%u.img"),
	[IMAGE_IPTABLES] = RAW("IPTABLES", "iptables-%u.img"),
	[IMAGE_IP6TABLES] = RAW("IP6TABLES", "ip6tables-%u.img"),
	[IMAGE_NFTABLES] = RAW("NFTABLES", "nftables-%u.img"),
	[IMAGE_NETNF_CT] = RAW("NETNF_CT", "netns-ct-%u.img"),
	[IMAGE_NETNF_EXP] = RAW("NETNF_EXP", "netns-exp-%u.img"),
	[IMAGE_TMPFS_DEV] = RAW("TMPFS_DEV", "tmpfs-dev-%u.tar.gz.img"),
	[IMAGE_TMPFS_IMG] = RAW("TMPFS_IMG", "tmpfs-%u.tar.gz.img"),
	[IMAGE_AUTOFS] = SINGLE("AUTOFS", "autofs-%u.img", 0x49353943, autofs_entry),
	[IMAGE_BINFMT_MISC] = ARRAY("BINFMT_MISC", "binfmt-misc.img", 0x67343323,
				    binfmt_misc_entry),
	[IMAGE_CPUINFO] = SINGLE("CPUINFO", "cpuinfo.img", 0x61404013, cpuinfo_entry),
	[IMAGE_STATS_DUMP] = SERVICE("STATS", "stats-dump", 0x57093306, IMAGE_SINGLE, stats_entry),
	[IMAGE_STATS_RESTORE] = SERVICE("STATS", "stats-restore", 0x57093306, IMAGE_SINGLE,
					stats_entry),
	[IMAGE_IRMAP_CACHE] = SERVICE("IRMAP_CACHE", "irmap-cache", 0x57004059, IMAGE_ARRAY,
				      irmap_cache_entry),
	[IMAGE_WORKING_SET] = SERVICE("WORKING_SET", "working-set", 0x574b5345, IMAGE_ARRAY,
				      working_set_entry),

	[IMAGE_BINFMT_MISC_OLD] = ARRAY("BINFMT_MISC", "binfmt-misc-%u.img", 0x67343323,
					binfmt_misc_entry),
	[IMAGE_BPFMAP_FILE] = ARRAY("BPFMAP_FILE", "bpfmap-file.img", 0x57506142,
				    bpfmap_file_entry),
	[IMAGE_CREDS] = ARRAY("CREDS", "creds-%u.img", 0x54023547, creds_entry),
	[IMAGE_EVENTFD_FILE] = ARRAY("EVENTFD_FILE", "eventfd.img", 0x44523722,
				     eventfd_file_entry),
	[IMAGE_EVENTPOLL_FILE] = ARRAY("EVENTPOLL_FILE", "eventpoll.img", 0x45023858,
				       eventpoll_file_entry),
	[IMAGE_EVENTPOLL_TFD] = ARRAY("EVENTPOLL_TFD", "eventpoll-tfd.img", 0x44433746,
				      eventpoll_tfd_entry),
	[IMAGE_EXT_FILES] = ARRAY("EXT_FILES", "ext-files.img", 0x59255641, ext_file_entry),
	[IMAGE_FANOTIFY_FILE] = ARRAY("FANOTIFY_FILE", "fanotify.img", 0x55096122,
				      fanotify_file_entry),
	[IMAGE_FANOTIFY_MARK] = ARRAY("FANOTIFY_MARK", "fanotify-mark.img", 0x56506035,
				      fanotify_mark_entry),
	[IMAGE_FIFO] = ARRAY("FIFO", "fifo.img", 0x58364939, fifo_entry),
	[IMAGE_INETSK] = ARRAY("INETSK", "inetsk.img", 0x56443851, inet_sk_entry),
	[IMAGE_INOTIFY_FILE] = ARRAY("INOTIFY_FILE", "inotify.img", 0x48424431,
				     inotify_file_entry),
	[IMAGE_INOTIFY_WD] = ARRAY("INOTIFY_WD", "inotify-wd.img", 0x54562009, inotify_wd_entry),
	[IMAGE_ITIMERS] = ARRAY("ITIMERS", "itimers-%u.img", 0x57464056, itimer_entry),
	[IMAGE_NETLINK_SK] = ARRAY("NETLINK_SK", "netlinksk.img", 0x58005614, netlink_sk_entry),
	[IMAGE_NS_FILES] = ARRAY("NS_FILES", "ns-files.img", 0x61394011, ns_file_entry),
	[IMAGE_PACKETSK] = ARRAY("PACKETSK", "packetsk.img", 0x60454618, packet_sock_entry),
	[IMAGE_PIDFD] = ARRAY("PIDFD", "pidfd.img", 0x54435556, pidfd_entry),
	[IMAGE_PIPES] = ARRAY("PIPES", "pipes.img", 0x56513555, pipe_entry),
	[IMAGE_POSIX_TIMERS] = ARRAY("POSIX_TIMERS", "posix-timers-%u.img", 0x52603957,
				     posix_timer_entry),
	[IMAGE_PSIGNAL] = ARRAY("SIGNAL", "signal-p-%u.img", 0x59255647, siginfo_entry),
	[IMAGE_REG_FILES] = ARRAY("REG_FILES", "reg-files.img", 0x50363636, reg_file_entry),
	[IMAGE_RLIMIT] = ARRAY("RLIMIT", "rlimit-%u.img", 0x57113925, rlimit_entry),
	[IMAGE_SIGACT] = ARRAY("SIGACT", "sigacts-%u.img", 0x55344201, sa_entry),
	[IMAGE_SIGNAL] = ARRAY("SIGNAL", "signal-s-%u.img", 0x59255647, siginfo_entry),
	[IMAGE_SIGNALFD] = ARRAY("SIGNALFD", "signalfd.img", 0x57323820, signalfd_entry),
	[IMAGE_TIMERFD] = ARRAY("TIMERFD", "timerfd.img", 0x50493712, timerfd_entry),
	[IMAGE_TTY_FILES] = ARRAY("TTY_FILES", "tty.img", 0x59433025, tty_file_entry),
	[IMAGE_TUNFILE] = ARRAY("TUNFILE", "tunfile.img", 0x57143751, tunfile_entry),
	[IMAGE_UNIXSK] = ARRAY("UNIXSK", "unixsk.img", 0x54373943, unix_sk_entry),
	[IMAGE_VMAS] = ARRAY("VMAS", "vmas-%u.img", 0x54123737, vma_entry),
};

const struct image_desc *image_desc(enum image_type type)
{
	return &image_table[type];
}

const struct image_desc *image_desc_by_magic(enum image_head head, uint32_t magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_table); i++)
		if (image_table[i].head == head && image_table[i].magic == magic)
			return &image_table[i];
	return NULL;
}

const struct image_desc *image_desc_raw_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_table); i++) {
		const struct image_desc *desc = &image_table[i];
		size_t before, key;

		if (desc->shape != IMAGE_RAW)
			continue;
		before = strcspn(desc->name, "%");
		if (strncmp(name, desc->name, before))
			continue;
		key = strspn(name + before, "0123456789");
		if (key && !strcmp(name + before + key, desc->name + before + 2))
			return desc;
	}
	return NULL;
}

void image_name(const struct image_desc *desc, uint64_t key, char name[IMAGE_NAME_MAX])
{
	size_t before = strcspn(desc->name, "%");
	const char *format = desc->name + before;

	if (!*format)
		snprintf(name, IMAGE_NAME_MAX, "%s", desc->name);
	else if (format[1] == 'x')
		snprintf(name, IMAGE_NAME_MAX, "%.*s%" PRIx64 "%s", (int)before, desc->name, key,
			 format + 2);
	else
		snprintf(name, IMAGE_NAME_MAX, "%.*s%" PRIu64 "%s", (int)before, desc->name, key,
			 format + 2);
}
