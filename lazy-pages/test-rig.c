// SPDX-License-Identifier: GPL-2.0-only
/* What the tests of the server share. */
#include "lazy-pages/test-rig.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/dir.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "pages/handoff.h"
#include "pages/sink.h"
#include "pages/source.h"
#include "sys/proc_tasks.h"
#include "sys/syscall.h"
#include "sys/uffd.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

void rig_check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "# %d: %s: %s\n", getpid(), what, strerror(errno));
	_exit(99);
}

bool rig_possible(void)
{
	int fd = uffd_open(UFFD_FEATURES_NONCOOP | UFFD_FEATURE_MISSING_SHMEM, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0 && geteuid() == 0;
}

bool rig_changes_traced(void)
{
	struct histories histories;
	bool traced = !histories_open(&histories);

	histories_close(&histories);
	return traced;
}

void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->dir, sizeof(rig->dir), "/dev/shm/lazy-test-XXXXXX");
	rig_check(mkdtemp(rig->dir), "mkdtemp");
	rig_check(!image_dir_open(rig->dir, &rig->images), "image_dir_open");
	/* Orphans of the tests are ours to reap. */
	rig_check(!prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper");
	if (getenv("LAZY_TEST_VERBOSE"))
		log_set_threshold(LOG_LEVEL_DEBUG);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void rig_fini(struct rig *rig)
{
	if (rig->server) {
		kill(rig->server, SIGKILL);
		waitpid(rig->server, NULL, 0);
	}
	image_dir_free(rig->images);
	nftw(rig->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	return x ^ (x >> 29);
}

uint64_t rig_tag(uint64_t addr)
{
	uint64_t page = addr >> PAGE_SHIFT;

	/* A quarter of the pages, in runs of eight, is not in the image. */
	return mix(page >> 3) % 4 ? page + 1 : 0;
}

void rig_fill_page(void *page, uint64_t tag)
{
	uint64_t *word = page;

	for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		word[i] = tag ? tag + (i << 52) : 0;
}

uint64_t rig_page_tag(const void *page)
{
	const volatile uint64_t *word = page;
	uint64_t tag = word[0];

	for (size_t i = 1; i < PAGE_SIZE / sizeof(*word); i++)
		if (word[i] != (tag ? tag + (i << 52) : 0))
			return RIG_TAG_BROKEN;
	return tag;
}

static void write_pages(struct page_sink *sink, uint64_t start, size_t n_pages)
{
	char page[PAGE_SIZE];

	for (size_t i = 0; i < n_pages; i++) {
		uint64_t addr = start + i * PAGE_SIZE;

		if (!rig_tag(addr))
			continue;
		rig_fill_page(page, rig_tag(addr));
		rig_check(!page_sink_extent(sink, addr, 1, PAGE_PRESENT | PAGE_LAZY) &&
			  !page_sink_data(sink, page, PAGE_SIZE), "page sink");
	}
}

void rig_write_task(struct rig *rig, int pid, unsigned int n_areas, size_t n_pages)
{
	struct page_sink *sink;

	rig_check(!page_sink_open(rig->images, NULL, IMAGE_PAGEMAP, pid, ++rig->n_pages_files,
				  &sink), "page_sink_open");
	for (unsigned int i = 0; i < n_areas; i++)
		write_pages(sink, RIG_BASE + i * RIG_STRIDE, n_pages);
	rig_check(!page_sink_close(sink), "page_sink_close");
}

void rig_write_segment(struct rig *rig, uint64_t shmid, size_t n_pages)
{
	struct page_sink *sink;

	rig_check(!page_sink_open(rig->images, NULL, IMAGE_SHMEM_PAGEMAP, shmid,
				  ++rig->n_pages_files, &sink), "page_sink_open");
	write_pages(sink, 0, n_pages);
	rig_check(!page_sink_close(sink), "page_sink_close");
}

void rig_commit(struct rig *rig)
{
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;

	inventory.img_version = 2;
	rig_check(!image_dir_commit(rig->images, &inventory), "image_dir_commit");
}

struct lazy_space *rig_serve(const struct rig *rig, struct server *server,
			     const struct fill_ops *fill, int uffd)
{
	struct task_source *source = calloc(1, sizeof(*source));
	struct lazy_space *sp;

	*server = (struct server){
		.images = rig->images, .fill = fill,
		.epoll = epoll_create1(EPOLL_CLOEXEC), .complete = true,
		.spaces = TAILQ_HEAD_INITIALIZER(server->spaces),
		.segments = TAILQ_HEAD_INITIALIZER(server->segments),
		.chunk = SERVE_CHUNK_MIN,
	};
	rig_check(!source_file_open(rig->images, IMAGE_PAGEMAP, RIG_PID, &source->pages),
		  "source");
	sp = server_add_space(server, uffd, RIG_PID, 0, source);
	rig_check(sp, "space");
	return sp;
}

void rig_serve_end(struct server *server)
{
	TAILQ_FIRST(&server->spaces)->gone = true;
	server_reap(server);
	working_set_fini(&server->working_set);
	close(server->epoll);
}

void rig_start(struct rig *rig, enum lazy_background background)
{
	struct lazy_options opts = { .images_dir = rig->dir, .background = background,
				     .session_fd = -1 };
	int status[2];
	char byte = 1;

	rig_check(!pipe(status), "pipe");
	fflush(stdout);
	rig->server = fork();
	rig_check(rig->server >= 0, "fork");
	if (!rig->server) {
		close(status[0]);
		opts.status_fd = status[1];
		_exit(lazy_pages_run(&opts));
	}
	close(status[1]);
	rig_check(read(status[0], &byte, 1) == 1 && !byte, "the server is not ready");
	close(status[0]);
}

int rig_wait(struct rig *rig)
{
	int status;

	rig_check(waitpid(rig->server, &status, 0) == rig->server, "waitpid");
	rig->server = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t rig_worker(const struct rig *rig)
{
	for (int i = 0; i < 1000; i++) {
		_cleanup_free_ pid_t *children = NULL;
		size_t n = 0;

		rig_check(!proc_children_read(rig->server, &children, &n), "worker");
		if (n)
			return children[0];
		usleep(1000);
	}
	rig_check(false, "no worker");
	return -1;
}

void rig_map_areas(unsigned int n_areas, size_t n_pages)
{
	for (unsigned int i = 0; i < n_areas; i++) {
		void *at = (void *)(uintptr_t)(RIG_BASE + i * RIG_STRIDE);

		rig_check(mmap(at, n_pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "mmap");
	}
}

void rig_hand_over(int sock, int pid, unsigned int n_areas, size_t n_pages)
{
	_cleanup_free_ struct handoff_range *ranges = calloc(n_areas, sizeof(*ranges));
	const uint64_t order = uffd_numbers_events() ? UFFD_FEATURE_EVENT_ORDER : 0;
	_cleanup_close_ int uffd = uffd_open(UFFD_FEATURES_NONCOOP | order, NULL);
	_cleanup_close_ int pidfd = sys_pidfd_open(getpid(), 0);

	rig_check(uffd >= 0 && pidfd >= 0 && ranges, "descriptors");
	for (unsigned int i = 0; i < n_areas; i++) {
		uint64_t at = RIG_BASE + i * RIG_STRIDE, len = n_pages * PAGE_SIZE;

		rig_check(!uffd_register(uffd, at, len, UFFDIO_REGISTER_MODE_MISSING, NULL),
			  "register");
		ranges[i] = (struct handoff_range){
			.start = at, .end = at + len, .kind = HANDOFF_PRIVATE, .source = at,
		};
	}
	rig_check(!handoff_send_task(sock, pid, uffd, pidfd, ranges, n_areas), "send_task");
}

int rig_connect(const struct rig *rig)
{
	_cleanup_close_ int dir = open(rig->dir, O_RDONLY | O_DIRECTORY);
	int sock = handoff_connect(dir);

	rig_check(sock >= 0, "handoff_connect");
	rig_check(!handoff_greet(sock) && !handoff_answered(sock, -1), "greet");
	return sock;
}

void rig_become_lazy(const struct rig *rig, unsigned int n_areas, size_t n_pages)
{
	_cleanup_close_ int sock = rig_connect(rig);

	rig_map_areas(n_areas, n_pages);
	rig_hand_over(sock, RIG_PID, n_areas, n_pages);
	rig_check(!handoff_complete(sock, -1, 1), "handoff_complete");
}
