// SPDX-License-Identifier: GPL-2.0-only
/*
 * The terminal that a job has from the shell that started it (--shell-job).
 *
 * The shell, its session and the other end of the terminal stay outside of the
 * tree. Restore puts the job onto the terminal it is run from itself: the
 * first of its standard input, output and error that is one. Saved are the
 * path, the flags, the settings (termios) and which process group was in the
 * foreground. The size of the window is saved, as the format has it, but not
 * set: the terminal has a size of its own.
 *
 *	PTY, VT, CONSOLE, SERIAL	opened anew through our own descriptor
 *	CTTY (/dev/tty)			opened by that name: it means the
 *					terminal of the session it is opened in
 *
 * Refused: terminals without --shell-job, masters of pseudoterminals, a
 * terminal whose session is led by a task of the tree, a second terminal,
 * exclusive mode and locked settings.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/options.h"
#include "core/restore.h"
#include "image/reader.h"
#include "image/writer.h"
#include "kinds/kinds.h"
#include "sys/proc_stat.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Words of c_cc in an image: characters are packed four in each. */
#define CC_WORDS 19

/* Devices by major and minor number (Linux: Documentation/admin-guide/devices.txt). */
static const struct device_class {
	unsigned int major_first, major_last, minor_first, minor_last;
	TtyType type;
	bool master;
	unsigned int index;		/* of tty_info.id; a PTY has its own */
} class_table[] = {
	{ TTY_MAJOR, TTY_MAJOR, 0, 63, TTY_TYPE__VT, false, 1004 },
	{ TTY_MAJOR, TTY_MAJOR, 64, 255, TTY_TYPE__SERIAL, false, 1010 },
	{ TTYAUX_MAJOR, TTYAUX_MAJOR, 0, 0, TTY_TYPE__CTTY, false, 1006 },
	{ TTYAUX_MAJOR, TTYAUX_MAJOR, 1, 1, TTY_TYPE__CONSOLE, false, 1002 },
	{ TTYAUX_MAJOR, TTYAUX_MAJOR, 2, 2, TTY_TYPE__PTY, true, 0 },
	{ UNIX98_PTY_SLAVE_MAJOR, UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT - 1,
	  0, UINT32_MAX, TTY_TYPE__PTY, false, 0 },
};

static const struct device_class *find_class(dev_t rdev)
{
	unsigned int a = major(rdev), i = minor(rdev);

	for (size_t n = 0; n < ARRAY_SIZE(class_table); n++) {
		const struct device_class *c = &class_table[n];

		if (a >= c->major_first && a <= c->major_last && i >= c->minor_first &&
		    i <= c->minor_last)
			return c;
	}
	return NULL;
}

/* A device number as stat(2) and /proc/PID/stat have it. */
static uint32_t stat_dev(dev_t dev)
{
	return (minor(dev) & 0xff) | major(dev) << 8 | (minor(dev) & ~0xffU) << 12;
}

/*
 * Dump
 */

static bool terminal_probe(const struct fd_info *info)
{
	return S_ISCHR(info->st.st_mode) && !(info->flags & O_PATH) &&
	       find_class(info->st.st_rdev);
}

/* /dev/tty and /dev/console are other names of a terminal. */
static bool is_alias(const struct device_class *c)
{
	return c->type == TTY_TYPE__CTTY || c->type == TTY_TYPE__CONSOLE;
}

static int check_session(const struct dump *d, const struct fd_info *info,
			 const struct device_class *c)
{
	uint32_t rdev = stat_dev(info->st.st_rdev);
	const struct task *t;

	TAILQ_FOREACH(t, &d->tasks, link) {
		const struct proc_stat *stat = t->dump->stat;

		if (!stat->tty_nr)
			continue;
		if (task_find(&d->tasks, stat->session))
			return dump_refuse(info, "session %d, which it controls, is led by a task "
					   "of the tree; only a terminal inherited from a shell "
					   "is covered", stat->session);
		if (!is_alias(c) && (uint32_t)stat->tty_nr != rdev)
			return dump_refuse(info, "is another terminal than the one of the shell "
					   "that started the job");
	}
	return 0;
}

static int check_single(const struct dump *d, const struct fd_info *info,
			const struct device_class *c)
{
	for (size_t i = 0; i < d->n_descriptions && !is_alias(c); i++) {
		const struct fd_info *other = d->descriptions[i];

		if (other->kind == &terminal_kind && other->first != info->first &&
		    !is_alias(find_class(other->st.st_rdev)) &&
		    other->st.st_rdev != info->st.st_rdev)
			return dump_refuse(info, "is a second terminal beside %s; only one is "
					   "covered", other->target);
	}
	return 0;
}

