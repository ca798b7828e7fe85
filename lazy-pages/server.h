/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a lazy-pages server: one restore's address spaces and segments.
 *
 * All of it is used by one thread (loop.c), which is what keeps a fill and the
 * reading of events apart: no fill is in flight while a userfaultfd is read,
 * and every fill is decided from the map as it stands after that.
 */
#ifndef LAZY_PAGES_SERVER_H
#define LAZY_PAGES_SERVER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/inventory.pb-c.h"
#include "lazy-pages/fill.h"
#include "lazy-pages/history.h"
#include "lazy-pages/hole.h"
#include "lazy-pages/huge.h"
#include "lazy-pages/order.h"
#include "lazy-pages/place.h"
#include "lazy-pages/segment.h"
#include "lazy-pages/space.h"
#include "lazy-pages/stats.h"
#include "lazy-pages/working-set.h"
#include "pages/attach.h"
#include "pages/fetch.h"
#include "pages/hello.h"
#include "pages/stream.h"
#include "pages/token.h"

struct image_dir;
struct page_fetch;
struct tls;
struct page_source;
struct server;

/* Something that epoll waits for; embedded in what it belongs to. */
struct watch {
	int fd;				/* -1: closed */
	/* Returns 0, or -errno (logged), which ends the server. */
	int (*ready)(struct server *server, struct watch *watch, uint32_t events);
};

/* The page source of a task, shared with the children it forks. */
struct task_source {
	struct page_source *pages;
	struct page_source *next;	/* adopt.c: is to take its place; NULL: none */
	unsigned int refs;		/* spaces */
};

/* What the source was last asked to bring near, in its own addresses. */
struct ahead {
	uint64_t start, end;
};

struct lazy_fault {
	uint64_t addr;
	uint64_t read_ns;		/* when, by clock_ns() */
	bool damaged;			/* what the source has there is: waits for another */
};

struct lazy_space {
	TAILQ_ENTRY(lazy_space) link;
	struct watch watch;		/* its userfaultfd */
	struct space space;
	struct event_order order;
	struct history *history;	/* of its changes; NULL: the kernel does not tell */
	/* With a history: events that were read, until it is quiet and their order is known. */
	struct placed_event *untold;
	size_t n_untold, cap_untold;
	struct task_source *source;
	int pid;			/* the task it is or descends from, as in the images */
	int pidfd;			/* of that task, the server's; -1: a forked child's space */
	unsigned int serial;		/* 0: handed over; else counts the forks of all tasks */
	/*
	 * While events that are older than the fork may still come to the
	 * parent: who it is. NULL: that is over, or the parent is.
	 */
	struct lazy_space *parent;
	unsigned int n_young;		/* spaces that have this one as their parent */
	char name[48];			/* for the log: "task 7" */
	uint32_t ranges_due;		/* that the handoff announced and did not bring yet */
	struct lazy_fault *faults;	/* that were read and not answered */
	size_t n_faults, cap_faults;
	uint64_t cursor;		/* where the background goes on */
	struct ahead ahead;
	struct hole_streams holes;
	bool deferred;			/* was told to come back later */
	bool held;			/* not read for now; tried again like deferred work */
	bool gone;			/* its memory is no more */
	bool warned;			/* about a lack of memory */
};

/*
 * The server's hold on a segment: a mapping of its own, with a userfaultfd of
 * its own. A page filled there is in the segment's page cache, for everyone.
 * It makes segments independent of who maps what, and when.
 */
struct lazy_segment {
	TAILQ_ENTRY(lazy_segment) link;
	struct segment segment;
	struct page_source *source;
	struct page_source *next;	/* as in struct task_source */
	uint64_t window;		/* address of the mapping; 0: its file has not come yet */
	int uffd;
	uint64_t cursor;
	struct ahead ahead;
	struct hole_streams holes;
};

/* Whether it matters that no event is on its way to the space any more. */
static inline bool space_needs_quiet(const struct lazy_space *sp)
{
	return sp->n_young || sp->n_untold || space_unsettled(&sp->space);
}

/* Whether events were read that are not in the map yet: what it looks like is not known. */
static inline bool space_is_behind(const struct lazy_space *sp)
{
	return sp->n_untold || order_waits(&sp->order);
}

/* Those of a dump and of what it builds on, as they are in their files; a length before each. */
struct inventories {
	char *bytes;
	size_t len;			/* 0: unknown */
};

/* Who brings another source of pages: adopt.c. */
struct adoption {
	struct watch listener, peer;
	struct watch greet;		/* a page server that is said hello to, over this */
	struct stream stream;
	struct hello hello;
	enum attach_type kind;		/* what the peer may give; 0: nothing */
	char name[ATTACH_TEXT_SIZE];	/* of what it gives, for the log */
	struct inventories inventories;
	InventoryEntry *listed;	/* of the images that were attached; NULL: none were */
};

