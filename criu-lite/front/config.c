// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration files.
 *
 * "name", "name value" or "name = value" is a line; '#' begins a comment; a
 * value may stand in double quotes. The defaults are SYSCONFDIR/criu-lite/
 * default.conf and $HOME/.criu-lite/default.conf. The command line comes
 * later, and so wins.
 */
#include "front/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/option.h"
#include "util/cleanup.h"
#include "util/log.h"

static char *skip_blanks(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* Cuts a trailing comment (outside quotes) and trailing blanks. */
static void cut_tail(char *s)
{
	bool quoted = false;
	char *end = s;

	for (; *end && (*end != '#' || quoted); end++)
		if (*end == '"')
			quoted = !quoted;
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
}

/* Splits "name = value"; *value is NULL when there is none. */
static void split_line(char *line, char **name, char **value)
{
	char *end;
	size_t len;

	*name = line;
	*value = NULL;
	end = line + strcspn(line, " \t=");
	if (!*end)
		return;
	*value = skip_blanks(end);
	if (**value == '=')
		*value = skip_blanks(*value + 1);
	*end = '\0';
	len = strlen(*value);
	if (len >= 2 && (*value)[0] == '"' && (*value)[len - 1] == '"') {
		(*value)[len - 1] = '\0';
		(*value)++;
	}
	if (!**value)
		*value = NULL;
}

static int read_line(struct options *opts, unsigned int command, char *line, const char *where)
{
	const struct option_row *row;
	char *name, *value;

	cut_tail(line);
	line = skip_blanks(line);
	if (!*line)
		return 0;
	split_line(line, &name, &value);
	if (!strncmp(name, "--", 2))
		name += 2;
	row = option_find(name);
	if (!row)
		return log_errno(-EINVAL, "%s: unknown option %s", where, name);
	if (row->type != OPTION_REFUSED && !(row->commands & command))
		return 0;
	if (value) {
		value = strdup(value);
		if (!value)
			return -ENOMEM;
	}
	return option_set(opts, row, value, where);
}

int config_read(struct options *opts, unsigned int command, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	char where[PATH_MAX + 32];
	size_t cap = 0;
	int number = 0, r = 0;

	if (!f)
		return -errno;
	while (r >= 0 && getline(&line, &cap, f) >= 0) {
		snprintf(where, sizeof(where), "%s:%d", path, ++number);
		r = read_line(opts, command, line, where);
	}
	if (r >= 0 && ferror(f))
		r = log_errno(-EIO, "%s: cannot read", path);
	return r;
}

int config_read_defaults(struct options *opts, unsigned int command)
{
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	int r;

	r = config_read(opts, command, SYSCONFDIR "/criu-lite/default.conf");
	if (r < 0 && r != -ENOENT)
		return r;
	if (!home)
		return 0;
	snprintf(path, sizeof(path), "%s/.criu-lite/default.conf", home);
	r = config_read(opts, command, path);
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}
