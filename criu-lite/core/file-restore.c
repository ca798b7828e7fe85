// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files of a restore: what every file has, whatever its kind.
 *
 *	files.img		each open file, by (id, type)
 *	fdinfo-FILES_ID.img	a descriptor table: number -> (id, type)
 *
 * All of both is read and checked before any task runs: that an entry has the
 * one member that its type says, that ids are unique, that each descriptor
 * leads to a file. Each kind then checks its own entries.
 *
 * Opened once, by the root task, a file is handed on by inheritance. Its owner
 * (F_SETOWN) and O_ASYNC come last, when every task exists.
 */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/restore.h"
#include "image/reader.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/log.h"
#include "util/macro.h"

/*
 * Which member of file_entry a type selects, by field number, and the image of
 * its own that it had before files.img took them all in.
 */
static const struct file_member {
	FdTypes type;
	unsigned int member;
	enum image_type older;
} member_table[] = {
	{ FD_TYPES__REG, 3, IMAGE_REG_FILES },
	{ FD_TYPES__PIPE, 18, IMAGE_PIPES },
	{ FD_TYPES__FIFO, 17, IMAGE_FIFO },
	{ FD_TYPES__INETSK, 4, IMAGE_INETSK },
	{ FD_TYPES__UNIXSK, 16, IMAGE_UNIXSK },
	{ FD_TYPES__EVENTFD, 8, IMAGE_EVENTFD_FILE },
	{ FD_TYPES__EVENTPOLL, 9, IMAGE_EVENTPOLL_FILE },
	{ FD_TYPES__INOTIFY, 13, IMAGE_INOTIFY_FILE },
	{ FD_TYPES__SIGNALFD, 10, IMAGE_SIGNALFD },
	{ FD_TYPES__PACKETSK, 6, IMAGE_PACKETSK },
	{ FD_TYPES__TTY, 19, IMAGE_TTY_FILES },
	{ FD_TYPES__FANOTIFY, 14, IMAGE_FANOTIFY_FILE },
	{ FD_TYPES__NETLINKSK, 7, IMAGE_NETLINK_SK },
	{ FD_TYPES__NS, 5, IMAGE_NS_FILES },
	{ FD_TYPES__TUNF, 11, IMAGE_TUNFILE },
	{ FD_TYPES__EXT, 15, IMAGE_EXT_FILES },
	{ FD_TYPES__TIMERFD, 12, IMAGE_TIMERFD },
	{ FD_TYPES__MEMFD, 20, IMAGE_FILES },		/* never had one */
	{ FD_TYPES__BPFMAP, 21, IMAGE_BPFMAP_FILE },
	{ FD_TYPES__PIDFD, 22, IMAGE_PIDFD },
};

static const char *type_name(FdTypes type)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, type);

	return v ? v->name : "unknown";
}

/* The field @name of a message; NULL when it has no such field. */
static const void *field_of(const ProtobufCMessage *msg, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, name);

	return f ? (const char *)msg + f->offset : NULL;
}

/* The place of a member in @entry. */
static ProtobufCMessage **member_of(const FileEntry *entry, const struct file_member *m)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field(&file_entry__descriptor, m->member);

	return (ProtobufCMessage **)((char *)entry + f->offset);
}

/* Returns the member that entry->type selects if it is the only one; else NULL. */
static const ProtobufCMessage *only_member(const FileEntry *entry)
{
	const ProtobufCMessage *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(member_table); i++) {
		const ProtobufCMessage *member = *member_of(entry, &member_table[i]);

		if (member_table[i].type == entry->type)
			found = member;
		else if (member)
			return NULL;
	}
	return found;
}

static const struct file_kind *kind_of(const struct restore *r, FdTypes type)
{
	for (const struct file_kind *const *k = r->kinds->files; *k; k++)
		if ((*k)->type == type)
			return *k;
	return NULL;
}

/* How many there are: the largest number. */
#define SIGNALS 64