TAILQ_HEAD(lazy_space_list, lazy_space);
TAILQ_HEAD(lazy_segment_list, lazy_segment);

struct server {
	struct image_dir *images;
	const struct fill_ops *fill;
	struct huge_bytes huge;
	int epoll;
	int workdir_fd;
	struct watch listener;		/* waits for restore */
	struct watch session;		/* restore */
	struct watch signals;
	struct watch guardian;		/* its pidfd */
	struct watch remote;		/* the connection of the fetch */
	struct token token;		/* what it proves itself with */
	struct tls *tls;		/* and what hides it; NULL: nothing */
	struct fetch_options fetch_options;
	struct page_fetch *fetch;	/* asks the dump for what it still has; NULL: all is here */
	struct adoption adoption;
	struct lazy_space_list spaces;
	struct lazy_segment_list segments;
	struct histories histories;	/* of the spaces, where the kernel tells */
	struct watch *rings;		/* and what it tells them through */
	int *pidfds;			/* of all tasks; open to the end: the guardian needs them */
	size_t n_pidfds, cap_pidfds;
	int guardian_pid;
	bool wait_on_loss;		/* for another source; else the tree is killed */
	bool damaged;			/* pages of the images are: none are brought ahead */
	bool greeted;			/* restore said hello */
	bool complete;			/* all was handed over */
	bool running;			/* restore said that nothing can go wrong with it any more */
	bool stopping;			/* asked to end as soon as nothing is left */
	const char *stats_name;		/* of the file below workdir_fd; NULL: none */
	bool demand_only;		/* no background filling */
	bool recording;			/* the working set is what is touched; else it is brought */
	struct working_set working_set;
	size_t replayed;		/* pieces of it that were brought, or passed over */
	uint64_t chunk;			/* bytes that the background fills at once, not 0 */
	uint64_t calm;			/* bytes that it has filled since the last fault */
	uint64_t retry_ns;		/* how long deferred work waits */
	uint64_t retried_ns;		/* when it was last tried; CLOCK_MONOTONIC */
	uint64_t total_pages;		/* that the restored tree had to get */
	bool on_terminal;		/* somebody watches: progress.h */
	uint64_t shown_ns;		/* when it was last shown, by clock_ns(); 0: never */
	bool reporting;			/* a program watches: report.h */
	uint64_t reported_ns;		/* when it last heard how far it is */
	bool reported_lost;		/* it knows that the source is lost */
	struct lazy_stats stats;
};

/*
 * A space for @uffd, which it takes; watched from here on. @serial 0: of the
 * task @pid itself. @source gets one more reference. NULL: failed, logged.
 */
struct lazy_space *server_add_space(struct server *server, int uffd, int pid,
				    unsigned int serial, struct task_source *source);
/* The source of the pages of task @pid in @dir. 0 or -errno, logged but for -ENOENT. */
int server_open_source(struct server *server, struct image_dir *dir, int pid,
		       struct page_source **pages);
/* The space of the task itself, not of its children; NULL: it was not handed over, or dropped. */
struct lazy_space *server_find_task(struct server *server, uint64_t pid);
/* NULL: it was not mentioned, or dropped. */
struct lazy_segment *server_find_segment(struct server *server, uint64_t shmid);
/*
 * The segment, made when this is its first mention; @huge: as in struct range. NULL:
 * failed, logged.
 */
struct lazy_segment *server_segment(struct server *server, uint64_t shmid, unsigned int huge);
/* Gives a segment its file, from which it maps it. Takes @fd. 0 or -errno, logged. */
int server_segment_file(struct server *server, struct lazy_segment *ls, int fd);

/* Pages do not come for now: their source is looked for. */
bool server_source_lost(const struct server *server);

/*
 * A lookup came to @err. -ENODATA, and server->damaged is set: whoever needs that page waits for
 * another source. Else @err: there is no going on, or (-EAGAIN) no need for it.
 */
int server_judge_lookup(struct server *server, int err);

/* No event is on its way to the space: also none that its children should know of. */
void server_quiet(struct server *server, struct lazy_space *sp);

/*
 * Drops spaces that are gone, and, once the handoff is complete, spaces and
 * segments that have all they need: their userfaultfd is closed and their
 * tasks run at full speed again.
 */
void server_reap(struct server *server);

/* Watches for input. @watch->fd and ready are set. 0 or -errno, logged. */
int server_watch(struct server *server, struct watch *watch);
void server_unwatch(struct server *server, struct watch *watch);
/* The same, and closes it, if it is open. */
void server_close_watch(struct server *server, struct watch *watch);
/* Stops and resumes watching a space's userfaultfd (sp->held). 0 or -errno, logged. */
int server_hold(struct server *server, struct lazy_space *sp);
int server_resume(struct server *server, struct lazy_space *sp);

#endif
