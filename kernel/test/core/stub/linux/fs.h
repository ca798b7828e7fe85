/* SPDX-License-Identifier: GPL-2.0-only */
/* Files: as much of them as a reader looks at. */
#pragma once

#include <fcntl.h>
#include <linux/err.h>
#include <linux/types.h>

#define IOCB_NOWAIT 8

struct inode {
	int unused;
};

struct file {
	unsigned int f_flags;
	void *private_data;
	struct inode inode;
};

struct kiocb {
	struct file *ki_filp;
	int ki_flags;
};

#define file_inode(file) (&(file)->inode)
