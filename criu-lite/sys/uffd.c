// SPDX-License-Identifier: GPL-2.0-only
/*
 * Userfaultfd ioctls.
 *
 * Copy and zeropage tell in their argument how far they came: a count, or the
 * error once more. A count below what was asked comes with EAGAIN.
 */
#include "sys/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sys/proc.h"
#include "sys/proc_fdinfo.h"
#include "sys/syscall.h"
#include "util/cleanup.h"
#include "util/scan.h"

/*
 * Who may not use the system call may still have been given the device
 * (Linux 6.1).
 */
static int open_any(void)
{
	_cleanup_close_ int dev = -1;
	int fd = sys_userfaultfd(O_CLOEXEC | O_NONBLOCK);

	if (fd != -EPERM)
		return fd;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -EPERM;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int uffd_open(uint64_t features, uint64_t *supported)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	_cleanup_close_ int fd = open_any();

	if (fd < 0)
		return fd;
	if (ioctl(fd, UFFDIO_API, &api) < 0)
		return -errno;
	if (supported)
		*supported = api.features;
	return take_fd(&fd);
}

int uffd_features(int uffd, uint64_t *features)
{
	_cleanup_free_ char *text = NULL;
	int r = proc_read(getpid(), &text, NULL, "fdinfo/%d", uffd);
	const char *p;
	uint64_t api;

	if (r < 0)
		return r;
	/* "API:\taa:FEATURES:IOCTLS" */
	p = fdinfo_field(text, "API:");
	if (!p)
		return -ENOENT;
	return scan_u64(&p, 16, &api) && scan_text(&p, ":") && scan_u64(&p, 16, features) ?
	       0 : -EINVAL;
}

bool uffd_numbers_events(void)
{
	_cleanup_close_ int fd = uffd_open(UFFD_FEATURES_NONCOOP | UFFD_FEATURE_EVENT_ORDER, NULL);

	return fd >= 0;
}

int uffd_register(int uffd, uint64_t start, uint64_t len, uint64_t mode, uint64_t *ioctls)
{
	struct uffdio_register reg = {
		.range = { .start = start, .len = len },
		.mode = mode,
	};

	if (ioctl(uffd, UFFDIO_REGISTER, &reg) < 0)
		return -errno;
	if (ioctls)
		*ioctls = reg.ioctls;
	return 0;
}

int uffd_unregister(int uffd, uint64_t start, uint64_t len)
{
	struct uffdio_range range = { .start = start, .len = len };

	return ioctl(uffd, UFFDIO_UNREGISTER, &range) < 0 ? -errno : 0;
}

int uffd_copy(int uffd, uint64_t dst, const void *src, uint64_t len, uint64_t mode,
	      uint64_t *done)
{
	struct uffdio_copy copy = {
		.dst = dst, .src = (uintptr_t)src, .len = len, .mode = mode,
	};
	int r = ioctl(uffd, UFFDIO_COPY, &copy) < 0 ? -errno : 0;

	*done = copy.copy > 0 ? copy.copy : 0;
	return r;
}

int uffd_zeropage(int uffd, uint64_t dst, uint64_t len, uint64_t mode, uint64_t *done)
{
	struct uffdio_zeropage zero = {
		.range = { .start = dst, .len = len },
		.mode = mode,
	};
	int r = ioctl(uffd, UFFDIO_ZEROPAGE, &zero) < 0 ? -errno : 0;

	*done = zero.zeropage > 0 ? zero.zeropage : 0;
	return r;
}

int uffd_wake(int uffd, uint64_t start, uint64_t len)
{
	struct uffdio_range range = { .start = start, .len = len };

	return ioctl(uffd, UFFDIO_WAKE, &range) < 0 ? -errno : 0;
}
