/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user asked for: filled once by the front, const for all others. */
#ifndef CRIU_LITE_CORE_OPTIONS_H
#define CRIU_LITE_CORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum on_loss {
	ON_LOSS_KILL,
	ON_LOSS_WAIT,
};

struct options {
	int pid;			/* -t: the root of the tree to dump */
	const char *images_dir;		/* -D */
	const char *work_dir;		/* -W; the images directory when absent */
	const char *log_file;		/* -o */
	const char *config;
	bool no_default_config;
	int verbosity;			/* -v: 0 errors only, 2 default, 4 everything */
	const char *pidfile;
	int status_fd;			/* -1: none */
	bool leave_running;
	bool leave_stopped;
	bool shell_job;
	bool allow_edited;		/* images that differ from the inventory's list */
	bool detach;			/* restore -d */
	bool lazy_pages;
	bool on_demand;			/* lazy: no page before it is touched */
	bool record;			/* lazy: save the working set */
	bool many;			/* lazy: any number of restores */
	const char *stats;		/* lazy: where to write what the server did */
	bool json, quiet;		/* lazy-pages: events on stdout; no line on the terminal */
	bool link_remap;		/* files whose name is gone get another one */
	bool page_server;		/* dump: pages go to the one at address and port */
	const char *address;
	int port;			/* 0: none, or any */
	const char *token_file;		/* a secret that dump and lazy-pages share */
	bool tls;			/* on the connections of pages */
	const char *tls_cacert, *tls_cacrl, *tls_cert, *tls_key;	/* NULL: the default ones */
	bool tls_no_cn_verify;		/* who is connected to may have any name */
	int attach;			/* lazy-pages: a task whose server gets another source */
	int retry;			/* lazy-pages: seconds for which a lost dump is looked for */
	int on_loss;			/* lazy-pages: and what then, enum on_loss */
	uint64_t ghost_limit;		/* bytes that a file without a name may have */
	bool all;			/* check --all */
	const char *feature;		/* check --feature */
	/* What follows the options: the object of the command. */
	char **args;
	int n_args;
};

#endif
