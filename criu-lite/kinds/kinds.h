/* SPDX-License-Identifier: GPL-2.0-only */
/* The kinds of open files, for kinds/table.c. */
#ifndef CRIU_LITE_KINDS_KINDS_H
#define CRIU_LITE_KINDS_KINDS_H

#include "core/kind.h"

extern const struct file_kind epoll_kind;
extern const struct file_kind eventfd_kind;
extern const struct file_kind fifo_kind;
extern const struct file_kind inet_kind;
extern const struct file_kind pipe_kind;
extern const struct file_kind regular_kind;
extern const struct file_kind signalfd_kind;
extern const struct file_kind terminal_kind;
extern const struct file_kind timerfd_kind;
extern const struct file_kind unix_kind;

#endif
