/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading mapped files whose bytes may be gone: the file has become shorter, or the disk fails.
 * The kernel says so to who reads them by SIGBUS, and there is no cheaper way to ask.
 */
#ifndef CRIU_LITE_UTIL_MAPPED_H
#define CRIU_LITE_UTIL_MAPPED_H

/* From here on mapped_read() can tell. For processes of one thread. 0 or -errno, logged. */
int mapped_catch(void);
/*
 * Calls @look(@arg), which reads what is mapped, and may be left at any such read: it takes no
 * locks and owns nothing then. Its result, or -EIO when bytes were gone.
 */
int mapped_read(int (*look)(void *arg), void *arg);

#endif