static int check_file(const struct restore *r, struct file *file)
{
	const ProtobufCMessage *member = only_member(file->entry);
	const void *p;

	if (!member)
		return log_errno(-EINVAL, "files: file %#x has not exactly the member of its type "
				 "%s", file->id, type_name(file->type));
	p = field_of(member, "id");
	if (!p || *(const uint32_t *)p != file->id)
		return log_errno(-EINVAL, "files: file %#x of type %s has another id inside",
				 file->id, type_name(file->type));
	p = field_of(member, "flags");
	file->flags = p ? *(const uint32_t *)p : 0;
	p = field_of(member, "fown");
	file->fown = p ? *(const FownEntry *const *)p : NULL;
	if (file->fown && (file->fown->signum > SIGNALS || file->fown->pid_type > F_OWNER_PGRP))
		return log_errno(-EINVAL, "files: file %#x: no owner of type %u can get signal %u",
				 file->id, file->fown->pid_type, file->fown->signum);
	file->kind = kind_of(r, file->type);
	if (!file->kind)
		return log_errno(-ENOTSUP, "files: file %#x is of type %s, which is not covered",
				 file->id, type_name(file->type));
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* A TUN device shares its id with the entry of its path, nobody else does. */
static bool may_share_id(const struct file *a, const struct file *b)
{
	return (a->type == FD_TYPES__REG && b->type == FD_TYPES__TUNF) ||
	       (a->type == FD_TYPES__TUNF && b->type == FD_TYPES__REG);
}

/*
 * Calls @add for each entry of an image; the message is the caller's. A file
 * that is not there has no entries.
 */
static int for_each_entry(struct restore *r, enum image_type type, uint32_t key,
			  int (*add)(struct restore *r, void *to, ProtobufCMessage *msg), void *to)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open(r->images, type, key, &reader);

	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		ret = add(r, to, msg);
		if (ret < 0)
			return ret;
	}
	return ret;
}

struct file_list {
	const struct file_member *member;	/* of an older image */
	size_t cap;
};

static int add_file(struct restore *r, void *to, ProtobufCMessage *msg)
{
	struct file_list *list = to;
	struct file *file = array_push(&r->files, &r->n_files, &list->cap);

	if (!file) {
		image_message_free(msg);
		return log_errno(-ENOMEM, "files: cannot keep %zu files", r->n_files);
	}
	file->entry = (FileEntry *)msg;
	file->id = file->entry->id;
	file->type = file->entry->type;
	file->fd = -1;
	file->owner_fd = -1;
	file->made = -1;
	return check_file(r, file);
}

/* A member alone: made into the entry that it is in now. */
static int add_member(struct restore *r, void *to, ProtobufCMessage *msg)
{
	struct file_list *list = to;
	FileEntry *entry = malloc(sizeof(*entry));

	if (!entry) {
		image_message_free(msg);
		return log_errno(-ENOMEM, "files: cannot keep %zu files", r->n_files);
	}
	file_entry__init(entry);
	entry->type = list->member->type;
	entry->id = *(const uint32_t *)field_of(msg, "id");
	*member_of(entry, list->member) = msg;
	return add_file(r, to, &entry->base);
}

/* What an older eventpoll watches stands in an image of its own, joined by id. */
static int add_watched(struct restore *r, void *to, ProtobufCMessage *msg)
{
	EventpollTfdEntry *watched = (EventpollTfdEntry *)msg, **list;
	struct file *file = restore_file_find(r, FD_TYPES__EVENTPOLL, watched->id);
	EventpollFileEntry *epfd = file ? file->entry->epfd : NULL;

	list = epfd ? reallocarray(epfd->tfd, epfd->n_tfd + 1, sizeof(*list)) : NULL;
	if (!list) {
		log_error("eventpoll-tfd: fd %u: %s eventpoll %#x", watched->tfd,
			  epfd ? "no memory for" : "there is no", watched->id);
		image_message_free(msg);
		return epfd ? -ENOMEM : -EINVAL;
	}
	list[epfd->n_tfd++] = watched;
	epfd->tfd = list;
	return 0;
}

/* Before files.img each type had an image (spec/images.md, section 20). */
static int read_older_files(struct restore *r)
{
	struct file_list list = {};
	int ret = 0;

	for (size_t i = 0; ret >= 0 && i < ARRAY_SIZE(member_table); i++) {
		list.member = &member_table[i];
		if (list.member->older != IMAGE_FILES)
			ret = for_each_entry(r, list.member->older, 0, add_member, &list);
	}
	return ret;
}

