// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a lazy-pages server: making and dropping spaces and segments.
 *
 * A userfaultfd is closed here and nowhere else, and only when the memory
 * behind it is gone or has all its content: closing one that still has pages
 * to bring would show its tasks zero pages. When the server fails it exits
 * without closing anything; the guardian, which shares its descriptors, then
 * sees to the tasks (guard.h).
 */
#include "lazy-pages/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pages/source.h"
#include "sys/uffd.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#include "lazy-pages/adopt.h"
#include "lazy-pages/event.h"

/* No segment is longer: it is more than the addresses a task has. */
#define SEGMENT_SIZE_MAX (1ULL << 47)

int server_watch(struct server *server, struct watch *watch)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = watch };

	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, watch->fd, &ev))
		return log_errno(-errno, "lazy-pages: cannot watch descriptor %d", watch->fd);
	return 0;
}

void server_unwatch(struct server *server, struct watch *watch)
{
	/* Fails only where it is not watched. */
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

void server_close_watch(struct server *server, struct watch *watch)
{
	if (watch->fd < 0)
		return;
	server_unwatch(server, watch);
	close(take_fd(&watch->fd));
}

static int set_held(struct server *server, struct lazy_space *sp, bool held)
{
	struct epoll_event ev = { .events = held ? 0 : EPOLLIN, .data.ptr = &sp->watch };

	if (sp->held == held)
		return 0;
	if (epoll_ctl(server->epoll, EPOLL_CTL_MOD, sp->watch.fd, &ev))
		return log_errno(-errno, "%s: cannot watch its userfaultfd", sp->name);
	sp->held = held;
	return 0;
}

int server_hold(struct server *server, struct lazy_space *sp)
{
	return set_held(server, sp, true);
}

int server_resume(struct server *server, struct lazy_space *sp)
{
	return set_held(server, sp, false);
}

bool server_source_lost(const struct server *server)
{
	return server->damaged || (server->fetch && page_fetch_lost(server->fetch));
}

int server_judge_lookup(struct server *server, int err)
{
	if (err != -EBADMSG && err != -EIO)
		return err;
	/* Before that nothing is lost but a restore that can be done again. */
	if (!server->wait_on_loss || !server->complete)
		return err;
	if (!server->damaged)
		log_error("lazy-pages: images are damaged: who touches such pages waits for a good copy "
			  "(criu-lite lazy-pages --attach %d -D DIR)", adopt_pid(server));
	server->damaged = true;
	return -ENODATA;
}

int server_open_source(struct server *server, struct image_dir *dir, int pid,
		       struct page_source **pages)
{
	return server->fetch ? source_remote_open(dir, pid, server->fetch, pages) :
			       source_file_open(dir, IMAGE_PAGEMAP, pid, pages);
}

struct lazy_space *server_add_space(struct server *server, int uffd, int pid,
				    unsigned int serial, struct task_source *source)
{
	struct lazy_space *sp = calloc(1, sizeof(*sp));

	if (!sp) {
		log_errno(-ENOMEM, "task %d: its address space", pid);
		return NULL;
	}
	sp->watch = (struct watch){ .fd = uffd, .ready = event_ready };
	sp->pid = pid;
	sp->pidfd = -1;
	sp->serial = serial;
	snprintf(sp->name, sizeof(sp->name), serial ? "task %d, fork %u" : "task %d", pid,
		 serial);
	sp->source = source;
	sp->holes = (struct hole_streams){ .first = 64 << 10, .max = 2 << 20 };
	space_init(&sp->space);
	if (server_watch(server, &sp->watch)) {
		free(sp);
		return NULL;
	}
	source->refs++;
	TAILQ_INSERT_TAIL(&server->spaces, sp, link);
	return sp;
}

struct lazy_space *server_find_task(struct server *server, uint64_t pid)
{
	struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link)
		if ((uint64_t)sp->pid == pid && !sp->serial)
			return sp;
	return NULL;
}

static void grow_up(struct lazy_space *child)
{
	if (child->parent)
		child->parent->n_young--;
	child->parent = NULL;
}

static void release_children(struct server *server, struct lazy_space *sp)
{
	struct lazy_space *child;

	if (!sp->n_young)
		return;
	TAILQ_FOREACH(child, &server->spaces, link)
		if (child->parent == sp)
			grow_up(child);
}

void server_quiet(struct server *server, struct lazy_space *sp)
{
	space_quiet(&sp->space);
	release_children(server, sp);
}

static void drop_space(struct server *server, struct lazy_space *sp)
{
	log_debug("lazy-pages: %s: %s", sp->name, sp->gone ? "gone" : "has all its memory");
	release_children(server, sp);
	grow_up(sp);
	TAILQ_REMOVE(&server->spaces, sp, link);
	space_fini(&sp->space);
	order_fini(&sp->order);
	if (sp->history)
		history_drop(&server->histories, sp->history);
	free(sp->untold);
	/* Closing is not enough: the task may hold it, too, until restore lets it go. */
	server_unwatch(server, &sp->watch);
	close(sp->watch.fd);
	if (!--sp->source->refs) {
		source_free(sp->source->pages);
		source_free(sp->source->next);
		free(sp->source);
	}
	free(sp->faults);
	free(sp);
}

