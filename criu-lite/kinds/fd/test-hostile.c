// SPDX-License-Identifier: GPL-2.0-only
/* Images that no dump wrote: each is refused when it is read, before any task runs. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/file.h"
#include "core/options.h"
#include "core/restore.h"
#include "image/dir.h"
#include "image/writer.h"
#include "images/pipe-data.pb-c.h"
#include "images/sk-queue.pb-c.h"
#include "kinds/kinds.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/macro.h"

static const struct file_kind *const files[] = {
	&epoll_kind, &eventfd_kind, &fifo_kind, &inet_kind, &pipe_kind, &regular_kind,
	&signalfd_kind, &terminal_kind, &timerfd_kind, &unix_kind, NULL,
};
static const struct kind_table table = { .files = files };

/* One of each member, sound until a case spoils it. */
struct image {
	FileEntry files[3];
	size_t n_files;
	FdinfoEntry fds[2];
	size_t n_fds;
	FownEntry fown;
	RegFileEntry reg;
	PipeEntry pipe, pipe2;
	FifoEntry fifo;
	EventfdFileEntry efd;
	TimerfdEntry tfd;
	EventpollFileEntry epfd;
	EventpollTfdEntry target, *targets[1];
	InetSkEntry isk;
	UnixSkEntry usk, usk2;
	SkOptsEntry opts;
	SkMoreEntry more, *mores[1];
	TtyFileEntry tty;
	uint32_t words[4];
	PipeDataEntry data[2];
	size_t n_data;
	size_t data_bytes;		/* that follow the last one */
	SkPacketEntry packet;
	ScmEntry scm, *scms[1];
	bool has_packet;
};

static void image_init(struct image *i)
{
	memset(i, 0, sizeof(*i));
	for (size_t n = 0; n < ARRAY_SIZE(i->files); n++) {
		file_entry__init(&i->files[n]);
		i->files[n].id = n + 1;
	}
	i->n_files = 1;
	for (size_t n = 0; n < ARRAY_SIZE(i->fds); n++) {
		fdinfo_entry__init(&i->fds[n]);
		i->fds[n].id = n + 1;
		i->fds[n].fd = n;
	}
	fown_entry__init(&i->fown);
	reg_file_entry__init(&i->reg);
	pipe_entry__init(&i->pipe);
	pipe_entry__init(&i->pipe2);
	fifo_entry__init(&i->fifo);
	eventfd_file_entry__init(&i->efd);
	timerfd_entry__init(&i->tfd);
	eventpoll_file_entry__init(&i->epfd);
	eventpoll_tfd_entry__init(&i->target);
	inet_sk_entry__init(&i->isk);
	unix_sk_entry__init(&i->usk);
	unix_sk_entry__init(&i->usk2);
	sk_opts_entry__init(&i->opts);
	sk_more_entry__init(&i->more);
	tty_file_entry__init(&i->tty);
	pipe_data_entry__init(&i->data[0]);
	pipe_data_entry__init(&i->data[1]);
	sk_packet_entry__init(&i->packet);
	scm_entry__init(&i->scm);
	i->reg.id = i->pipe.id = i->efd.id = i->tfd.id = i->epfd.id = i->isk.id = i->usk.id =
		i->tty.id = i->fifo.id = 1;
	i->pipe2.id = i->usk2.id = 2;
	i->reg.fown = i->pipe.fown = i->pipe2.fown = i->efd.fown = i->tfd.fown = i->epfd.fown =
		i->isk.fown = i->usk.fown = i->usk2.fown = i->tty.fown = &i->fown;
	i->isk.opts = i->usk.opts = i->usk2.opts = &i->opts;
	i->reg.name = "/dev/null";
	i->targets[0] = &i->target;
	i->mores[0] = &i->more;
	i->scms[0] = &i->scm;
}

static void use_reg(struct image *i)
{
	i->files[0].type = i->fds[0].type = FD_TYPES__REG;
	i->files[0].reg = &i->reg;
}

static void use_pipe(struct image *i)
{
	i->files[0].type = i->fds[0].type = FD_TYPES__PIPE;
	i->files[0].pipe = &i->pipe;
	i->pipe.pipe_id = i->data[0].pipe_id = i->data[1].pipe_id = 7;
}

static void use_inet(struct image *i)
{
	i->files[0].type = i->fds[0].type = FD_TYPES__INETSK;
	i->files[0].isk = &i->isk;
	i->isk.family = AF_INET;
	i->isk.type = SOCK_STREAM;
	i->isk.proto = IPPROTO_TCP;
	i->isk.state = TCP_CLOSE;
	i->isk.n_src_addr = i->isk.n_dst_addr = 1;
	i->isk.src_addr = i->isk.dst_addr = i->words;
}

