/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What <linux/userfaultfd.h> lacks in C libraries of Linux 6.1.
 * Source: UFFDIO_API(2const), userfaultfd(2).
 */
#ifndef CRIU_LITE_SYS_ABI_UFFD_H
#define CRIU_LITE_SYS_ABI_UFFD_H

#include <linux/userfaultfd.h>

#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)	/* Linux 6.4 */
#endif
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON		(1 << 14)	/* Linux 6.6 */
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC		(1 << 15)	/* Linux 6.7 */
#endif
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE		(1 << 16)	/* Linux 6.8 */
#endif
/* Of kernel/include/uapi/linux/userfaultfd.h: the number of a change, in reserved3. */
#ifndef UFFD_FEATURE_EVENT_ORDER
#define UFFD_FEATURE_EVENT_ORDER	(1 << 28)
#endif
#ifndef _UFFDIO_MOVE
#define _UFFDIO_MOVE			(0x05)
#endif
#ifndef _UFFDIO_POISON
#define _UFFDIO_POISON			(0x08)
#endif

/* What another process needs to serve an address space that forks and remaps. */
#define UFFD_FEATURES_NONCOOP							\
	(UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |			\
	 UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP)

#endif
