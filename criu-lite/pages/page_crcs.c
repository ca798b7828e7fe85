// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums of pages. They are made from the page cache when a pages file is
 * complete: its bytes come by splice(2), and are never in our hands.
 */
#include "pages/page_crcs.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/dir.h"
#include "util/cleanup.h"
#include "util/crc32c.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* Pages at once. */
#define CHUNK 2048UL

static int write_chunk(int to, int fd, uint64_t first, size_t n)
{
	uint32_t crcs[CHUNK];
	void *pages = mmap(NULL, n << PAGE_SHIFT, PROT_READ, MAP_SHARED, fd,
			   first << PAGE_SHIFT);

	if (pages == MAP_FAILED)
		return -errno;
	crc32c_pages(pages, n, crcs);
	munmap(pages, n << PAGE_SHIFT);
	for (size_t i = 0; i < n; i++)
		crcs[i] = htole32(crcs[i]);
	return write_all(to, crcs, n * sizeof(*crcs));
}

int page_crcs_write(struct image_dir *dir, uint32_t pages_id, int fd, uint64_t n)
{
	_cleanup_close_ int to = image_open_raw(dir, IMAGE_PAGE_CRCS, pages_id,
						O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
	int err = 0;

	if (to < 0)
		return to;
	for (uint64_t at = 0; !err && at < n; at += CHUNK)
		err = write_chunk(to, fd, at, MIN(n - at, CHUNK));
	/* Network filesystems report here that a write did not reach them. */
	if (close(take_fd(&to)) && !err)
		err = -errno;
	return err ? log_errno(err, "pages-crc-%u: cannot write", pages_id) : 0;
}

int page_crcs_open(struct image_dir *dir, uint32_t pages_id, uint64_t n, int *fd)
{
	_cleanup_close_ int file = image_open_raw(dir, IMAGE_PAGE_CRCS, pages_id,
						  O_RDONLY | O_CLOEXEC);
	struct stat st;

	*fd = -1;
	if (file == -ENOENT) {
		log_warn("%s/pages-crc-%u.img is missing: what is in pages-%u.img is taken as it "
			 "is", dir->path, pages_id, pages_id);
		return 0;
	}
	if (file < 0)
		return file;
	if (fstat(file, &st))
		return log_errno(-errno, "pages-crc-%u: cannot stat", pages_id);
	if ((uint64_t)st.st_size != n * sizeof(uint32_t))
		return log_errno(-EINVAL, "pages-crc-%u: has %" PRIu64 " bytes, which is not that "
				 "of %" PRIu64 " pages", pages_id, (uint64_t)st.st_size, n);
	*fd = take_fd(&file);
	return 0;
}

size_t page_crcs_differ(const uint32_t *crcs, const void *data, size_t n)
{
	const char *pages = data;

	for (size_t at = 0; at < n; at += CHUNK) {
		size_t part = MIN(n - at, CHUNK);
		uint32_t found[CHUNK];

		crc32c_pages(pages + (at << PAGE_SHIFT), part, found);
		for (size_t i = 0; i < part; i++)
			if (found[i] != le32toh(crcs[at + i]))
				return at + i;
	}
	return n;
}
