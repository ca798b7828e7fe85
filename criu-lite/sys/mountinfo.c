// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/mountinfo.
 *
 *	36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext3 /dev/root rw,errors=continue
 *
 * Ten fields and a list of tags before the dash. Blanks, newlines and
 * backslashes inside a field are octal escapes. Tags that a later kernel adds
 * are passed by, as proc(5) asks.
 */
#include "sys/mountinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/proc.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/scan.h"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* A new string; "\040" becomes a blank. A backslash without three digits stays. */
static char *unescape(const char *word, size_t len)
{
	char *out = malloc(len + 1), *o = out;
	size_t i;

	if (!out)
		return NULL;
	for (i = 0; i < len; i++) {
		if (word[i] == '\\' && len - i > 3 && word[i + 1] <= '3' &&
		    is_octal(word[i + 1]) && is_octal(word[i + 2]) && is_octal(word[i + 3])) {
			*o++ = (word[i + 1] - '0') << 6 | (word[i + 2] - '0') << 3 |
			       (word[i + 3] - '0');
			i += 3;
		} else {
			*o++ = word[i];
		}
	}
	*o = '\0';
	return out;
}

/* One field and the blank behind it, or an empty one. 0, -EINVAL, -ENOMEM. */
static int take_field(const char **p, char **field)
{
	size_t len = strcspn(*p, " \n");

	*field = unescape(*p, len);
	if (!*field)
		return -ENOMEM;
	*p += len;
	scan_text(p, " ");
	return 0;
}

static bool scan_ids(const char **p, struct mount_info *m)
{
	return scan_i32(p, &m->id) && scan_text(p, " ") &&
	       scan_i32(p, &m->parent) && scan_text(p, " ") &&
	       scan_u32(p, 10, &m->major) && scan_text(p, ":") &&
	       scan_u32(p, 10, &m->minor) && scan_text(p, " ");
}

/* "shared:1 master:2 ... - " */
static bool scan_tags(const char **p, struct mount_info *m)
{
	const char *word;
	size_t len;

	while (!scan_text(p, "- ")) {
		bool good = true;

		if (scan_text(p, "shared:"))
			good = scan_u32(p, 10, &m->shared);
		else if (scan_text(p, "master:"))
			good = scan_u32(p, 10, &m->master);
		else if (scan_text(p, "propagate_from:"))
			good = scan_u32(p, 10, &m->propagate_from);
		else if (scan_text(p, "unbindable"))
			m->unbindable = true;
		else
			good = scan_word(p, &word, &len);
		if (!good || !scan_text(p, " "))
			return false;
	}
	return true;
}

static int take_fields(const char **p, char ***fields, size_t n)
{
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		if (!**p || **p == '\n')
			return -EINVAL;
		r = take_field(p, fields[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_mount(const char **p, struct mount_info *m)
{
	char **front[] = { &m->root, &m->mountpoint, &m->options };
	char **back[] = { &m->fstype, &m->source, &m->super_options };
	int r;

	if (!scan_ids(p, m))
		return -EINVAL;
	r = take_fields(p, front, 3);
	if (r < 0)
		return r;
	if (!scan_tags(p, m))
		return -EINVAL;
	r = take_fields(p, back, 3);
	if (r < 0)
		return r;
	return scan_end_of_line(p) ? 0 : -EINVAL;
}

int mountinfo_parse(const char *text, struct mountinfo *info)
{
	const char *p = text;

	*info = (struct mountinfo){};
	while (*p) {
		struct mount_info *m = array_push(&info->mounts, &info->n_mounts,
						  &info->cap_mounts);
		const char *line = p;
		int r = m ? take_mount(&p, m) : -ENOMEM;

		if (r < 0) {
			mountinfo_fini(info);
			return log_errno(r, "mountinfo: cannot take the line \"%.*s\"",
					 (int)strcspn(line, "\n"), line);
		}
	}
	return 0;
}

int mountinfo_read(pid_t pid, struct mountinfo *info)
{
	_cleanup_free_ char *text = NULL;
	int r = proc_read(pid, &text, NULL, "mountinfo");

	if (r < 0)
		return r;
	return mountinfo_parse(text, info);
}

void mountinfo_fini(struct mountinfo *info)
{
	size_t i;

	for (i = 0; i < info->n_mounts; i++) {
		struct mount_info *m = &info->mounts[i];

		free(m->root);
		free(m->mountpoint);
		free(m->options);
		free(m->fstype);
		free(m->source);
		free(m->super_options);
	}
	free(info->mounts);
	*info = (struct mountinfo){};
}

const struct mount_info *mountinfo_find(const struct mountinfo *info, int32_t id)
{
	size_t i;

	for (i = 0; i < info->n_mounts; i++)
		if (info->mounts[i].id == id)
			return &info->mounts[i];
	return NULL;
}
