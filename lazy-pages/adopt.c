// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adopting another source of pages.
 *
 * What tells one dump from another:
 *
 *	images		the inventory, byte by byte. It was written last, it lists all images with
 *			their checksums, those of the pages too, and CRIU's has a number that is
 *			drawn anew for each dump. So are those of its parents. Then the list is held
 *			against the files, and the page maps against those that are in use.
 *	a page server	the session. Its number is random, and known to the dump and to us.
 *
 * Nothing changes before everything is known to be right: all new sources are opened beside the
 * old ones, and take their places at once. A fault that has to wait has nothing of a source but
 * an address, so that the next look at it finds the new one.
 *
 * Nothing that goes wrong here ends the server. The images are read here, which takes the time
 * that it takes to read all but the pages; a page server is greeted without waiting for it.
 */
#include "lazy-pages/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/list.h"
#include "image/reader.h"
#include "lazy-pages/server.h"
#include "lazy-pages/tree.h"
#include "pages/fetch.h"
#include "pages/packet.h"
#include "pages/source.h"
#include "pages/tls.h"
#include "sys/proc_stat.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* More bytes than the lists of a million images take. */
#define INVENTORY_MAX (256L << 20)
/* Deeper than any real tree; a bound on a walk of what changes as we look. */
#define DEPTH_MAX 4096

/* Whoever attaches may be gone: then nobody is told. */
static int answer(struct server *server, int status, const char *why)
{
	struct attach_message m = { .type = ATTACH_ANSWER, .number = status };

	snprintf(m.text, sizeof(m.text), "%s", why);
	if (server->adoption.peer.fd >= 0)
		(void)attach_send(server->adoption.peer.fd, &m, -1);
	return 0;
}

/* The source that was offered is not taken. Always 0: the server goes on. */
__attribute__((format(printf, 3, 4)))
static int refuse(struct server *server, int err, const char *fmt, ...)
{
	char why[ATTACH_TEXT_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	log_error("lazy-pages: %s was not attached: %s", server->adoption.name, why);
	return answer(server, err, why);
}

static int taken(struct server *server)
{
	log_warn("lazy-pages: %s is attached: pages come from there now", server->adoption.name);
	return answer(server, 0, "");
}

/* Adds a file's length and its bytes to what is there. 0 or -errno, not logged. */
static int add_file(int fd, struct inventories *all)
{
	struct stat st;
	char *more;
	uint64_t len;

	if (fstat(fd, &st))
		return -errno;
	len = st.st_size;
	if (len > INVENTORY_MAX || all->len > INVENTORY_MAX)
		return -EFBIG;
	more = realloc(all->bytes, all->len + sizeof(len) + len);
	if (!more)
		return -ENOMEM;
	all->bytes = more;
	memcpy(more + all->len, &len, sizeof(len));
	all->len += sizeof(len);
	if (read_all(fd, more + all->len, len) != (ssize_t)len)
		return -EIO;
	all->len += len;
	return 0;
}

static int add_inventory(const struct image_dir *dir, struct inventories *all)
{
	_cleanup_close_ int fd = image_open_raw(dir, IMAGE_INVENTORY, 0, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0 && fd != -ENOENT)
		return fd;
	err = fd < 0 ? fd : add_file(fd, all);
	return err ? log_errno(err, "%s/inventory.img: cannot read", dir->path) : 0;
}

/* That of @dir, and those of the directories that it builds on: pages may be there. */
static int read_inventories(const struct image_dir *dir, struct inventories *all)
{
	_cleanup_(image_dir_cleanup) struct image_dir *parent = NULL;
	int err = add_inventory(dir, all);

	for (const struct image_dir *at = dir; !err;) {
		struct image_dir *next;

		err = image_dir_open_parent(at, &next);
		if (err == -ENOENT)
			return 0;
		if (err)
			break;
		image_dir_free(parent);
		at = parent = next;
		err = add_inventory(at, all);
	}
	return err;
}

static void inventories_cleanup(struct inventories *all)
{
	free(all->bytes);
}

void adopt_remember(struct server *server)
{
	struct inventories *all = &server->adoption.inventories;

	if (!read_inventories(server->images, all))
		return;
	log_warn("lazy-pages: no other copy of the images can be attached");
	free(all->bytes);
	*all = (struct inventories){};
}

int adopt_pid(const struct server *server)
{
	for (size_t i = 0; i < server->n_pidfds; i++) {
		pid_t pid = tree_pidfd_pid(server->pidfds[i]);

		if (pid > 0)
			return pid;
	}
	return 0;
}

/* Whether it is a task that was handed over, or descends from one. */
static bool serves(const struct server *server, pid_t pid)
{
	pid_t line[DEPTH_MAX];
	struct proc_stat st;
	size_t n = 0;

	while (n < ARRAY_SIZE(line) && pid > 1 && !proc_stat_read(pid, 0, &st)) {
		line[n++] = pid;
		pid = st.ppid;
	}
	for (size_t i = 0; i < server->n_pidfds; i++) {
		pid_t task = tree_pidfd_pid(server->pidfds[i]);

		for (size_t j = 0; j < n; j++)
			if (line[j] == task)
				return true;
	}
	return false;
}

static int on_find(struct server *server, const struct attach_message *m, int fd)
{
	if (m->pid_ns != attach_pid_ns())
		return answer(server, -EXDEV, "the server is in another pid namespace");
	if (!serves(server, m->number))
		return answer(server, -ESRCH, "");
	if (!server->complete)
		return answer(server, -EBUSY, "the restore is not over");
	if (m->kind == ATTACH_PAGE_SERVER &&
	    !(server->fetch && page_fetch_session(server->fetch)))
		return answer(server, -EINVAL, server->fetch ?
			      "its dump speaks CRIU's protocol: there is no going on elsewhere" :
			      "no memory of it was left with a dump: give it a directory (-D)");
	server->adoption.kind = m->kind;
	return answer(server, 0, "");
}

/* The sources that were made to take the place of others, and will not. */
static void forget_next(struct server *server)
{
	struct lazy_segment *ls;
	struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link) {
		source_free(sp->source->next);
		sp->source->next = NULL;
	}
	TAILQ_FOREACH(ls, &server->segments, link) {
		source_free(ls->next);
		ls->next = NULL;
	}
}