static int load_files(struct restore *r)
{
	struct file_list list = {};
	int ret = for_each_entry(r, IMAGE_FILES, 0, add_file, &list);
	bool older = !r->n_files;

	if (ret >= 0 && older)
		ret = read_older_files(r);
	if (ret < 0)
		return ret;
	if (r->n_files)
		qsort(r->files, r->n_files, sizeof(*r->files), compare_files);
	for (size_t i = 1; i < r->n_files; i++) {
		const struct file *a = &r->files[i - 1], *b = &r->files[i];

		if (a->id == b->id && !may_share_id(a, b))
			return log_errno(-EINVAL, "files: id %#x is there twice, as %s and %s",
					 a->id, type_name(a->type), type_name(b->type));
	}
	return older ? for_each_entry(r, IMAGE_EVENTPOLL_TFD, 0, add_watched, NULL) : 0;
}

struct file *restore_file_find(const struct restore *r, FdTypes type, uint32_t id)
{
	const struct file key = { .type = type, .id = id };

	if (!r->n_files)
		return NULL;
	return bsearch(&key, r->files, r->n_files, sizeof(*r->files), compare_files);
}

struct file *restore_file_need(const struct restore *r, FdTypes type, uint32_t id,
			       const char *owner, uint32_t owner_id)
{
	struct file *file = restore_file_find(r, type, id);

	if (!file)
		log_error("%s %#x: names no %s %#x", owner, owner_id, type_name(type), id);
	return file;
}

const char *restore_file_path(const struct file *file)
{
	return file->path ? file->path : file->entry->reg->name;
}

struct fd_table {
	FdinfoEntry **fds;
	size_t n, cap;
	uint32_t id;
};

static int add_fd(struct restore *r, void *to, ProtobufCMessage *msg)
{
	struct fd_table *table = to;
	FdinfoEntry *e = (FdinfoEntry *)msg, **slot;

	slot = array_push(&table->fds, &table->n, &table->cap);
	if (!slot) {
		image_message_free(msg);
		return log_errno(-ENOMEM, "fdinfo-%u: cannot keep %zu descriptors", table->id,
				 table->n);
	}
	*slot = e;
	if (e->fd > INT_MAX)
		return log_errno(-EINVAL, "fdinfo-%u: fd %u: no such number", table->id, e->fd);
	if (e->flags & ~FD_CLOEXEC)
		return log_errno(-EINVAL, "fdinfo-%u: fd %u: unknown flags %#x", table->id, e->fd,
				 e->flags);
	return restore_file_need(r, e->type, e->id, "fd", e->fd) ? 0 : -EINVAL;
}

static int compare_fds(const void *a, const void *b)
{
	const FdinfoEntry *const *x = a, *const *y = b;

	return (*x)->fd < (*y)->fd ? -1 : (*x)->fd > (*y)->fd;
}

static struct task *table_twin(struct restore *r, const struct task *t)
{
	struct task *other;

	TAILQ_FOREACH(other, &r->tasks, link) {
		if (other == t)
			return NULL;
		if (other->ids && other->ids->files_id == t->ids->files_id)
			return other;
	}
	return NULL;
}

static void set_owners(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_fds; i++) {
		struct file *file = restore_file_find(r, t->fds[i]->type, t->fds[i]->id);

		if (file->owner)
			continue;
		file->owner = t;
		file->owner_fd = t->fds[i]->fd;
	}
}

