// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands: each row joins a word of the command line to its story in
 * engine/. Only what has to do with the command line itself stands here.
 */
#include "front/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/options.h"
#include "engine/attach.h"
#include "engine/check.h"
#include "engine/dump.h"
#include "engine/lazy.h"
#include "engine/page-server.h"
#include "engine/restore.h"
#include "engine/verify.h"
#include "image/json.h"
#include "kinds/table.h"
#include "util/log.h"

static int run_check(const struct options *opts)
{
	return check_run(opts);
}

static int run_dump(const struct options *opts)
{
	if (!opts->pid)
		return log_errno(-EINVAL, "dump: which tree? Say -t PID");
	if (opts->page_server && !opts->port)
		return log_errno(-EINVAL, "dump --page-server: which one? Say --port PORT");
	if (opts->page_server && opts->lazy_pages)
		return log_errno(-EINVAL, "dump: memory goes to a page server (--page-server), or "
				 "is kept until it is asked for (--lazy-pages), not both");
	return dump_run(opts, &kind_table);
}

static int run_lazy_pages(const struct options *opts)
{
	if (opts->page_server && !opts->port)
		return log_errno(-EINVAL, "lazy-pages --page-server: which one? Say --port PORT");
	return opts->attach ? attach_run(opts) : lazy_serve(opts);
}

static int run_page_server(const struct options *opts)
{
	return page_server_run(opts);
}

static int run_restore(const struct options *opts)
{
	return restore_run(opts, &kind_table);
}

static int run_show(const struct options *opts)
{
	int r;

	for (int i = 0; i < opts->n_args; i++) {
		r = image_show(stdout, opts->args[i]);
		if (r < 0)
			return r;
	}
	if (!opts->n_args)
		return log_errno(-EINVAL, "show: which image? Name a FILE or a DIRECTORY");
	return 0;
}

static int run_verify(const struct options *opts)
{
	return verify_run(opts, &kind_table);
}

const struct command command_table[] = {
	{ "check", COMMAND_CHECK, "", "say what this kernel offers", run_check },
	{ "dump", COMMAND_DUMP, "-t PID", "save a process tree to image files", run_dump },
	{ "lazy-pages", COMMAND_LAZY_PAGES, "", "serve the pages of a lazy restore",
	  run_lazy_pages },
	{ "page-server", COMMAND_PAGE_SERVER, "", "receive the pages of a dump on another host",
	  run_page_server },
	{ "restore", COMMAND_RESTORE, "", "bring a saved process tree back", run_restore },
	{ "show", COMMAND_SHOW, "FILE|DIR ...", "print images as JSON", run_show },
	{ "verify", COMMAND_VERIFY, "", "check all images, as a restore does first", run_verify },
	{}
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = command_table; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}