static void use_unix(struct image *i)
{
	i->files[0].type = i->fds[0].type = i->files[1].type = FD_TYPES__UNIXSK;
	i->files[0].usk = &i->usk;
	i->files[1].usk = &i->usk2;
	i->n_files = 2;
	i->usk.type = i->usk2.type = SOCK_STREAM;
	i->usk.state = i->usk2.state = TCP_ESTABLISHED;
	i->usk.ino = i->usk2.peer = 10;
	i->usk2.ino = i->usk.peer = 11;
}

static void sound_reg(struct image *i)
{
	use_reg(i);
	i->n_fds = 1;
}

static void sound_pipe(struct image *i)
{
	use_pipe(i);
	i->n_fds = i->n_data = 1;
	i->data[0].bytes = i->data_bytes = 10;
}

static void sound_inet(struct image *i)
{
	use_inet(i);
	i->opts.more = i->mores;
	i->opts.n_more = 1;
	i->more.level = IPPROTO_TCP;
	i->more.name = TCP_USER_TIMEOUT;
	i->more.value.data = (uint8_t *)i->words;
	i->more.value.len = 4;
}

static void sound_unix(struct image *i)
{
	use_unix(i);
	i->has_packet = true;
	i->packet.id_for = 2;
}

static void no_member(struct image *i)
{
	i->files[0].type = FD_TYPES__REG;
}

static void wrong_member(struct image *i)
{
	use_reg(i);
	i->files[0].type = FD_TYPES__PIPE;
}

static void two_members(struct image *i)
{
	use_reg(i);
	i->files[0].pipe = &i->pipe;
}

static void other_id(struct image *i)
{
	use_reg(i);
	i->reg.id = 2;
}

static void same_id(struct image *i)
{
	use_reg(i);
	i->files[1] = i->files[0];
	i->n_files = 2;
}

static void marker_type(struct image *i)
{
	use_reg(i);
	i->files[0].type = FD_TYPES__CTL_TTY;
}

static void fd_without_file(struct image *i)
{
	sound_reg(i);
	i->fds[0].id = 9;
}

static void fd_of_other_type(struct image *i)
{
	sound_reg(i);
	i->fds[0].type = FD_TYPES__PIPE;
}

static void fd_twice(struct image *i)
{
	sound_reg(i);
	i->fds[1] = i->fds[0];
	i->n_fds = 2;
}

static void fd_negative(struct image *i)
{
	sound_reg(i);
	i->fds[0].fd = UINT32_MAX;
}

static void fd_flags(struct image *i)
{
	sound_reg(i);
	i->fds[0].flags = 2;
}

static void reg_relative(struct image *i)
{
	use_reg(i);
	i->reg.name = "etc/passwd";
}

static void reg_flags(struct image *i)
{
	use_reg(i);
	i->reg.flags = O_CREAT | O_TRUNC;
}

static void reg_external(struct image *i)
{
	use_reg(i);
	i->reg.has_ext = i->reg.ext = true;
}

static void pipe_packets(struct image *i)
{
	use_pipe(i);
	i->pipe.flags = O_DIRECT;
}

static void pipe_short_data(struct image *i)
{
	sound_pipe(i);
	i->data[0].bytes = 4000000000U;
}

static void pipe_data_twice(struct image *i)
{
	sound_pipe(i);
	i->n_data = 2;
	i->data[0].bytes = 0;
}

static void pipe_capacity(struct image *i)
{
	sound_pipe(i);
	i->data[0].has_size = true;
	i->data[0].size = UINT32_MAX;
}

static void fifo_without_path(struct image *i)
{
	i->files[0].type = FD_TYPES__FIFO;
	i->files[0].fifo = &i->fifo;
	i->fifo.has_regf_id = true;
	i->fifo.regf_id = 2;
}

static void fifo_path_is_open(struct image *i)
{
	fifo_without_path(i);
	i->files[1].type = i->fds[1].type = FD_TYPES__REG;
	i->files[1].reg = &i->reg;
	i->reg.id = 2;
	i->n_files = 2;
	i->fds[0] = i->fds[1];
	i->n_fds = 1;
}

static void eventfd_overflow(struct image *i)
{
	i->files[0].type = FD_TYPES__EVENTFD;
	i->files[0].efd = &i->efd;
	i->efd.counter = UINT64_MAX;
}

static void use_timerfd(struct image *i)
{
	i->files[0].type = FD_TYPES__TIMERFD;
	i->files[0].tfd = &i->tfd;
}

static void timerfd_clock(struct image *i)
{
	use_timerfd(i);
	i->tfd.clockid = 2;
}

static void timerfd_time(struct image *i)
{
	use_timerfd(i);
	i->tfd.vsec = UINT64_MAX;
}

static void timerfd_nanoseconds(struct image *i)
{
	use_timerfd(i);
	i->tfd.insec = 1000000000;
}

