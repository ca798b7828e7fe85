/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the server share: images written by hand, a server, and
 * tasks with armed memory, without any restore.
 *
 * Every page of the images holds a tag that says which page it is, in all of
 * its words, so that a stale, foreign or half page shows.
 */
#ifndef LAZY_PAGES_TEST_RIG_H
#define LAZY_PAGES_TEST_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/catalogue.h"
#include "lazy-pages/lazy-pages.h"

#define RIG_PID 42			/* the key of the task's images */
#define RIG_SHMID 77
#define RIG_BASE 0x200000000000ULL	/* where areas are, in all tasks */
#define RIG_STRIDE (1ULL << 30)
#define RIG_TAG_BROKEN UINT64_MAX	/* no page that was ever written */

struct fill_ops;
struct image_dir;
struct lazy_space;
struct server;

struct rig {
	char dir[64];
	struct image_dir *images;
	uint32_t n_pages_files;
	pid_t server;			/* the guardian; 0: none */
};

/* Whether this machine lets us: root, userfaultfd with events. */
bool rig_possible(void);
/* Whether the kernel's tracepoints tell the order of changes (history.h). */
bool rig_changes_traced(void);
void rig_init(struct rig *rig);
/* Kills what is left of the server and removes the directory. */
void rig_fini(struct rig *rig);

/* The tag of the page at @addr (or offset) of an image; 0 where it has a hole. */
uint64_t rig_tag(uint64_t addr);
void rig_fill_page(void *page, uint64_t tag);
/* The tag that a page holds: 0 when it is zero, RIG_TAG_BROKEN when torn. */
uint64_t rig_page_tag(const void *page);

/* Images of @n_areas areas of @n_pages pages, at RIG_BASE + i * RIG_STRIDE. */
void rig_write_task(struct rig *rig, int pid, unsigned int n_areas, size_t n_pages);
/* Images of a segment. */
void rig_write_segment(struct rig *rig, uint64_t shmid, size_t n_pages);
/* Ends the images; a server may be started. */
void rig_commit(struct rig *rig);

/* A server in this process, which has one space, of @uffd: that is taken. The space. */
struct lazy_space *rig_serve(const struct rig *rig, struct server *server,
			     const struct fill_ops *fill, int uffd);
/* Its memory is gone, and so is the server. */
void rig_serve_end(struct server *server);

void rig_start(struct rig *rig, enum lazy_background background);
/* The exit status of the server (the guardian), waited for; -1: killed by a signal. */
int rig_wait(struct rig *rig);
/* The process that does the work. */
pid_t rig_worker(const struct rig *rig);

/* In a task: maps the areas, empty. */
void rig_map_areas(unsigned int n_areas, size_t n_pages);
/* Arms the areas, hands them over as task @pid through @sock. */
void rig_hand_over(int sock, int pid, unsigned int n_areas, size_t n_pages);
int rig_connect(const struct rig *rig);
/* All of it, for a single task. */
void rig_become_lazy(const struct rig *rig, unsigned int n_areas, size_t n_pages);

/* Ends the process with a message when @ok is not true: for tasks. */
void rig_check(bool ok, const char *what);

#endif
