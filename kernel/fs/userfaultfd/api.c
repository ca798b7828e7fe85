// SPDX-License-Identifier: GPL-2.0-only
/*
 * UFFDIO_API: the handshake, which succeeds once in a context's life.
 */
#include <linux/capability.h>
#include <linux/kernel.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"

/* Features that not every configuration has. */
static const struct {
	unsigned int features;
	bool there_is;
} feature_table[] = {
	{ UFFD_FEATURE_MINOR_HUGETLBFS | UFFD_FEATURE_MINOR_SHMEM,
	  IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_MINOR) },
	{ UFFD_FEATURE_PAGEFAULT_FLAG_WP, IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP) },
	/* These remember protection by markers. */
	{ UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC,
	  IS_ENABLED(CONFIG_PTE_MARKER_UFFD_WP) },
};

static u64 features_there_are(void)
{
	u64 features = UFFD_API_FEATURES;
	int i;

	for (i = 0; i < ARRAY_SIZE(feature_table); i++)
		if (!feature_table[i].there_is)
			features &= ~(u64)feature_table[i].features;
	return features;
}

static int check_wanted(const struct uffdio_api *api)
{
	if (api->api != UFFD_API || (api->features & ~features_there_are()))
		return -EINVAL;
	/* It puts descriptors of other processes into the reader's table. */
	if ((api->features & UFFD_FEATURE_EVENT_FORK) && !capable(CAP_SYS_PTRACE))
		return -EPERM;
	return 0;
}

/* From here on the context works. Only one of several callers gets there. */
static int agree_on(struct userfaultfd_ctx *ctx, unsigned int features)
{
	if (features & UFFD_FEATURE_WP_ASYNC)
		features |= UFFD_FEATURE_WP_UNPOPULATED;
	if (cmpxchg(&ctx->features, 0, features | UFFD_FEATURE_INITIALIZED))
		return -EINVAL;
	return 0;
}

long uffd_ioctl_api(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_api api;
	unsigned int wanted;
	int error;

	if (copy_from_user(&api, argument, sizeof(api)))
		return -EFAULT;
	wanted = api.features;
	error = check_wanted(&api);
	if (!error) {
		/* Before the argument changes: after a signal, it is read again. */
		error = uffd_notifier_register(ctx);
		if (error)
			return error == -EINTR ? -ERESTARTNOINTR : error;
		api.features = features_there_are();
		api.ioctls = UFFD_API_IOCTLS;
	} else {
		/* How a program learns that it has to ask for less. */
		api = (struct uffdio_api){};
	}
	if (copy_to_user(argument, &api, sizeof(api)))
		return -EFAULT;
	return error ?: agree_on(ctx, wanted);
}