static int load_table(struct restore *r, struct task *t)
{
	const struct task *twin = table_twin(r, t);
	struct fd_table table = { .id = t->ids->files_id };
	int ret;

	if (twin) {
		t->fds = twin->fds;
		t->n_fds = twin->n_fds;
		return 0;
	}
	ret = for_each_entry(r, IMAGE_FDINFO, table.id, add_fd, &table);
	if (ret >= 0 && table.n) {
		qsort(table.fds, table.n, sizeof(*table.fds), compare_fds);
		t->fds = arena_memdup(r->arena, table.fds, table.n * sizeof(*table.fds));
		t->n_fds = table.n;
	}
	for (size_t i = 0; ret < 0 && i < table.n; i++)
		image_message_free(&table.fds[i]->base);
	free(table.fds);
	if (ret < 0)
		return ret;
	for (size_t i = 1; i < t->n_fds; i++)
		if (t->fds[i - 1]->fd == t->fds[i]->fd)
			return log_errno(-EINVAL, "fdinfo-%u: fd %u is there twice", table.id,
					 t->fds[i]->fd);
	set_owners(r, t);
	return 0;
}

static int let_kinds_look(struct restore *r)
{
	int ret;

	for (const struct file_kind *const *k = r->kinds->files; *k; k++) {
		ret = (*k)->load ? (*k)->load(r) : 0;
		if (ret < 0)
			return ret;
	}
	for (size_t i = 0; i < r->n_files; i++) {
		struct file *file = &r->files[i];

		ret = file->kind->collect ? file->kind->collect(r, file) : 0;
		if (ret < 0)
			return ret;
	}
	return 0;
}

int restore_files_load(struct restore *r)
{
	struct task *t;
	int ret = load_files(r);

	if (ret < 0)
		return ret;
	TAILQ_FOREACH(t, &r->tasks, link) {
		ret = t->ids ? load_table(r, t) : 0;
		if (ret < 0)
			return ret;
	}
	return let_kinds_look(r);
}

