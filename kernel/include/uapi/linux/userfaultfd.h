/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * userfaultfd: page faults of an address space, resolved by a program.
 *
 * userfaultfd(2) or USERFAULTFD_IOC_NEW makes a descriptor, UFFDIO_API agrees
 * on features, UFFDIO_REGISTER hands over ranges. Then read(2) delivers struct
 * uffd_msg, and the other ioctls resolve faults. All numbers are ABI.
 */
#ifndef _UAPI_LINUX_USERFAULTFD_H
#define _UAPI_LINUX_USERFAULTFD_H

#include <linux/types.h>
#include <linux/ioctl.h>

/* The letter of all ioctls, and what UFFDIO_API's api has to be. */
#define UFFDIO				0xAA
#define USERFAULTFD_IOC			0xAA
#define UFFD_API			((__u64)0xAA)

/* Of userfaultfd(2), beside O_CLOEXEC and O_NONBLOCK. */
#define UFFD_USER_MODE_ONLY		1

/* A descriptor from /dev/userfaultfd; the argument is that of userfaultfd(2). */
#define USERFAULTFD_IOC_NEW		_IO(USERFAULTFD_IOC, 0x00)

/* Numbers of the ioctls; the answered sets have the bit of the number. */
#define _UFFDIO_REGISTER		(0x00)
#define _UFFDIO_UNREGISTER		(0x01)
#define _UFFDIO_WAKE			(0x02)
#define _UFFDIO_COPY			(0x03)
#define _UFFDIO_ZEROPAGE		(0x04)
#define _UFFDIO_MOVE			(0x05)
#define _UFFDIO_WRITEPROTECT		(0x06)
#define _UFFDIO_CONTINUE		(0x07)
#define _UFFDIO_POISON			(0x08)
#define _UFFDIO_COPY_MANY		(0x20)	/* in no set: see the feature */
#define _UFFDIO_API			(0x3F)

/* struct uffd_msg: event */
#define UFFD_EVENT_PAGEFAULT		0x12
#define UFFD_EVENT_FORK			0x13
#define UFFD_EVENT_REMAP		0x14
#define UFFD_EVENT_REMOVE		0x15
#define UFFD_EVENT_UNMAP		0x16

/* struct uffd_msg: arg.pagefault.flags; none: a page is missing, for a read */
#define UFFD_PAGEFAULT_FLAG_WRITE	(1 << 0)	/* it is a write */
#define UFFD_PAGEFAULT_FLAG_WP		(1 << 1)	/* ...to a protected page */
#define UFFD_PAGEFAULT_FLAG_MINOR	(1 << 2)	/* the file has the page */

/* What read(2) delivers: whole ones, as many as the buffer holds. */
struct uffd_msg {
	__u8	event;

	__u8	reserved1;
	__u16	reserved2;
	union {
		__u32	reserved3;
		__u32	order;		/* of events: UFFD_FEATURE_EVENT_ORDER */
	};

	union {
		struct {
			__u64	flags;
			__u64	address;
			union {
				__u32	ptid;	/* UFFD_FEATURE_THREAD_ID */
			} feat;
		} pagefault;

		struct {
			__u32	ufd;		/* of the child, in the reader */
		} fork;

		struct {
			__u64	from;
			__u64	to;
			__u64	len;
		} remap;

		struct {
			__u64	start;
			__u64	end;
		} remove;			/* UFFD_EVENT_UNMAP, too */

		struct {
			__u64	reserved1;
			__u64	reserved2;
			__u64	reserved3;
		} reserved;
	} arg;
} __attribute__((packed));