static int check_covered(const struct dump *d, const struct fd_info *info,
			 const struct device_class *c)
{
	int r;

	if (c->master)
		return dump_refuse(info, "pseudoterminals of the tree's own are not covered");
	if (!d->opts->shell_job)
		return dump_refuse(info, "the terminal stays with the shell outside of the tree: "
				   "use --shell-job here and at restore, or redirect it");
	r = check_session(d, info, c);
	return r < 0 ? r : check_single(d, info, c);
}

static TermiosEntry *make_termios(struct dump *d, const struct termios *t)
{
	TermiosEntry *e = arena_message(d->arena, TermiosEntry, termios_entry__init);

	e->c_iflag = t->c_iflag;
	e->c_oflag = t->c_oflag;
	e->c_cflag = t->c_cflag;
	e->c_lflag = t->c_lflag;
	e->c_line = t->c_line;
	e->c_cc = arena_new_array(d->arena, uint32_t, CC_WORDS);
	e->n_c_cc = CC_WORDS;
	memcpy(e->c_cc, t->c_cc, NCCS);
	return e;
}

/* All that is locked shows as bits and characters that are not zero. */
static bool locks_something(const struct termios *locked)
{
	static const struct termios none;

	return memcmp(locked, &none, sizeof(none)) != 0;
}

static int dump_settings(struct dump *d, const struct fd_info *info, TtyInfoEntry *e)
{
	struct termios now = {}, locked = {};
	struct winsize size = {};
	int exclusive = 0;

	if (ioctl(info->local, TCGETS, &now) < 0 ||
	    ioctl(info->local, TIOCGLCKTRMIOS, &locked) < 0 ||
	    ioctl(info->local, TIOCGWINSZ, &size) < 0 ||
	    ioctl(info->local, TIOCGEXCL, &exclusive) < 0)
		return log_errno(-errno, "pid %d fd %d: terminal: cannot read its settings",
				 info->task->pid, info->fd);
	if (exclusive)
		return dump_refuse(info, "exclusive mode (TIOCEXCL) is not covered");
	if (locks_something(&locked))
		return dump_refuse(info, "locked settings (TIOCSLCKTRMIOS) are not covered");
	e->termios = make_termios(d, &now);
	e->termios_locked = make_termios(d, &locked);
	e->winsize = arena_message(d->arena, WinsizeEntry, winsize_entry__init);
	e->winsize->ws_row = size.ws_row;
	e->winsize->ws_col = size.ws_col;
	e->winsize->ws_xpixel = size.ws_xpixel;
	e->winsize->ws_ypixel = size.ws_ypixel;
	return 0;
}

static void dump_session(const struct dump *d, TtyInfoEntry *e)
{
	const struct task *t;

	TAILQ_FOREACH(t, &d->tasks, link) {
		const struct proc_stat *stat = t->dump->stat;

		if (!stat->tty_nr)
			continue;
		e->sid = stat->session;
		e->pgrp = MAX(stat->tty_pgrp, 0);
		return;
	}
}

static int dump_info(struct dump *d, const struct fd_info *info, const struct device_class *c,
		     TtyInfoEntry *e)
{
	unsigned int index = c->index;

	if (c->type == TTY_TYPE__PTY) {
		index = minor(info->st.st_rdev) +
			(major(info->st.st_rdev) - UNIX98_PTY_SLAVE_MAJOR) * 256;
		e->pty = arena_message(d->arena, TtyPtyEntry, tty_pty_entry__init);
		e->pty->index = index;
	}
	e->id = index << 1;
	e->type = c->type;
	e->rdev = stat_dev(info->st.st_rdev);
	e->has_dev = e->has_uid = e->has_gid = true;
	e->dev = stat_dev(info->st.st_dev);
	e->uid = info->st.st_uid;
	e->gid = info->st.st_gid;
	dump_session(d, e);
	return dump_settings(d, info, e);
}

static int terminal_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	const struct device_class *c = find_class(info->st.st_rdev);
	TtyFileEntry *tty = arena_message(d->arena, TtyFileEntry, tty_file_entry__init);
	TtyInfoEntry *e = arena_message(d->arena, TtyInfoEntry, tty_info_entry__init);
	int r = check_covered(d, info, c);

	if (r >= 0)
		r = dump_info(d, info, c, e);
	if (r < 0)
		return r;
	tty->id = entry->id;
	tty->tty_info_id = e->id;
	tty->flags = info->flags;
	tty->fown = info->fown;
	tty->has_regf_id = true;
	r = dump_file_path(d, info, &tty->regf_id);
	if (r < 0)
		return r;
	info->data = e;
	entry->tty = tty;
	return 0;
}

