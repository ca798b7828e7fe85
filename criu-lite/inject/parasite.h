/* SPDX-License-Identifier: GPL-2.0-only */
/* The dumper's side of a parasite, shared by the files that make up session.h. */
#ifndef CRIU_LITE_INJECT_PARASITE_H
#define CRIU_LITE_INJECT_PARASITE_H

#include <stdint.h>

#include "inject/abi/parasite.h"
#include "inject/pad.h"
#include "inject/tracee.h"

/* Bytes of the scratch memory in the area. */
#define PARASITE_SCRATCH_SIZE 256

struct parasite {
	pid_t pid;
	pid_t tid;			/* who made the guest: runs, unlike maybe the leader */
	int mem_fd;			/* /proc/TID/mem */
	int sock;			/* control socket; -1: not connected */
	int pipe;			/* read end of the page pipe; -1: none yet */
	size_t pipe_size;		/* bytes */
	struct pad pad;
	struct tracee guest;		/* its thread; TRACEE_FREE: not made */
	uint64_t area, area_len;	/* in the task; len 0: not mapped */
	uint64_t scratch;		/* writable memory in the area, for facts of a thread */
	struct parasite_token token;
	struct parasite_misc misc;
	struct parasite_packet packet;
};

/*
 * Lets its thread go on when something stopped it. -ESRCH (not logged): it was
 * killed with its task; -EPIPE: it left.
 */
int parasite_look(struct parasite *p);

/*
 * Waits until @fd has something to read, 10 s at most; looks after the
 * parasite meanwhile; errors of parasite_look().
 */
int parasite_wait(struct parasite *p, int fd);

/*
 * One request: p->packet, whose header has command and count, and @len bytes
 * behind it. @fd goes along when not -1. Returns 0 or -errno, logged.
 */
int parasite_send(struct parasite *p, enum parasite_command command, uint32_t count, size_t len,
		  int fd);
/*
 * The reply, into p->packet; @len bytes are expected behind the header.
 * p->packet.header.result is for the caller to look at.
 */
int parasite_receive(struct parasite *p, enum parasite_command command, size_t len);

#endif