static int compare(struct page_source *now, struct page_source *next, const char *what,
		   uint64_t id)
{
	uint64_t at;
	int err = source_compare(now, next, &at);

	return err == -ESTALE ? log_errno(err, "%s %" PRIu64 ": the page maps differ at %#" PRIx64,
					  what, id, at) : err;
}

static int open_next(struct server *server, struct image_dir *dir)
{
	struct lazy_segment *ls;
	struct lazy_space *sp;
	int err = 0;

	TAILQ_FOREACH(sp, &server->spaces, link) {
		if (!err && !sp->source->next) {
			err = server_open_source(server, dir, sp->pid, &sp->source->next);
			if (!err)
				err = compare(sp->source->pages, sp->source->next, "task",
					      sp->pid);
		}
	}
	TAILQ_FOREACH(ls, &server->segments, link) {
		if (!err)
			err = source_file_open(dir, IMAGE_SHMEM_PAGEMAP, ls->segment.shmid,
					       &ls->next);
		if (!err)
			err = compare(ls->source, ls->next, "segment", ls->segment.shmid);
	}
	return err == -ENOENT ? log_errno(err, "%s: a page map is missing", dir->path) : err;
}

/* Nothing of a source is in use between two lookups. */
static void put_next(struct server *server)
{
	struct lazy_segment *ls;
	struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link) {
		sp->ahead = (struct ahead){};
		for (size_t i = 0; i < sp->n_faults; i++)
			sp->faults[i].damaged = false;
		if (!sp->source->next)
			continue;
		source_free(sp->source->pages);
		sp->source->pages = take_ptr(sp->source->next);
	}
	TAILQ_FOREACH(ls, &server->segments, link) {
		ls->ahead = (struct ahead){};
		source_free(ls->source);
		ls->source = take_ptr(ls->next);
	}
}

/* 0; -ESTALE: of another dump; -errno; logged. */
static int check_images(struct server *server, struct image_dir *dir, InventoryEntry **inventory)
{
	const struct inventories *known = &server->adoption.inventories;
	_cleanup_(inventories_cleanup) struct inventories all = {};
	int err = read_inventories(dir, &all);

	if (err)
		return err;
	if (!known->len)
		return log_errno(-ENODATA, "%s: nobody knows what the other one was", dir->path);
	if (all.len != known->len || memcmp(all.bytes, known->bytes, all.len))
		return log_errno(-ESTALE, "%s/inventory.img: is that of another dump, or a parent's is",
				 dir->path);
	err = image_read_inventory(dir, inventory);
	if (!err)
		err = image_list_check(dir, *inventory, false);
	return err ? err : image_list_check_page_crcs(dir, *inventory, false);
}

/* The list of what may be read of them is in their inventory. */
static void put_images(struct server *server, struct image_dir *dir, InventoryEntry *inventory)
{
	struct adoption *a = &server->adoption;

	image_dir_free(server->images);
	if (a->listed)
		image_message_free(&a->listed->base);
	server->images = dir;
	a->listed = inventory;
}

static int on_images(struct server *server, const struct attach_message *m, int fd)
{
	_cleanup_(image_dir_cleanup) struct image_dir *dir = NULL;
	InventoryEntry *inventory = NULL;
	int err = image_dir_take(fd, m->text, &dir);

	if (!err)
		err = check_images(server, dir, &inventory);
	if (!err)
		err = open_next(server, dir);
	if (!err) {
		put_next(server);
		server->damaged = false;
		put_images(server, take_ptr(dir), inventory);
		return taken(server);
	}
	forget_next(server);
	if (inventory)
		image_message_free(&inventory->base);
	if (err == -ESTALE)
		return refuse(server, err, "it is of another dump than the tree");
	return refuse(server, err, "its images cannot be used: %s (the server's log says more)",
		      strerror(-err));
}