static void timerfd_wall(struct image *i)
{
	use_timerfd(i);
	i->tfd.has_wall_sec = true;
	i->tfd.wall_sec = 1;
}

static void timerfd_flags(struct image *i)
{
	use_timerfd(i);
	i->tfd.settime_flags = 4;
}

static void epoll_target(struct image *i)
{
	i->files[0].type = i->fds[0].type = FD_TYPES__EVENTPOLL;
	i->files[0].epfd = &i->epfd;
	i->n_fds = 1;
	i->epfd.tfd = i->targets;
	i->epfd.n_tfd = 1;
	i->target.tfd = 5;
}

static void epoll_unowned(struct image *i)
{
	epoll_target(i);
	i->n_fds = 0;
}

static void inet_family(struct image *i)
{
	use_inet(i);
	i->isk.family = AF_PACKET;
}

static void inet_raw(struct image *i)
{
	use_inet(i);
	i->isk.type = SOCK_RAW;
}

static void inet_connection(struct image *i)
{
	use_inet(i);
	i->isk.state = TCP_ESTABLISHED;
}

static void inet_address(struct image *i)
{
	use_inet(i);
	i->isk.n_src_addr = 0;
}

static void inet_port(struct image *i)
{
	use_inet(i);
	i->isk.src_port = 65536;
}

static void inet_option(struct image *i)
{
	sound_inet(i);
	i->more.level = SOL_SOCKET;
	i->more.name = SO_ATTACH_BPF;
}

static void inet_option_length(struct image *i)
{
	static uint8_t bytes[65];

	sound_inet(i);
	i->more.value.data = bytes;
	i->more.value.len = sizeof(bytes);
}

static void inet_filter(struct image *i)
{
	static uint64_t code[5000];

	use_inet(i);
	i->opts.so_filter = code;
	i->opts.n_so_filter = ARRAY_SIZE(code);
}

static void inet_timeout(struct image *i)
{
	use_inet(i);
	i->opts.so_rcv_tmo_usec = 1000000;
}

static void inet_device(struct image *i)
{
	use_inet(i);
	i->opts.so_bound_dev = "a-name-that-is-too-long";
}

static void unix_no_peer(struct image *i)
{
	use_unix(i);
	i->usk.peer = 12;
}

static void unix_same_inode(struct image *i)
{
	use_unix(i);
	i->usk2.ino = 10;
}

static void unix_type(struct image *i)
{
	use_unix(i);
	i->usk.type = SOCK_RAW;
}

static void unix_self(struct image *i)
{
	use_unix(i);
	i->usk.peer = 10;
}

static void unix_outside(struct image *i)
{
	use_unix(i);
	i->usk.uflags = 1;
}

static void unix_named(struct image *i)
{
	use_unix(i);
	i->usk.name.data = (uint8_t *)"\0x";
	i->usk.name.len = 2;
}

static void use_dgram(struct image *i)
{
	use_unix(i);
	i->usk.type = i->usk2.type = SOCK_DGRAM;
	i->usk.peer = i->usk2.peer = 0;
	i->usk.state = i->usk2.state = TCP_CLOSE;
}

static void unix_path_without_end(struct image *i)
{
	use_dgram(i);
	i->usk.name.data = (uint8_t *)"/tmp/x";
	i->usk.name.len = 6;
}

static void unix_path_without_directory(struct image *i)
{
	use_dgram(i);
	i->usk.name.data = (uint8_t *)"x";
	i->usk.name.len = 2;
}

static void unix_long_name(struct image *i)
{
	static uint8_t bytes[200];

	use_dgram(i);
	i->usk.name.data = bytes;
	i->usk.name.len = sizeof(bytes);
}

static void unix_listens(struct image *i)
{
	use_dgram(i);
	i->usk.state = TCP_LISTEN;
}

static void unix_lone_queue(struct image *i)
{
	use_dgram(i);
	i->has_packet = true;
	i->packet.id_for = 1;
}

static void queue_of_nobody(struct image *i)
{
	sound_unix(i);
	i->packet.id_for = 3;
}

/* Ancillary data of @type, with the files @ids. */
static void send_along(struct image *i, uint32_t type, uint32_t *ids, size_t n)
{
	sound_unix(i);
	i->scm.type = type;
	i->scm.rights = ids;
	i->scm.n_rights = n;
	i->packet.scm = i->scms;
	i->packet.n_scm = 1;
}

static void queue_of_credentials(struct image *i)
{
	send_along(i, SCM_CREDENTIALS, NULL, 0);
}

static void queue_of_no_file(struct image *i)
{
	static uint32_t ids[] = { 0x1234 };

	send_along(i, SCM_RIGHTS, ids, 1);
}

static void queue_of_too_many_files(struct image *i)
{
	static uint32_t ids[254];

	send_along(i, SCM_RIGHTS, ids, ARRAY_SIZE(ids));
}

