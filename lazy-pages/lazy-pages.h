/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lazy-pages server: brings the memory of lazily restored tasks, each page
 * when it is first touched and the rest in the background. What an earlier
 * restore has recorded comes first.
 */
#ifndef LAZY_PAGES_LAZY_PAGES_H
#define LAZY_PAGES_LAZY_PAGES_H

#include <stdbool.h>
#include <stdint.h>

/* Which pages are brought before anybody asks for them. */
enum lazy_background {
	LAZY_LINEAR,			/* all, in the order of their addresses */
	LAZY_NONE,			/* none: the server stays as long as its tasks do */
};

struct tls_files;

struct lazy_options {
	const char *images_dir;		/* -D */
	const char *work_dir;		/* -W: the socket is here; NULL: the images directory */
	/*
	 * One NUL byte is written here, and it is closed, when restore may
	 * connect; -1: none.
	 */
	int status_fd;
	/*
	 * The connection to the restore that started this server for itself, taken: nobody
	 * else can connect. -1: the user started it.
	 */
	int session_fd;
	enum lazy_background background;
	/* Saves the working set in the images directory at the end; only with LAZY_NONE. */
	bool record;
	bool many;			/* any number of restores, until SIGTERM */
	const char *stats;		/* what was done is written there, as JSON; NULL: nowhere */
	bool json;			/* what happens is written to stdout */
	bool quiet;			/* and nothing to a terminal but the log */
	/* The dump that still has the pages which the images leave out; NULL: none. */
	const char *server_address;
	uint16_t server_port;
	const char *token_file;		/* what proves who is who; NULL: nothing */
	const struct tls_files *tls;	/* NULL: without */
	unsigned int retry;		/* seconds: a dump that is not there, or lost, is looked for */
	/* And then, too, and when images are damaged, tasks wait; else the tree is killed. */
	bool on_loss_wait;
};

/*
 * Serves one restore, or many, in the calling process (the guardian) and a child of it
 * that does the work. Returns when everything is delivered or gone: the exit
 * status for the process, 0 or 1. On 1 the restored tasks were killed, if
 * there were any: they never read a page that is not theirs.
 *
 * The process must be single-threaded and have no children that it waits for
 * by -1. SIGTERM, SIGINT, SIGHUP and SIGQUIT end it as soon as all pages are delivered, or at
 * once when no task was handed over.
 */
int lazy_pages_run(const struct lazy_options *opts);

#endif