/* The old session ends by being free: the dump has heard the new one. */
static int put_fetch(struct server *server, struct page_fetch *fetch)
{
	struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link) {
		source_remote_ask(sp->source->pages, fetch);
		sp->ahead = (struct ahead){};
	}
	server_unwatch(server, &server->remote);
	page_fetch_free(server->fetch);
	server->fetch = fetch;
	server->remote.fd = page_fetch_fd(fetch);
	return server_watch(server, &server->remote);
}

/* The watch has the stream's descriptor. */
static void end_greeting(struct server *server)
{
	struct adoption *a = &server->adoption;

	if (a->greet.fd >= 0)
		server_unwatch(server, &a->greet);
	a->greet.fd = -1;
	stream_close(&a->stream);
}

/* As hello_ask(). */
static int greet(struct adoption *a)
{
	int err = stream_begin(&a->stream);

	if (!err)
		return hello_ask(&a->hello, &a->stream);
	a->hello.why = a->stream.why;
	return err;
}

static int greet_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct adoption *a = &server->adoption;
	struct page_fetch *fetch;
	struct stream stream;
	int err = greet(a);

	if (err == -EAGAIN)
		return 0;
	stream = stream_take(&a->stream);
	server_unwatch(server, watch);
	watch->fd = -1;
	if (err) {
		stream_close(&stream);
		return refuse(server, err > 0 ? -EPROTO : err, "%s",
			      err > 0 ? "it is not the dump of this tree" :
			      a->hello.why ? a->hello.why : strerror(-err));
	}
	err = page_fetch_lanes_new(stream, page_fetch_session(server->fetch),
				   &server->fetch_options, &fetch);
	if (err)
		return refuse(server, err, "the session cannot go on: %s", strerror(-err));
	err = put_fetch(server, fetch);
	return err ? err : taken(server);
}

static int on_page_server(struct server *server, const struct attach_message *m, int fd)
{
	struct adoption *a = &server->adoption;
	int err;

	end_greeting(server);
	err = tls_open(server->tls, TLS_CONNECTS, fd, &a->stream);
	if (err)
		return refuse(server, err, "%s", strerror(-err));
	a->greet = (struct watch){ .fd = fd, .ready = greet_ready };
	hello_ask_init(&a->hello, server->fetch_options.token, page_fetch_session(server->fetch),
		       HELLO_BULK, server->fetch_options.wait ? HELLO_RETRY_ALWAYS :
								server->fetch_options.retry);
	err = server_watch(server, &a->greet);
	if (!err)
		return greet_ready(server, &a->greet, 0);
	a->greet.fd = -1;
	stream_close(&a->stream);
	return refuse(server, err, "%s", strerror(-err));
}

static const struct adopt_row {
	enum attach_type type;
	/* Takes @fd. Returns 0, or -errno (logged), which ends the server. */
	int (*apply)(struct server *server, const struct attach_message *m, int fd);
} adopt_table[] = {
	{ ATTACH_FIND, on_find },
	{ ATTACH_IMAGES, on_images },
	{ ATTACH_PAGE_SERVER, on_page_server },
};

static int apply(struct server *server, const struct attach_message *m, int fd)
{
	struct adoption *a = &server->adoption;

	/* Asked for without being asked: what it found out is what counts. */
	if (m->type != ATTACH_FIND && m->type != a->kind) {
		close_cleanup(&fd);
		return answer(server, -EPROTO, "it was not asked for");
	}
	a->kind = 0;
	snprintf(a->name, sizeof(a->name), "%s", m->text);
	for (size_t i = 0; i < ARRAY_SIZE(adopt_table); i++)
		if (adopt_table[i].type == m->type)
			return adopt_table[i].apply(server, m, fd);
	close_cleanup(&fd);
	return answer(server, -EPROTO, "no server is asked that");
}

static int peer_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct attach_message m;
	int fd, ret = attach_receive(watch->fd, &m, &fd);

	if (ret == -EAGAIN)
		return 0;
	if (ret > 0)
		return apply(server, &m, fd);
	end_greeting(server);
	server_close_watch(server, watch);
	return 0;
}

/* The last one to come is the one that is listened to, unless another is about to be taken. */
static int listener_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct adoption *a = &server->adoption;
	_cleanup_close_ int sock = packet_accept(watch->fd);

	if (sock == -EAGAIN || sock == -EPERM)
		return 0;
	if (sock < 0) {
		log_error("lazy-pages: no other source can be attached any more");
		server_close_watch(server, watch);
		return 0;
	}
	if (a->greet.fd >= 0) {
		log_warn("lazy-pages: another source is being looked at: turned away");
		return 0;
	}
	server_close_watch(server, &a->peer);
	a->peer = (struct watch){ .fd = take_fd(&sock), .ready = peer_ready };
	if (server_watch(server, &a->peer))
		server_close_watch(server, &a->peer);
	return 0;
}

void adopt_listen(struct server *server)
{
	struct watch *watch = &server->adoption.listener;

	*watch = (struct watch){ .fd = attach_listen(), .ready = listener_ready };
	if (watch->fd >= 0 && server_watch(server, watch))
		server_close_watch(server, watch);
	if (watch->fd < 0)
		log_warn("lazy-pages: no other source can be attached");
}