/* struct uffdio_api: features, wanted and answered */
#define UFFD_FEATURE_PAGEFAULT_FLAG_WP		(1 << 0)
#define UFFD_FEATURE_EVENT_FORK			(1 << 1)
#define UFFD_FEATURE_EVENT_REMAP		(1 << 2)
#define UFFD_FEATURE_EVENT_REMOVE		(1 << 3)
#define UFFD_FEATURE_MISSING_HUGETLBFS		(1 << 4)
#define UFFD_FEATURE_MISSING_SHMEM		(1 << 5)
#define UFFD_FEATURE_EVENT_UNMAP		(1 << 6)
#define UFFD_FEATURE_SIGBUS			(1 << 7)
#define UFFD_FEATURE_THREAD_ID			(1 << 8)
#define UFFD_FEATURE_MINOR_HUGETLBFS		(1 << 9)
#define UFFD_FEATURE_MINOR_SHMEM		(1 << 10)
#define UFFD_FEATURE_EXACT_ADDRESS		(1 << 11)
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM		(1 << 12)
#define UFFD_FEATURE_WP_UNPOPULATED		(1 << 13)
#define UFFD_FEATURE_POISON			(1 << 14)
#define UFFD_FEATURE_WP_ASYNC			(1 << 15)
#define UFFD_FEATURE_MOVE			(1 << 16)
/*
 * Not of every kernel that has the ones above, and so counted from the other end.
 * HANGUP: poll says POLLHUP when the address space has ended.
 * COPY_MANY: there is UFFDIO_COPY_MANY.
 * EVENT_ORDER: the events of a context are numbered, from 1 and without a gap, in the
 * order in which the changes were made; after 2^32 - 1 comes 0.
 */
#define UFFD_FEATURE_EVENT_ORDER		(1 << 28)
#define UFFD_FEATURE_COPY_MANY			(1 << 29)
#define UFFD_FEATURE_HANGUP			(1 << 30)

/* All that may be answered; a configuration may lack some. */
#define UFFD_API_FEATURES	(UFFD_FEATURE_PAGEFAULT_FLAG_WP |	\
				 UFFD_FEATURE_EVENT_FORK |		\
				 UFFD_FEATURE_EVENT_REMAP |		\
				 UFFD_FEATURE_EVENT_REMOVE |		\
				 UFFD_FEATURE_MISSING_HUGETLBFS |	\
				 UFFD_FEATURE_MISSING_SHMEM |		\
				 UFFD_FEATURE_EVENT_UNMAP |		\
				 UFFD_FEATURE_SIGBUS |			\
				 UFFD_FEATURE_THREAD_ID |		\
				 UFFD_FEATURE_MINOR_HUGETLBFS |		\
				 UFFD_FEATURE_MINOR_SHMEM |		\
				 UFFD_FEATURE_EXACT_ADDRESS |		\
				 UFFD_FEATURE_WP_HUGETLBFS_SHMEM |	\
				 UFFD_FEATURE_WP_UNPOPULATED |		\
				 UFFD_FEATURE_POISON |			\
				 UFFD_FEATURE_WP_ASYNC |		\
				 UFFD_FEATURE_MOVE |			\
				 UFFD_FEATURE_EVENT_ORDER |		\
				 UFFD_FEATURE_COPY_MANY |		\
				 UFFD_FEATURE_HANGUP)

/* struct uffdio_api: ioctls */
#define UFFD_API_IOCTLS		((__u64)1 << _UFFDIO_REGISTER |		\
				 (__u64)1 << _UFFDIO_UNREGISTER |	\
				 (__u64)1 << _UFFDIO_API)

/* struct uffdio_register: ioctls; those of them that suit the range */
#define UFFD_API_RANGE_IOCTLS	((__u64)1 << _UFFDIO_WAKE |		\
				 (__u64)1 << _UFFDIO_COPY |		\
				 (__u64)1 << _UFFDIO_ZEROPAGE |		\
				 (__u64)1 << _UFFDIO_MOVE |		\
				 (__u64)1 << _UFFDIO_WRITEPROTECT |	\
				 (__u64)1 << _UFFDIO_CONTINUE |		\
				 (__u64)1 << _UFFDIO_POISON)

/* ...and those of them that suit pages of hugetlbfs */
#define UFFD_API_RANGE_IOCTLS_BASIC	((__u64)1 << _UFFDIO_WAKE |	\
					 (__u64)1 << _UFFDIO_COPY |	\
					 (__u64)1 << _UFFDIO_WRITEPROTECT | \
					 (__u64)1 << _UFFDIO_CONTINUE |	\
					 (__u64)1 << _UFFDIO_POISON)

struct uffdio_api {
	__u64	api;		/* in: UFFD_API */
	__u64	features;	/* in: wanted; out: all that there are */
	__u64	ioctls;		/* out */
};