/* Whether an earlier description is of the same terminal. */
static bool is_written(const struct dump *d, size_t index)
{
	const TtyInfoEntry *e = d->descriptions[index]->data;

	for (size_t i = 0; i < index; i++) {
		const struct fd_info *other = d->descriptions[i];

		if (other->kind == &terminal_kind && ((TtyInfoEntry *)other->data)->id == e->id)
			return true;
	}
	return false;
}

static int terminal_save(struct dump *d)
{
	_cleanup_(image_writer_cleanup) struct image_writer *w = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < d->n_descriptions; i++) {
		const struct fd_info *info = d->descriptions[i];

		if (info->kind != &terminal_kind || is_written(d, i))
			continue;
		if (!w)
			r = image_writer_open(d->images, IMAGE_TTY_INFO, 0, &w);
		if (r >= 0)
			r = image_write(w, &((TtyInfoEntry *)info->data)->base);
	}
	return r < 0 || !w ? r : image_writer_close(take_ptr(w));
}

/*
 * Restore
 */

/* All terminals of the images are this one. */
struct terminal {
	int fd;				/* 0, 1 or 2: the restore's own */
	TtyInfoEntry **infos;
	size_t n_infos;
	bool is_set;			/* the settings were made */
};

/* file.data */
struct terminal_file {
	struct terminal *terminal;
	const TtyInfoEntry *info;
};

static int find_own_terminal(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd))
			return fd;
	return log_errno(-ENOTTY, "terminal: none of our standard input, output and error is one "
			 "to restore the job onto");
}

static int load_infos(struct restore *r, struct terminal *terminal)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	ProtobufCMessage *msg;
	size_t cap = 0;
	int ret = image_reader_open(r->images, IMAGE_TTY_INFO, 0, &reader);

	if (ret < 0)
		return ret == -ENOENT ? log_errno(ret, "terminal: tty-info is missing") : ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		TtyInfoEntry **slot = array_push(&terminal->infos, &terminal->n_infos, &cap);

		if (!slot) {
			image_message_free(msg);
			return log_errno(-ENOMEM, "terminal: cannot keep tty-info");
		}
		*slot = (TtyInfoEntry *)msg;
	}
	return ret;
}

static int terminal_load(struct restore *r)
{
	struct terminal *terminal = NULL;
	int ret;

	for (size_t i = 0; i < r->n_files; i++) {
		struct file *file = &r->files[i];
		struct terminal_file *data;

		if (file->type != FD_TYPES__TTY)
			continue;
		if (!terminal && !r->opts->shell_job)
			return log_errno(-ENOTSUP, "terminal %#x: came from outside of the tree: "
					 "restore with --shell-job", file->id);
		if (!terminal) {
			terminal = arena_new_object(r->arena, struct terminal);
			terminal->fd = find_own_terminal();
			ret = terminal->fd < 0 ? terminal->fd : load_infos(r, terminal);
			if (ret < 0)
				return ret;
		}
		data = arena_new_object(r->arena, struct terminal_file);
		data->terminal = terminal;
		file->data = data;
	}
	return 0;
}

static const TtyInfoEntry *find_info(const struct terminal *terminal, uint32_t id)
{
	for (size_t i = 0; i < terminal->n_infos; i++)
		if (terminal->infos[i]->id == id)
			return terminal->infos[i];
	return NULL;
}

static bool has_locks(const TermiosEntry *locked)
{
	uint32_t bits;

	if (!locked)
		return false;
	bits = locked->c_iflag | locked->c_oflag | locked->c_cflag | locked->c_lflag |
	       locked->c_line;
	/* Only the kernel's characters count: older writers leave garbage behind them. */
	for (size_t i = 0; i < NCCS && i / 4 < locked->n_c_cc; i++)
		bits |= locked->c_cc[i / 4] >> i % 4 * 8 & 0xff;
	return bits != 0;
}