int restore_files_arrange(struct restore *r)
{
	for (const struct file_kind *const *k = r->kinds->files; *k; k++) {
		int ret = (*k)->arrange ? (*k)->arrange(r) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

int restore_files_clear(struct restore *r)
{
	int first = 0;

	for (const struct file_kind *const *k = r->kinds->files; *k; k++) {
		int ret = (*k)->clear ? (*k)->clear(r) : 0;

		if (!first)
			first = ret;
	}
	return first;
}

int restore_files_finish(struct restore *r)
{
	int first = 0;

	for (const struct file_kind *const *k = r->kinds->files; *k; k++) {
		int ret = (*k)->finish ? (*k)->finish(r) : 0;

		if (!first)
			first = ret;
	}
	return first;
}

int restore_files_open(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct file *f = &r->files[i];
		int ret = f->fd < 0 && f->kind->open ? f->kind->open(r, f) : 0;

		if (ret < 0)
			return ret;
	}
	for (const struct file_kind *const *k = r->kinds->files; *k; k++) {
		int ret = (*k)->opened ? (*k)->opened(r) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

int restore_service_fd(struct restore *r, int fd)
{
	int service = fcntl(fd, F_DUPFD_CLOEXEC, r->next_service), err = -errno;

	close(fd);
	if (service < 0)
		return log_errno(err, "fd %d: cannot move to a service number", fd);
	if (service > r->service_last) {
		close(service);
		return log_errno(-EMFILE, "fd %d: no service number is left", fd);
	}
	r->next_service = service + 1;
	return service;
}

int restore_file_set_fd(struct restore *r, struct file *file, int fd)
{
	int service = restore_service_fd(r, fd);

	if (service < 0)
		return service;
	file->fd = service;
	return 0;
}

int file_reopen(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return again < 0 ? -errno : again;
}

/* What F_SETFL can change, O_ASYNC apart; and what says nothing after open(). */
#define SETTABLE_FLAGS (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)
#define SPENT_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | FILE_O_LARGEFILE)

int restore_file_flags(const struct file *file, int fd, uint32_t flags)
{
	int now = fcntl(fd, F_GETFL);

	if (now < 0)
		return log_errno(-errno, "%s %#x: cannot read its flags", file->kind->name,
				 file->id);
	if (((uint32_t)now ^ flags) & SETTABLE_FLAGS) {
		if (fcntl(fd, F_SETFL, (now & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS)) < 0)
			return log_errno(-errno, "%s %#x: cannot set flags %#x", file->kind->name,
					 file->id, flags);
		now = fcntl(fd, F_GETFL);
	}
	if (((uint32_t)now ^ flags) & ~(SPENT_FLAGS | O_ASYNC))
		return log_errno(-EINVAL, "%s %#x: cannot restore flags %#x, the kernel made it "
				 "%#x", file->kind->name, file->id, flags, now);
	return 0;
}

int restore_file_seek(const struct file *file, int fd, uint64_t pos)
{
	off_t now;

	if (pos == FILE_POS_NONE)
		return 0;
	now = lseek(fd, pos, SEEK_SET);
	/* What can't seek has no position but 0. */
	if (now < 0 && errno == ESPIPE && pos == 0)
		return 0;
	if (now < 0)
		return log_errno(-errno, "%s %#x: cannot seek to %#lx", file->kind->name, file->id,
				 (unsigned long)pos);
	if ((uint64_t)now != pos)
		return log_errno(-EINVAL, "%s %#x: cannot seek to %#lx: it went to %#lx",
				 file->kind->name, file->id, (unsigned long)pos,
				 (unsigned long)now);
	return 0;
}

/*
 * Plain system calls: glibc would look for threads of ours to tell. The saved
 * ids stay, and with them the right to come back.
 */
static int set_ids(uid_t uid, uid_t euid, gid_t gid, gid_t egid)
{
	if (syscall(SYS_setresgid, gid, egid, -1) < 0 || syscall(SYS_setresuid, uid, euid, -1) < 0)
		return -errno;
	return 0;
}

int ids_assume(uid_t uid, uid_t euid, gid_t gid, gid_t egid, struct saved_ids *saved)
{
	uid_t suid;
	gid_t sgid;
	int r;

	if (syscall(SYS_getresuid, &saved->uid, &saved->euid, &suid) < 0 ||
	    syscall(SYS_getresgid, &saved->gid, &saved->egid, &sgid) < 0 ||
	    prctl(PR_GET_PDEATHSIG, &saved->death_signal) < 0)
		return -errno;
	r = set_ids(uid, euid, gid, egid);
	if (r < 0)
		(void)ids_resume(saved);
	return r;
}

int ids_resume(const struct saved_ids *saved)
{
	/* First what gives the right to change groups. */
	if (syscall(SYS_setresuid, saved->uid, saved->euid, -1) < 0)
		return -errno;
	if (set_ids(saved->uid, saved->euid, saved->gid, saved->egid) < 0)
		return -errno;
	return prctl(PR_SET_PDEATHSIG, saved->death_signal) < 0 ? -errno : 0;
}

/* The kernel notes who set the owner, and asks these ids when it sends the signal. */
static int set_owner_as(const FownEntry *fown, int fd)
{
	struct f_owner_ex owner = { .type = fown->pid_type, .pid = fown->pid };
	struct saved_ids saved;
	int r = ids_assume(fown->uid, fown->euid, getgid(), getegid(), &saved), back;

	if (r < 0)
		return r;
	if (fcntl(fd, F_SETOWN_EX, &owner) < 0)
		r = -errno;
	back = ids_resume(&saved);
	return r < 0 ? r : back;
}

static int restore_owner(const struct file *file, int fd)
{
	const FownEntry *fown = file->fown;
	int ret;

	if (!fown || (!fown->signum && !fown->pid))
		return 0;
	if (fown->signum && fcntl(fd, F_SETSIG, fown->signum) < 0)
		return log_errno(-errno, "%s %#x: cannot set signal %u", file->kind->name,
				 file->id, fown->signum);
	if (!fown->pid)
		return 0;
	ret = set_owner_as(fown, fd);
	if (ret < 0)
		return log_errno(ret, "%s %#x: cannot make %u its owner", file->kind->name,
				 file->id, fown->pid);
	return 0;
}

int restore_file_settle(struct restore *r, struct task *t, struct file *file, int fd)
{
	int ret = file->kind->post_open ? file->kind->post_open(r, t, file, fd) : 0;

	if (ret < 0)
		return ret;
	ret = restore_owner(file, fd);
	if (ret < 0)
		return ret;
	if (file->flags & O_ASYNC && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) < 0)
		return log_errno(-errno, "%s %#x: cannot set O_ASYNC", file->kind->name, file->id);
	return 0;
}
