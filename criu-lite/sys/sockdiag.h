/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets of the current network namespace, as sock_diag(7) lists them.
 * Taken once, then looked up by inode.
 */
#ifndef CRIU_LITE_SYS_SOCKDIAG_H
#define CRIU_LITE_SYS_SOCKDIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of @families. */
enum sockdiag_families {
	SOCKDIAG_TCP = 1 << 0,		/* v4 and v6 */
	SOCKDIAG_UDP = 1 << 1,
	SOCKDIAG_UDPLITE = 1 << 2,
	SOCKDIAG_UNIX = 1 << 3,
	SOCKDIAG_ALL = SOCKDIAG_TCP | SOCKDIAG_UDP | SOCKDIAG_UDPLITE | SOCKDIAG_UNIX,
};

enum { SOCKDIAG_UNIX_NAME_MAX = 108 };	/* sizeof(sun_path) */

struct sockdiag_inet {
	uint8_t src[16], dst[16];	/* network order; 4 bytes used for AF_INET */
	uint16_t sport, dport;		/* host order */
	uint32_t ifindex;		/* bound to this device; 0: none */
	bool v6only;
	bool has_v6only;
};

struct sockdiag_unix {
	uint32_t peer;			/* inode; 0: none */
	uint32_t vfs_ino, vfs_dev;	/* of the bound path; 0: none or abstract */
	uint8_t name[SOCKDIAG_UNIX_NAME_MAX];	/* begins with NUL when abstract */
	size_t name_len;		/* 0: not bound */
	uint32_t *pending;		/* inodes that wait for accept() */
	size_t n_pending;
};

struct sockdiag_sock {
	uint32_t ino;			/* as in "socket:[INO]" */
	uint8_t family;			/* AF_INET, AF_INET6, AF_UNIX */
	uint8_t type;			/* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
	uint8_t protocol;		/* IPPROTO_*; 0 for AF_UNIX */
	uint8_t state;			/* TCP_* of <netinet/tcp.h>, for every family */
	uint8_t shutdown;		/* bits: 1 receiving, 2 sending is shut */
	/*
	 * Bytes to read and bytes unsent, or, for TCP_LISTEN, connections that
	 * wait and the backlog that listen() was given.
	 */
	uint32_t rqueue, wqueue;
	union {
		struct sockdiag_inet inet;
		struct sockdiag_unix un;
	};
};

struct sockdiag;

/*
 * Asks the kernel for all sockets of @families. A family that the kernel
 * lacks (module absent) has none. The kernel does not list sockets that it
 * has in no table: TCP that is closed and not bound (before Linux 6.8: closed),
 * UDP that is not bound. sockdiag_find() answers NULL for them.
 * Returns 0 or -errno, logged. sockdiag_free() frees.
 */
int sockdiag_read(unsigned int families, struct sockdiag **diag);
void sockdiag_free(struct sockdiag *diag);
/* NULL: the kernel did not list it. */
const struct sockdiag_sock *sockdiag_find(const struct sockdiag *diag, uint32_t ino);
size_t sockdiag_count(const struct sockdiag *diag);
/* Ascending by inode; @index < sockdiag_count(). */
const struct sockdiag_sock *sockdiag_at(const struct sockdiag *diag, size_t index);

#endif