static int check_info(const struct file *file, const TtyInfoEntry *info)
{
	if (info->type == TTY_TYPE__UNKNOWN || info->type == TTY_TYPE__EXT_TTY)
		return log_errno(-ENOTSUP, "terminal %#x: type %d is not covered", file->id,
				 info->type);
	if (info->type == TTY_TYPE__PTY && info->id & 1)
		return log_errno(-ENOTSUP, "terminal %#x: masters of pseudoterminals are not "
				 "covered", file->id);
	if (info->exclusive || has_locks(info->termios_locked))
		return log_errno(-ENOTSUP, "terminal %#x: exclusive mode and locked settings are "
				 "not covered", file->id);
	if (info->termios && (info->termios->n_c_cc * 4 < NCCS || info->termios->c_line > 0xff))
		return log_errno(-EINVAL, "terminal %#x: malformed settings", file->id);
	if (info->pgrp > INT32_MAX)
		return log_errno(-EINVAL, "terminal %#x: process group %u", file->id, info->pgrp);
	return 0;
}

static int terminal_collect(struct restore *r, struct file *file)
{
	const TtyFileEntry *tty = file->entry->tty;
	struct terminal_file *data = file->data;
	struct file *path;

	data->info = find_info(data->terminal, tty->tty_info_id);
	if (!data->info)
		return log_errno(-EINVAL, "terminal %#x: there is no tty-info %u", file->id,
				 tty->tty_info_id);
	if (tty->has_regf_id) {
		path = restore_file_need(r, FD_TYPES__REG, tty->regf_id, "terminal", file->id);
		if (!path)
			return -EINVAL;
		if (path->owner)
			return log_errno(-EINVAL, "terminal %#x: its path entry %#x is a "
					 "descriptor too", file->id, path->id);
		path->path_only = true;
	}
	return check_info(file, data->info);
}

/* Signals are blocked, SIGTTOU too: a job in the background may do this. */
static int restore_settings(const struct file *file, struct terminal_file *data, int fd)
{
	const TermiosEntry *e = data->info->termios;
	struct termios now = {}, want = {};

	if (!e || data->terminal->is_set)
		return 0;
	data->terminal->is_set = true;
	want.c_iflag = e->c_iflag;
	want.c_oflag = e->c_oflag;
	want.c_cflag = e->c_cflag;
	want.c_lflag = e->c_lflag;
	want.c_line = e->c_line;
	memcpy(want.c_cc, e->c_cc, NCCS);
	if (ioctl(fd, TCGETS, &now) < 0)
		return log_errno(-errno, "terminal %#x: cannot read its settings", file->id);
	if (!memcmp(&now, &want, sizeof(now)))
		return 0;
	if (ioctl(fd, TCSETS, &want) < 0)
		return log_errno(-errno, "terminal %#x: cannot change its settings", file->id);
	return 0;
}

static int terminal_open(struct restore *r, struct file *file)
{
	const TtyFileEntry *tty = file->entry->tty;
	struct terminal_file *data = file->data;
	int flags = (tty->flags & ~O_ASYNC) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	_cleanup_close_ int fd = -1;
	int ret;

	if (data->info->type == TTY_TYPE__CTTY) {
		fd = open("/dev/tty", flags);
		if (fd < 0)
			return log_errno(-errno, "terminal %#x: cannot open /dev/tty: the restore "
					 "has no controlling terminal", file->id);
	} else {
		/* A link in /proc: O_NOFOLLOW would stop at it. */
		fd = file_reopen(data->terminal->fd, flags & ~O_NOFOLLOW);
		if (fd < 0)
			return log_errno(fd, "terminal %#x: cannot open our own terminal",
					 file->id);
	}
	ret = restore_settings(file, data, fd);
	if (ret >= 0)
		ret = restore_file_flags(file, fd, tty->flags & ~O_NOFOLLOW);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

/* A job that was in the foreground is there again, as long as we wait for it. */
static int terminal_post_open(struct restore *r, struct task *t, struct file *file, int fd)
{
	const struct terminal_file *data = file->data;
	int group = data->info->pgrp;
	const struct task *member;

	if (!group || t->sid || r->opts->detach)
		return 0;
	TAILQ_FOREACH(member, &r->tasks, link) {
		if (member->pgid != group || member->sid)
			continue;
		if (ioctl(fd, TIOCSPGRP, &group) < 0)
			return log_errno(-errno, "terminal %#x: cannot put process group %d into "
					 "the foreground", file->id, group);
		return 0;
	}
	return 0;
}

const struct file_kind terminal_kind = {
	.name = "terminal",
	.type = FD_TYPES__TTY,
	.proto = "tty.proto",
	.test = "tty/inherited",
	.probe = terminal_probe,
	.dump = terminal_dump,
	.save = terminal_save,
	.load = terminal_load,
	.collect = terminal_collect,
	.open = terminal_open,
	.post_open = terminal_post_open,
};
