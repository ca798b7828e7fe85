// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option table and its parser. Names, letters and meanings are those that
 * CRIU's users know; an option of CRIU's that is not covered is refused by
 * name, so that no script believes it to be at work.
 */
#include "front/option.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "front/command.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/parse.h"

#define FIELD(name) offsetof(struct options, name)
#define DUMP COMMAND_DUMP
#define RESTORE COMMAND_RESTORE
#define LAZY COMMAND_LAZY_PAGES
#define SERVER COMMAND_PAGE_SERVER
#define VERIFY COMMAND_VERIFY

const struct option_row option_table[] = {
	{ "action-script", 0, OPTION_REFUSED, COMMAND_ALL, "FILE", NULL, 0 },
	{ "address", 0, OPTION_STRING, DUMP | LAZY | SERVER, "ADDRESS",
	  "where the page server is (default: 127.0.0.1)", FIELD(address) },
	{ "all", 0, OPTION_BOOL, COMMAND_CHECK, NULL, "check the optional features too",
	  FIELD(all) },
	{ "allow-edited", 0, OPTION_BOOL, RESTORE | VERIFY, NULL,
	  "take images that were changed after the dump", FIELD(allow_edited) },
	{ "allow-uprobes", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "attach", 0, OPTION_PID, LAZY, "PID",
	  "give who serves the tree of task PID another source: -D, or --page-server",
	  FIELD(attach) },
	{ "auto-dedup", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "config", 0, OPTION_STRING, COMMAND_ALL, "FILE", "read options from FILE",
	  FIELD(config) },
	{ "cpu-cap", 0, OPTION_REFUSED, COMMAND_ALL, "CAP", NULL, 0 },
	{ "empty-ns", 0, OPTION_REFUSED, COMMAND_ALL, "NS", NULL, 0 },
	{ "evasive-devices", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "external", 0, OPTION_REFUSED, COMMAND_ALL, "RESOURCE", NULL, 0 },
	{ "ext-unix-sk", 'x', OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "feature", 0, OPTION_STRING, COMMAND_CHECK, "NAME", "check one feature",
	  FIELD(feature) },
	{ "file-locks", 'l', OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "force-irmap", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "freeze-cgroup", 0, OPTION_REFUSED, COMMAND_ALL, "PATH", NULL, 0 },
	{ "ghost-fiemap", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "ghost-limit", 0, OPTION_SIZE, DUMP | RESTORE, "BYTES",
	  "save deleted files that hold up to BYTES (K, M, G; default 1M)", FIELD(ghost_limit) },
	{ "images-dir", 'D', OPTION_STRING, COMMAND_ALL, "DIR",
	  "where the images are (default: the current directory)", FIELD(images_dir) },
	{ "inherit-fd", 0, OPTION_REFUSED, COMMAND_ALL, "FD", NULL, 0 },
	{ "join-ns", 'J', OPTION_REFUSED, COMMAND_ALL, "NS", NULL, 0 },
	{ "json", 0, OPTION_BOOL, LAZY, NULL,
	  "say what happens on stdout, as a JSON object a line", FIELD(json) },
	{ "lazy-pages", 0, OPTION_BOOL, DUMP | RESTORE | VERIFY, NULL,
	  "bring memory on first touch, through a lazy-pages server; dump: keep it until then",
	  FIELD(lazy_pages) },
	{ "leave-running", 'R', OPTION_BOOL, DUMP, NULL, "let the tree run on after the dump",
	  FIELD(leave_running) },
	{ "leave-stopped", 's', OPTION_BOOL, DUMP | RESTORE, NULL, "leave the tree stopped",
	  FIELD(leave_stopped) },
	{ "link-remap", 0, OPTION_BOOL, DUMP | RESTORE, NULL,
	  "give files whose name is gone, but not their last one, a new name", FIELD(link_remap) },
	{ "log-file", 'o', OPTION_STRING, COMMAND_ALL, "FILE",
	  "log to FILE below the work directory (default: stderr)", FIELD(log_file) },
	{ "lsm-profile", 0, OPTION_REFUSED, COMMAND_ALL, "PROFILE", NULL, 0 },
	{ "manage-cgroups", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "many", 0, OPTION_BOOL, LAZY, NULL,
	  "serve any number of restores, until SIGTERM", FIELD(many) },
	{ "no-default-config", 0, OPTION_BOOL, COMMAND_ALL, NULL,
	  "do not read the default configuration files", FIELD(no_default_config) },
	{ "on-demand", 0, OPTION_BOOL, RESTORE | LAZY, NULL,
	  "lazy: bring no page that nobody touches", FIELD(on_demand) },
	{ "on-loss", 0, OPTION_CHOICE, LAZY, "kill|wait",
	  "when pages are lost for good: kill the tree (default), or let tasks wait for them",
	  FIELD(on_loss) },
	{ "page-server", 0, OPTION_BOOL, DUMP | LAZY, NULL,
	  "send memory to the page server at --address and --port, or bring it from there",
	  FIELD(page_server) },
	{ "pidfile", 0, OPTION_STRING, DUMP | RESTORE | LAZY | SERVER, "FILE",
	  "write the pid of the root task, or of the server, to FILE", FIELD(pidfile) },
	{ "port", 0, OPTION_PORT, DUMP | LAZY | SERVER, "PORT",
	  "the port of the page server (who serves: 0, the default, is any)", FIELD(port) },
	{ "prev-images-dir", 0, OPTION_REFUSED, COMMAND_ALL, "DIR", NULL, 0 },
	{ "quiet", 0, OPTION_BOOL, LAZY, NULL,
	  "no line on the terminal that says how far it is", FIELD(quiet) },
	{ "record", 0, OPTION_BOOL, RESTORE | LAZY, NULL,
	  "lazy: as --on-demand, and save what was touched for later restores", FIELD(record) },
	{ "restore-detached", 'd', OPTION_BOOL, RESTORE, NULL,
	  "do not wait for the restored tree", FIELD(detach) },
	{ "restore-sibling", 'S', OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "retry", 0, OPTION_INT, LAZY, "SECONDS",
	  "how long to look for a dump that is not there yet, or is lost (default: 0)", FIELD(retry) },
	{ "root", 'r', OPTION_REFUSED, COMMAND_ALL, "PATH", NULL, 0 },
	{ "shell-job", 'j', OPTION_BOOL, DUMP | RESTORE | VERIFY, NULL,
	  "the tree belongs to a shell: its session and terminal come from outside",
	  FIELD(shell_job) },
	{ "skip-in-flight", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "stats", 0, OPTION_STRING, RESTORE | LAZY, "FILE",
	  "lazy: write what the server did to FILE below the work directory, as JSON",
	  FIELD(stats) },
	{ "status-fd", 0, OPTION_INT, DUMP | LAZY | SERVER, "FD",
	  "write one NUL byte to FD when the server listens", FIELD(status_fd) },
	{ "stream", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "tcp-close", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "tcp-established", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "tls", 0, OPTION_BOOL, DUMP | LAZY | SERVER, NULL,
	  "encrypt what goes over the network, and let both ends prove who they are", FIELD(tls) },
	{ "tls-cacert", 0, OPTION_STRING, DUMP | LAZY | SERVER, "FILE",
	  "who signs certificates (default: /etc/pki/CA/cacert.pem)", FIELD(tls_cacert) },
	{ "tls-cacrl", 0, OPTION_STRING, DUMP | LAZY | SERVER, "FILE",
	  "which were revoked (default: /etc/pki/CA/cacrl.pem, if it is there)",
	  FIELD(tls_cacrl) },
	{ "tls-cert", 0, OPTION_STRING, DUMP | LAZY | SERVER, "FILE",
	  "our certificate (default: /etc/pki/criu/cert.pem)", FIELD(tls_cert) },
	{ "tls-key", 0, OPTION_STRING, DUMP | LAZY | SERVER, "FILE",
	  "and its key (default: /etc/pki/criu/private/key.pem)", FIELD(tls_key) },
	{ "tls-no-cn-verify", 0, OPTION_BOOL, DUMP | LAZY | SERVER, NULL,
	  "the server's certificate need not be for --address", FIELD(tls_no_cn_verify) },
	{ "token-file", 0, OPTION_STRING, DUMP | LAZY, "FILE",
	  "a secret that the dump --lazy-pages and its lazy-pages server share",
	  FIELD(token_file) },
	{ "track-mem", 0, OPTION_REFUSED, COMMAND_ALL, NULL, NULL, 0 },
	{ "tree", 't', OPTION_PID, DUMP, "PID", "the root of the tree to dump", FIELD(pid) },
	{ "verbosity", 'v', OPTION_VERBOSITY, COMMAND_ALL, "N",
	  "0 quiet, 1 errors, 2 warnings (default), 3 progress, 4 everything", FIELD(verbosity) },
	{ "work-dir", 'W', OPTION_STRING, COMMAND_ALL, "DIR",
	  "where log, statistics and sockets go (default: the images directory)",
	  FIELD(work_dir) },
	{}
};