static void drop_segment(struct server *server, struct lazy_segment *ls)
{
	log_debug("lazy-pages: segment %" PRIu64 ": %s", ls->segment.shmid,
		  segment_done(&ls->segment) ? "complete" : "nobody maps it any more");
	TAILQ_REMOVE(&server->segments, ls, link);
	segment_fini(&ls->segment);
	if (ls->window)
		munmap((void *)(uintptr_t)ls->window, ls->segment.size);
	if (ls->uffd >= 0)
		close(ls->uffd);
	source_free(ls->source);
	source_free(ls->next);
	free(ls);
}

/* All that the images have of a segment is still to come. */
static int find_pending(struct server *server, struct lazy_segment *ls)
{
	uint64_t at = 0;

	while (at < SEGMENT_SIZE_MAX) {
		struct source_run run;
		int err = huge_find(ls->source, at, SEGMENT_SIZE_MAX - at,
				    segment_page(&ls->segment), &run);

		if (!err && run.kind == SOURCE_DATA) {
			err = segment_add(&ls->segment, at, at + run.len);
			server->total_pages += run.len >> PAGE_SHIFT;
		}
		if (err)
			return err;
		at += run.len;
	}
	return 0;
}

struct lazy_segment *server_find_segment(struct server *server, uint64_t shmid)
{
	struct lazy_segment *ls;

	TAILQ_FOREACH(ls, &server->segments, link)
		if (ls->segment.shmid == shmid)
			return ls;
	return NULL;
}

struct lazy_segment *server_segment(struct server *server, uint64_t shmid, unsigned int huge)
{
	struct lazy_segment *ls = server_find_segment(server, shmid);
	int err;

	if (ls && ls->segment.huge != huge) {
		log_error("segment %" PRIu64 ": its pages are of two sizes", shmid);
		return NULL;
	}
	if (ls)
		return ls;
	ls = calloc(1, sizeof(*ls));
	if (!ls) {
		log_errno(-ENOMEM, "segment %" PRIu64, shmid);
		return NULL;
	}
	segment_init(&ls->segment, shmid, huge);
	/* Each page of zeros takes memory there. */
	ls->holes = (struct hole_streams){ .first = PAGE_SIZE, .max = 256 << 10 };
	ls->uffd = -1;
	err = source_file_open(server->images, IMAGE_SHMEM_PAGEMAP, shmid, &ls->source);
	if (!err)
		err = find_pending(server, ls);
	if (err) {
		log_errno(err, "segment %" PRIu64 ": cannot use its page map", shmid);
		source_free(ls->source);
		segment_fini(&ls->segment);
		free(ls);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&server->segments, ls, link);
	return ls;
}

static int check_size(struct lazy_segment *ls, int fd)
{
	const struct range *last;
	struct stat st;

	if (ls->window) {
		log_error("segment %" PRIu64 ": its file came twice", ls->segment.shmid);
		return -EPROTO;
	}
	if (fstat(fd, &st))
		return log_errno(-errno, "segment %" PRIu64 ": cannot stat", ls->segment.shmid);
	last = range_find_below(&ls->segment.map, UINT64_MAX);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (last && last->end > (uint64_t)st.st_size)) {
		log_error("segment %" PRIu64 ": a file of %lld bytes does not fit its page map",
			  ls->segment.shmid, (long long)st.st_size);
		return -EINVAL;
	}
	ls->segment.size = ALIGN_UP((uint64_t)st.st_size, segment_page(&ls->segment));
	return 0;
}

int server_segment_file(struct server *server, struct lazy_segment *ls, int fd)
{
	_cleanup_close_ int file = fd;
	void *window;
	int err = check_size(ls, fd);

	if (err)
		return err;
	window = mmap(NULL, ls->segment.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (window == MAP_FAILED)
		return log_errno(-errno, "segment %" PRIu64 ": cannot map it",
				 ls->segment.shmid);
	ls->window = (uintptr_t)window;
	ls->uffd = uffd_open(ls->segment.huge ? UFFD_FEATURE_MISSING_HUGETLBFS :
						UFFD_FEATURE_MISSING_SHMEM, NULL);
	if (ls->uffd < 0)
		return log_errno(ls->uffd, "segment %" PRIu64 ": no userfaultfd for it",
				 ls->segment.shmid);
	err = uffd_register(ls->uffd, ls->window, ls->segment.size, UFFDIO_REGISTER_MODE_MISSING,
			    NULL);
	if (err)
		return log_errno(err, "segment %" PRIu64 ": cannot track it", ls->segment.shmid);
	return 0;
}

void server_reap(struct server *server)
{
	struct lazy_segment *ls, *next_ls;
	struct lazy_space *sp, *next_sp;

	TAILQ_FOREACH_SAFE(sp, &server->spaces, link, next_sp)
		if (sp->gone ||
		    (server->complete && space_done(&sp->space) && !space_is_behind(sp)))
			drop_space(server, sp);
	if (!server->complete)
		return;
	/* After the spaces: their windows point here. */
	TAILQ_FOREACH_SAFE(ls, &server->segments, link, next_ls)
		if (!ls->segment.windows)
			drop_segment(server, ls);
}
