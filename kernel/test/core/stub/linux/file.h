/* SPDX-License-Identifier: GPL-2.0-only */
/* The descriptor table, which the tests count. */
#pragma once

#include <linux/fs.h>

int get_unused_fd_flags(unsigned int flags);
void put_unused_fd(unsigned int fd);
void fd_install(unsigned int fd, struct file *file);
