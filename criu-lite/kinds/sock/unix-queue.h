/* SPDX-License-Identifier: GPL-2.0-only */
/* What a unix socket has received and not read yet: sk-queues.img. */
#ifndef CRIU_LITE_KINDS_SOCK_UNIX_QUEUE_H
#define CRIU_LITE_KINDS_SOCK_UNIX_QUEUE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct dump;
struct fd_info;
struct file;
struct image_writer;
struct restore;

struct unix_packet {
	STAILQ_ENTRY(unix_packet) link;
	uint32_t len;			/* 0: an empty datagram */
	uint32_t n_rights;		/* descriptors that come with it */
	int *fds;			/* dump: ours, until they are dumped */
	uint32_t *rights;		/* file ids */
	char data[];
};

/* In the order of delivery. A stream has one packet, more only with descriptors, or none. */
STAILQ_HEAD(unix_queue, unix_packet);

/*
 * Copies the queue of a socket without taking anything from it. @type is
 * SOCK_*; @ended: the socket's receiving side is shut. Returns 0 or -errno,
 * logged; -ENOTSUP: something in it can't be kept.
 */
int unix_queue_read(struct dump *d, const struct fd_info *info, int type, bool ended,
		    struct unix_queue *queue);
/*
 * Dumps the files that are in flight in @queue, which was read of @info.
 * Returns 0 or -errno, logged.
 */
int unix_queue_reach(struct dump *d, const struct fd_info *info, struct unix_queue *queue);
/* Appends the packets to sk-queues.img for the file @id. Returns 0 or -errno, logged. */
int unix_queue_write(struct image_writer *w, uint32_t id, const struct unix_queue *queue);

/*
 * Reads sk-queues.img; @find says where the packets of file @id go, NULL: there
 * is no such file. Returns 0 or -errno, logged.
 */
int unix_queues_load(struct restore *r, struct unix_queue *(*find)(struct restore *r, uint32_t id));
/*
 * Sends the packets through @fd, the other end of @file, when every file is
 * open. The send buffer of @fd is made large enough and stays so. Returns 0 or
 * -errno, logged.
 */
int unix_queue_fill(struct restore *r, const struct file *file, const struct unix_queue *queue,
		    int fd);

#endif
