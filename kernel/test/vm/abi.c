// SPDX-License-Identifier: GPL-2.0-only
/*
 * The public header and the ABI as the tests know it are the same, bit for bit.
 *
 * A static assertion that fails is this test's failure: then it doesn't build.
 * The only thing left to do at run time is to say so.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/userfaultfd.h>

#include "abi.h"

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #theirs)

SAME(API_VERSION, UFFD_API);
SAME(USER_MODE_ONLY, UFFD_USER_MODE_ONLY);
SAME(EVENT_PAGEFAULT, UFFD_EVENT_PAGEFAULT);
SAME(EVENT_FORK, UFFD_EVENT_FORK);
SAME(EVENT_REMAP, UFFD_EVENT_REMAP);
SAME(EVENT_REMOVE, UFFD_EVENT_REMOVE);
SAME(EVENT_UNMAP, UFFD_EVENT_UNMAP);
SAME(FAULT_WRITE, UFFD_PAGEFAULT_FLAG_WRITE);
SAME(FAULT_WP, UFFD_PAGEFAULT_FLAG_WP);
SAME(FAULT_MINOR, UFFD_PAGEFAULT_FLAG_MINOR);

SAME(F_PAGEFAULT_FLAG_WP, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
SAME(F_EVENT_FORK, UFFD_FEATURE_EVENT_FORK);
SAME(F_EVENT_REMAP, UFFD_FEATURE_EVENT_REMAP);
SAME(F_EVENT_REMOVE, UFFD_FEATURE_EVENT_REMOVE);
SAME(F_MISSING_HUGETLBFS, UFFD_FEATURE_MISSING_HUGETLBFS);
SAME(F_MISSING_SHMEM, UFFD_FEATURE_MISSING_SHMEM);
SAME(F_EVENT_UNMAP, UFFD_FEATURE_EVENT_UNMAP);
SAME(F_SIGBUS, UFFD_FEATURE_SIGBUS);
SAME(F_THREAD_ID, UFFD_FEATURE_THREAD_ID);
SAME(F_MINOR_HUGETLBFS, UFFD_FEATURE_MINOR_HUGETLBFS);
SAME(F_MINOR_SHMEM, UFFD_FEATURE_MINOR_SHMEM);
SAME(F_EXACT_ADDRESS, UFFD_FEATURE_EXACT_ADDRESS);
SAME(F_WP_HUGETLBFS_SHMEM, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
SAME(F_WP_UNPOPULATED, UFFD_FEATURE_WP_UNPOPULATED);
SAME(F_POISON, UFFD_FEATURE_POISON);
SAME(F_WP_ASYNC, UFFD_FEATURE_WP_ASYNC);
SAME(F_MOVE, UFFD_FEATURE_MOVE);
SAME(F_EVENT_ORDER, UFFD_FEATURE_EVENT_ORDER);
SAME(F_COPY_MANY, UFFD_FEATURE_COPY_MANY);
SAME(F_HANGUP, UFFD_FEATURE_HANGUP);

SAME(MODE_MISSING, UFFDIO_REGISTER_MODE_MISSING);
SAME(MODE_WP, UFFDIO_REGISTER_MODE_WP);
SAME(MODE_MINOR, UFFDIO_REGISTER_MODE_MINOR);
SAME(COPY_DONTWAKE, UFFDIO_COPY_MODE_DONTWAKE);
SAME(COPY_WP, UFFDIO_COPY_MODE_WP);
SAME(FILL_DONTWAKE, UFFDIO_ZEROPAGE_MODE_DONTWAKE);
SAME(FILL_DONTWAKE, UFFDIO_CONTINUE_MODE_DONTWAKE);
SAME(CONTINUE_WP, UFFDIO_CONTINUE_MODE_WP);
SAME(FILL_DONTWAKE, UFFDIO_POISON_MODE_DONTWAKE);
SAME(WP_ON, UFFDIO_WRITEPROTECT_MODE_WP);
SAME(WP_DONTWAKE, UFFDIO_WRITEPROTECT_MODE_DONTWAKE);
SAME(MOVE_DONTWAKE, UFFDIO_MOVE_MODE_DONTWAKE);
SAME(MOVE_ALLOW_SRC_HOLES, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES);

SAME(IOC_API, UFFDIO_API);
SAME(IOC_REGISTER, UFFDIO_REGISTER);
SAME(IOC_UNREGISTER, UFFDIO_UNREGISTER);
SAME(IOC_WAKE, UFFDIO_WAKE);
SAME(IOC_COPY, UFFDIO_COPY);
SAME(IOC_COPY_MANY, UFFDIO_COPY_MANY);
SAME(IOC_ZEROPAGE, UFFDIO_ZEROPAGE);
SAME(IOC_MOVE, UFFDIO_MOVE);
SAME(IOC_WRITEPROTECT, UFFDIO_WRITEPROTECT);
SAME(IOC_CONTINUE, UFFDIO_CONTINUE);
SAME(IOC_POISON, UFFDIO_POISON);
SAME(IOC_NEW, USERFAULTFD_IOC_NEW);

#define SAME_FIELD(abi, field, uapi, name) \
	SAME(offsetof(struct abi, field), offsetof(struct uapi, name)); \
	SAME(sizeof(((struct abi *)0)->field), sizeof(((struct uapi *)0)->name))

SAME(sizeof(struct abi_msg), sizeof(struct uffd_msg));
SAME_FIELD(abi_msg, event, uffd_msg, event);
SAME_FIELD(abi_msg, order, uffd_msg, order);
SAME_FIELD(abi_msg, order, uffd_msg, reserved3);
SAME_FIELD(abi_msg, pagefault.flags, uffd_msg, arg.pagefault.flags);
SAME_FIELD(abi_msg, pagefault.address, uffd_msg, arg.pagefault.address);
SAME_FIELD(abi_msg, pagefault.ptid, uffd_msg, arg.pagefault.feat.ptid);
SAME_FIELD(abi_msg, fork.ufd, uffd_msg, arg.fork.ufd);
SAME_FIELD(abi_msg, remap.from, uffd_msg, arg.remap.from);
SAME_FIELD(abi_msg, remap.to, uffd_msg, arg.remap.to);
SAME_FIELD(abi_msg, remap.len, uffd_msg, arg.remap.len);
SAME_FIELD(abi_msg, remove.start, uffd_msg, arg.remove.start);
SAME_FIELD(abi_msg, remove.end, uffd_msg, arg.remove.end);
SAME_FIELD(abi_register, mode, uffdio_register, mode);
SAME_FIELD(abi_register, ioctls, uffdio_register, ioctls);
SAME_FIELD(abi_copy, dst, uffdio_copy, dst);
SAME_FIELD(abi_copy, src, uffdio_copy, src);
SAME_FIELD(abi_copy, len, uffdio_copy, len);
SAME_FIELD(abi_copy, mode, uffdio_copy, mode);
SAME_FIELD(abi_copy, done, uffdio_copy, copy);
SAME_FIELD(abi_copy_many, copies, uffdio_copy_many, copies);
SAME_FIELD(abi_copy_many, count, uffdio_copy_many, count);
SAME_FIELD(abi_copy_many, done, uffdio_copy_many, done);
SAME_FIELD(abi_fill, done, uffdio_zeropage, zeropage);
SAME_FIELD(abi_fill, done, uffdio_continue, mapped);
SAME_FIELD(abi_fill, done, uffdio_poison, updated);
SAME_FIELD(abi_writeprotect, mode, uffdio_writeprotect, mode);
SAME_FIELD(abi_copy, dst, uffdio_move, dst);
SAME_FIELD(abi_copy, src, uffdio_move, src);
SAME_FIELD(abi_copy, done, uffdio_move, move);

int main(void)
{
	puts("1..1\nok 1 - the public header says what old programs know");
	return 0;
}