struct uffdio_range {
	__u64	start;
	__u64	len;
};

#define UFFDIO_REGISTER_MODE_MISSING	((__u64)1 << 0)
#define UFFDIO_REGISTER_MODE_WP		((__u64)1 << 1)
#define UFFDIO_REGISTER_MODE_MINOR	((__u64)1 << 2)

struct uffdio_register {
	struct uffdio_range range;
	__u64	mode;
	__u64	ioctls;		/* out */
};

/*
 * The ioctls that fill say at their end how many bytes they have done, or,
 * negative, why they have done none. Unless DONTWAKE, they wake who waits there.
 */
#define UFFDIO_COPY_MODE_DONTWAKE	((__u64)1 << 0)
#define UFFDIO_COPY_MODE_WP		((__u64)1 << 1)	/* protected at once */

struct uffdio_copy {
	__u64	dst;
	__u64	src;
	__u64	len;
	__u64	mode;
	__s64	copy;
};

/*
 * As many calls of UFFDIO_COPY, one after the other. Each one's copy says what became
 * of it; done, for how many it does. -EAGAIN: not all of those are done as a whole.
 */
struct uffdio_copy_many {
	__u64	copies;		/* the address of an array of struct uffdio_copy */
	__u64	count;
	__u64	done;		/* out */
};

#define UFFDIO_ZEROPAGE_MODE_DONTWAKE	((__u64)1 << 0)

struct uffdio_zeropage {
	struct uffdio_range range;
	__u64	mode;
	__s64	zeropage;
};

#define UFFDIO_WRITEPROTECT_MODE_WP	((__u64)1 << 0)	/* else: undo it */
#define UFFDIO_WRITEPROTECT_MODE_DONTWAKE ((__u64)1 << 1)

struct uffdio_writeprotect {
	struct uffdio_range range;
	__u64	mode;
};

#define UFFDIO_CONTINUE_MODE_DONTWAKE	((__u64)1 << 0)
#define UFFDIO_CONTINUE_MODE_WP		((__u64)1 << 1)

struct uffdio_continue {
	struct uffdio_range range;
	__u64	mode;
	__s64	mapped;
};

#define UFFDIO_POISON_MODE_DONTWAKE	((__u64)1 << 0)

struct uffdio_poison {
	struct uffdio_range range;
	__u64	mode;
	__s64	updated;
};

#define UFFDIO_MOVE_MODE_DONTWAKE	((__u64)1 << 0)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES ((__u64)1 << 1)

struct uffdio_move {
	__u64	dst;
	__u64	src;
	__u64	len;
	__u64	mode;
	__s64	move;
};

/* That UNREGISTER and WAKE say "read" is an old mistake, and ABI. */
#define UFFDIO_API		_IOWR(UFFDIO, _UFFDIO_API, struct uffdio_api)
#define UFFDIO_REGISTER		_IOWR(UFFDIO, _UFFDIO_REGISTER, struct uffdio_register)
#define UFFDIO_UNREGISTER	_IOR(UFFDIO, _UFFDIO_UNREGISTER, struct uffdio_range)
#define UFFDIO_WAKE		_IOR(UFFDIO, _UFFDIO_WAKE, struct uffdio_range)
#define UFFDIO_COPY		_IOWR(UFFDIO, _UFFDIO_COPY, struct uffdio_copy)
#define UFFDIO_ZEROPAGE		_IOWR(UFFDIO, _UFFDIO_ZEROPAGE, struct uffdio_zeropage)
#define UFFDIO_COPY_MANY	_IOWR(UFFDIO, _UFFDIO_COPY_MANY, struct uffdio_copy_many)
#define UFFDIO_MOVE		_IOWR(UFFDIO, _UFFDIO_MOVE, struct uffdio_move)
#define UFFDIO_WRITEPROTECT	_IOWR(UFFDIO, _UFFDIO_WRITEPROTECT, struct uffdio_writeprotect)
#define UFFDIO_CONTINUE		_IOWR(UFFDIO, _UFFDIO_CONTINUE, struct uffdio_continue)
#define UFFDIO_POISON		_IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)

#endif /* _UAPI_LINUX_USERFAULTFD_H */
