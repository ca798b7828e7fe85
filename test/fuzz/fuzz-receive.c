// SPDX-License-Identifier: GPL-2.0-only
/*
 * What somebody says to a page server: frames, each with a byte that says how many pages
 * come behind it. A session that was taken left page maps that a restore can load; any
 * other has left nothing.
 */
#include <dirent.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image/dir.h"
#include "pages/frame.h"
#include "pages/pagemap.h"
#include "pages/receive.h"
#include "pages/stream.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

#define RECORD (sizeof(struct page_frame) + 1)
/* What a socket holds, so that nobody has to read meanwhile. */
#define PAGES_MAX 16

static struct image_dir *dir;

static void remove_dir(void)
{
	rmdir(dir->path);
	image_dir_free(dir);
}

static void make_dir(void)
{
	char path[] = "/dev/shm/fuzz-receive.XXXXXX";

	if (dir)
		return;
	if (!mkdtemp(path) || image_dir_open(path, &dir) < 0)
		err(1, "%s", path);
	atexit(remove_dir);
}

static void say(int sock, const void *data, size_t len)
{
	/* What does not fit is not said: the session is cut there. */
	if (send(sock, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
		shutdown(sock, SHUT_WR);
}

static void say_all(int sock, const uint8_t *data, size_t size)
{
	static const char page[PAGE_SIZE] = "page";
	size_t n_pages = 0;

	for (; size >= RECORD; data += RECORD, size -= RECORD) {
		say(sock, data, sizeof(struct page_frame));
		for (int i = data[RECORD - 1]; i && n_pages < PAGES_MAX; i--, n_pages++)
			say(sock, page, sizeof(page));
	}
	say(sock, data, size);
	shutdown(sock, SHUT_WR);
}

static void load(const char *name)
{
	static const char shared[] = "pagemap-shmem-", private[] = "pagemap-";
	bool is_shared = !strncmp(name, shared, strlen(shared));
	const char *key = name + strlen(is_shared ? shared : private);
	struct page_map *map;

	if (strncmp(name, private, strlen(private)))
		return;
	if (page_map_load(dir, is_shared ? IMAGE_SHMEM_PAGEMAP : IMAGE_PAGEMAP,
			  strtoull(key, NULL, 10), &map) < 0)
		abort();
	page_map_free(map);
}

/* Looks at what was left, and removes it. */
static void look(bool taken)
{
	DIR *list = opendir(dir->path);
	struct dirent *e;

	if (!list)
		err(1, "%s", dir->path);
	while ((e = readdir(list))) {
		if (e->d_name[0] == '.')
			continue;
		if (!taken)
			abort();
		load(e->d_name);
	}
	rewinddir(list);
	while ((e = readdir(list)))
		if (e->d_name[0] != '.')
			unlinkat(dir->fd, e->d_name, 0);
	closedir(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream stream;
	int pair[2];

	target_silence();
	make_dir();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	say_all(pair[0], data, size);
	stream = stream_plain(pair[1]);
	look(page_receive(&stream, dir) == 0);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
