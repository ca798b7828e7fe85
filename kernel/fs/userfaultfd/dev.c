// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/userfaultfd: descriptors for whom the file's permissions let open it.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>

#include "internal.h"

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long flags)
{
	return cmd == USERFAULTFD_IOC_NEW ? uffd_open(flags) : -EINVAL;
}

static const struct file_operations dev_ops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= dev_ioctl,
	/* The argument is a number. */
	.compat_ioctl	= dev_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice dev = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "userfaultfd",
	.fops		= &dev_ops,
};

static int __init dev_init(void)
{
	return misc_register(&dev);
}
fs_initcall(dev_init);
