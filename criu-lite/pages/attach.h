/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching: how a lazy-pages server that is at work is given another source of pages.
 *
 * Each server listens on an abstract Unix socket whose name is random, so that nobody can be
 * there before it; who looks for one finds the names in /proc/net/unix, and asks each server
 * whether the task is of its tree. Each end checks that the other has the same user, or root.
 *
 *	who attaches			server
 *	FIND {pid, kind}	->
 *				<-	ANSWER 0, -ESRCH (not mine), or -errno and why
 *	IMAGES + directory	->
 *	or PAGE_SERVER + socket	->		connected, and nothing was said on it
 *				<-	ANSWER 0: it is the source now; or -errno and why
 *
 * A page server is not connected to before the FIND was answered: one that is not the right
 * one would take us for who it waits for.
 */
#ifndef CRIU_LITE_PAGES_ATTACH_H
#define CRIU_LITE_PAGES_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

/* With its NUL byte. */
#define ATTACH_NAME_SIZE 64
#define ATTACH_TEXT_SIZE 256

enum attach_type {
	ATTACH_FIND = 1,
	ATTACH_IMAGES,
	ATTACH_PAGE_SERVER,
	ATTACH_ANSWER,
	ATTACH_TYPE_COUNT,
};

/* A message, as it is on the wire: both ends are on one machine. */
struct attach_message {
	uint32_t magic, version;
	uint32_t type;			/* enum attach_type */
	uint32_t kind;			/* FIND: what is to be attached */
	int32_t number;			/* FIND: a pid; ANSWER: 0 or -errno */
	uint32_t pad;			/* 0 */
	uint64_t pid_ns;		/* FIND: the inode of the pid namespace of that pid */
	char text[ATTACH_TEXT_SIZE];	/* what the source is called, or why; with a NUL byte */
};

/* A descriptor, non-blocking; packet_accept() takes who connects. Or -errno, logged. */
int attach_listen(void);
/*
 * The next name of a server in @text, /proc/net/unix, from *@at on: true, and *@at is behind
 * it. False: there is none.
 */
bool attach_next_name(const char **at, char name[ATTACH_NAME_SIZE]);
/*
 * Connects to it, and checks who is there. A descriptor; -ECONNREFUSED: nobody any more; -EPERM:
 * another user; -errno, logged.
 */
int attach_connect(const char *name);

/*
 * Fills in what all messages have, and sends it; @fd -1: none, else it stays the caller's. 0;
 * -EPIPE: nobody is there any more; -errno, logged.
 */
int attach_send(int sock, struct attach_message *m, int fd);
/*
 * Returns 1 and a checked message, with *@fd its descriptor or -1; 0 at the end; -EAGAIN;
 * -EPROTO or another -errno, logged.
 */
int attach_receive(int sock, struct attach_message *m, int *fd);

/* What names the pid namespace that we are in; 0: unknown, logged. */
uint64_t attach_pid_ns(void);

#endif