#define N_OPTIONS (ARRAY_SIZE(option_table) - 1)

/* getopt_long() returns these for rows; letters are looked up by themselves. */
#define ROW_BASE 1000

void options_init(struct options *opts)
{
	*opts = (struct options){
		.images_dir = ".",
		.verbosity = LOG_LEVEL_WARN,
		.status_fd = -1,
		.ghost_limit = 1 << 20,
		.address = "127.0.0.1",
	};
}

const struct option_row *option_find(const char *name)
{
	for (const struct option_row *row = option_table; row->name; row++)
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

static const struct option_row *find_letter(int letter)
{
	for (const struct option_row *row = option_table; row->name; row++)
		if (row->letter == letter)
			return row;
	return NULL;
}

static int bad_value(const struct option_row *row, const char *arg, const char *where)
{
	return log_errno(-EINVAL, "%s: --%s %s: not a valid %s", where, row->name,
			 arg ? arg : "", row->arg ? row->arg : "value");
}

/* "-v" counts up, "-vvv" too, "-v4" and "--verbosity=4" set. */
static int set_verbosity(int *verbosity, const struct option_row *row, const char *arg,
			 const char *where)
{
	size_t more = arg ? strspn(arg, "v") : 0;
	uint32_t value;

	if (!arg || (more && !arg[more])) {
		*verbosity = MIN(*verbosity + 1 + (int)more, LOG_LEVEL_DEBUG);
		return 0;
	}
	if (parse_u32(arg, 10, &value) < 0)
		return bad_value(row, arg, where);
	*verbosity = MIN(value, (uint32_t)LOG_LEVEL_DEBUG);
	return 0;
}

static int set_choice(int *number, const struct option_row *row, const char *arg,
		      const char *where)
{
	const char *word = row->arg;

	for (int i = 0; arg && word; i++) {
		size_t len = strcspn(word, "|");

		if (strlen(arg) == len && !strncmp(arg, word, len)) {
			*number = i;
			return 0;
		}
		word = word[len] ? word + len + 1 : NULL;
	}
	return bad_value(row, arg, where);
}

int option_set(struct options *opts, const struct option_row *row, const char *arg,
	       const char *where)
{
	void *field = (char *)opts + row->offset;
	uint32_t value;

	switch (row->type) {
	case OPTION_BOOL:
		if (arg)
			return log_errno(-EINVAL, "%s: --%s takes no argument", where, row->name);
		*(bool *)field = true;
		return 0;
	case OPTION_CHOICE:
		return set_choice(field, row, arg, where);
	case OPTION_STRING:
		if (!arg || !*arg)
			return bad_value(row, arg, where);
		*(const char **)field = arg;
		return 0;
	case OPTION_INT:
		if (!arg || parse_u32(arg, 10, &value) < 0 || value > INT_MAX)
			return bad_value(row, arg, where);
		*(int *)field = value;
		return 0;
	case OPTION_PORT:
		if (!arg || parse_u32(arg, 10, &value) < 0 || value > UINT16_MAX)
			return bad_value(row, arg, where);
		*(int *)field = value;
		return 0;
	case OPTION_PID:
		if (!arg || parse_pid(arg, field) < 0)
			return bad_value(row, arg, where);
		return 0;
	case OPTION_SIZE:
		if (!arg || parse_size(arg, field) < 0)
			return bad_value(row, arg, where);
		return 0;
	case OPTION_VERBOSITY:
		return set_verbosity(field, row, arg, where);
	case OPTION_REFUSED:
		break;
	}
	return log_errno(-EINVAL, "%s: option --%s is not supported by criu-lite", where,
			 row->name);
}

static int option_has_arg(const struct option_row *row)
{
	if (row->type == OPTION_VERBOSITY)
		return optional_argument;
	return row->arg ? required_argument : no_argument;
}

/* Builds getopt's two descriptions of the table. */
static void make_getopt(struct option longs[N_OPTIONS + 2], char shorts[3 * N_OPTIONS + 4])
{
	char *s = shorts;

	*s++ = ':';
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option_row *row = &option_table[i];
		int has_arg = option_has_arg(row);

		longs[i] = (struct option){ row->name, has_arg, NULL, ROW_BASE + (int)i };
		if (!row->letter)
			continue;
		*s++ = row->letter;
		for (int colon = 0; colon < has_arg; colon++)
			*s++ = ':';
	}
	longs[N_OPTIONS] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[N_OPTIONS + 1] = (struct option){};
	*s++ = 'h';
	*s = '\0';
}