static void queue_too_long(struct image *i)
{
	sound_unix(i);
	i->packet.length = 1000000;
}

static void terminal_alone(struct image *i)
{
	i->files[0].type = FD_TYPES__TTY;
	i->files[0].tty = &i->tty;
}

static void write_files(const struct image_dir *dir, const struct image *i)
{
	struct image_writer *w;

	assert_int_equal(image_writer_open(dir, IMAGE_FILES, 0, &w), 0);
	for (size_t n = 0; n < i->n_files; n++)
		assert_int_equal(image_write(w, &i->files[n].base), 0);
	assert_int_equal(image_writer_close(w), 0);
	assert_int_equal(image_writer_open(dir, IMAGE_FDINFO, 2, &w), 0);
	for (size_t n = 0; n < i->n_fds; n++)
		assert_int_equal(image_write(w, &i->fds[n].base), 0);
	assert_int_equal(image_writer_close(w), 0);
}

static void write_data(const struct image_dir *dir, const struct image *i)
{
	static const char bytes[64];
	struct image_writer *w;

	if (i->n_data) {
		assert_int_equal(image_writer_open(dir, IMAGE_PIPES_DATA, 0, &w), 0);
		for (size_t n = 0; n < i->n_data; n++)
			assert_int_equal(image_write(w, &i->data[n].base), 0);
		if (i->data_bytes)
			(void)image_writer_extra(w, bytes, i->data_bytes);
		(void)image_writer_close(w);
	}
	if (i->has_packet) {
		assert_int_equal(image_writer_open(dir, IMAGE_SK_QUEUES, 0, &w), 0);
		assert_int_equal(image_write(w, &i->packet.base), 0);
		(void)image_writer_close(w);
	}
}

static int load(const struct image *i)
{
	static const char *const names[] = {
		"files.img", "fdinfo-2.img", "pipes-data.img", "sk-queues.img",
	};
	static TaskKobjIdsEntry ids = TASK_KOBJ_IDS_ENTRY__INIT;
	const struct options opts = {};
	char path[] = "/tmp/test-hostile-XXXXXX";
	struct task t = { .pid = 5, .ids = &ids };
	struct restore r = { .opts = &opts, .kinds = &table, .arena = arena_new() };
	int ret;

	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_open(path, &r.images), 0);
	write_files(r.images, i);
	write_data(r.images, i);
	ids.files_id = 2;
	TAILQ_INIT(&r.tasks);
	TAILQ_INSERT_TAIL(&r.tasks, &t, link);
	ret = restore_files_load(&r);
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		unlinkat(r.images->fd, names[n], 0);
	assert_int_equal(rmdir(path), 0);
	for (size_t n = 0; n < t.n_fds; n++)
		protobuf_c_message_free_unpacked(&t.fds[n]->base, NULL);
	for (size_t n = 0; n < r.n_files; n++)
		protobuf_c_message_free_unpacked(&r.files[n].entry->base, NULL);
	free(r.files);
	image_dir_free(r.images);
	arena_free(r.arena);
	return ret;
}

typedef void (*spoil_fn)(struct image *);

static void test_sound(void **state)
{
	static const spoil_fn table[] = { sound_reg, sound_pipe, sound_inet, sound_unix };
	struct image i;

	for (size_t n = 0; n < ARRAY_SIZE(table); n++) {
		image_init(&i);
		table[n](&i);
		assert_int_equal(load(&i), 0);
	}
}

static void test_hostile(void **state)
{
	static const spoil_fn table[] = {
		no_member, wrong_member, two_members, other_id, same_id, marker_type,
		fd_without_file, fd_of_other_type, fd_twice, fd_negative, fd_flags,
		reg_relative, reg_flags, reg_external,
		pipe_packets, pipe_short_data, pipe_data_twice, pipe_capacity,
		fifo_without_path, fifo_path_is_open,
		eventfd_overflow,
		timerfd_clock, timerfd_time, timerfd_nanoseconds, timerfd_flags,
		timerfd_wall,
		epoll_target, epoll_unowned,
		inet_family, inet_raw, inet_connection, inet_address, inet_port, inet_option,
		inet_option_length, inet_filter, inet_timeout, inet_device,
		unix_no_peer, unix_same_inode, unix_type, unix_self, unix_outside, unix_named,
		unix_path_without_end, unix_path_without_directory, unix_long_name, unix_listens,
		unix_lone_queue, queue_of_nobody, queue_of_credentials,
		queue_of_no_file, queue_of_too_many_files, queue_too_long, terminal_alone,
	};
	struct image i;

	for (size_t n = 0; n < ARRAY_SIZE(table); n++) {
		int ret;

		image_init(&i);
		table[n](&i);
		ret = load(&i);
		if (ret >= 0)
			fail_msg("case %zu was taken", n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
