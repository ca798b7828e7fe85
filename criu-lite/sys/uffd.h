/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Userfaultfd ioctls. Source: userfaultfd(2), ioctl_userfaultfd(2).
 *
 * Nothing is logged: what EAGAIN, EEXIST, ENOENT, ENOSPC and ESRCH mean is
 * for the caller to say. Addresses and lengths are bytes, whole pages.
 */
#ifndef CRIU_LITE_SYS_UFFD_H
#define CRIU_LITE_SYS_UFFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/abi_uffd.h"

/*
 * A new userfaultfd, close-on-exec and non-blocking, for the memory of the
 * caller, with UFFD_FEATURE_* @features switched on. @supported (may be NULL)
 * receives the features that the kernel has. Returns the descriptor; -EINVAL:
 * the kernel lacks one of @features; -EPERM; -errno.
 */
int uffd_open(uint64_t features, uint64_t *supported);

/*
 * The UFFD_FEATURE_* that @uffd was opened with, from its fdinfo. Returns 0; -ENOENT: it is no
 * userfaultfd; -EINVAL; or -errno.
 */
int uffd_features(int uffd, uint64_t *features);

/* Whether the kernel numbers the events of who asks for it (UFFD_FEATURE_EVENT_ORDER). */
bool uffd_numbers_events(void);

/* @mode: UFFDIO_REGISTER_MODE_*. @ioctls (may be NULL): bits of _UFFDIO_* that work there. */
int uffd_register(int uffd, uint64_t start, uint64_t len, uint64_t mode, uint64_t *ioctls);
int uffd_unregister(int uffd, uint64_t start, uint64_t len);

/*
 * Put pages in place at @dst in the memory that @uffd belongs to, and wake
 * who waits for them unless @mode says DONTWAKE. *@done is how many bytes are
 * there now, also when it fails: -EAGAIN and *@done < @len means that the
 * layout changed meanwhile, and the rest is to be decided again.
 */
int uffd_copy(int uffd, uint64_t dst, const void *src, uint64_t len, uint64_t mode,
	      uint64_t *done);
int uffd_zeropage(int uffd, uint64_t dst, uint64_t len, uint64_t mode, uint64_t *done);
int uffd_wake(int uffd, uint64_t start, uint64_t len);

#endif