/* getopt_long() returned @c, ':' or '?'; @arg is what it has looked at last. */
static int bad_option(int c, const char *arg)
{
	const char *what = c == ':' ? "needs an argument" : "is unknown";

	/* A letter may stand between others: @arg is not yet what holds it. */
	if (optopt && optopt < ROW_BASE)
		return log_errno(-EINVAL, "option -%c %s", optopt, what);
	/* Of a long one that is known the number of its row is told. */
	if (c == '?' && optopt)
		what = "takes no argument";
	return log_errno(-EINVAL, "option %s %s", arg, what);
}

int options_parse(struct options *opts, unsigned int command, int argc, char **argv, int *help)
{
	struct option longs[N_OPTIONS + 2];
	char shorts[3 * N_OPTIONS + 4];
	int c, r;

	make_getopt(longs, shorts);
	/* From the very beginning: an earlier look may have ended within "-abc". */
	optind = 0;
	*help = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row;

		if (c == 'h') {
			*help = 1;
			return 0;
		}
		if (c == ':' || c == '?')
			return bad_option(c, argv[optind - 1]);
		row = c >= ROW_BASE ? &option_table[c - ROW_BASE] : find_letter(c);
		if (row->type != OPTION_REFUSED && !(row->commands & command))
			return log_errno(-EINVAL, "option --%s does not belong to %s", row->name,
					 argv[0]);
		r = option_set(opts, row, optarg, "command line");
		if (r < 0)
			return r;
	}
	opts->args = argv + optind;
	opts->n_args = argc - optind;
	return 0;
}

void options_usage(FILE *out)
{
	fprintf(out, "Usage: criu-lite COMMAND [OPTION ...]\n\nCommands:\n");
	for (const struct command *c = command_table; c->name; c++)
		fprintf(out, "  %-10s %-12s  %s\n", c->name, c->args, c->help);
	fprintf(out, "\nOptions:\n");
	for (const struct option_row *row = option_table; row->name; row++) {
		char left[64];

		if (row->type == OPTION_REFUSED)
			continue;
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
			 row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
			 row->arg ? " " : "", row->arg ? row->arg : "");
		fprintf(out, "  %-27s %s\n", left, row->help);
	}
	fprintf(out, "  %-27s %s\n  %-27s %s\n", "-h, --help", "print this", "-V, --version",
		"print the version");
}
