/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the dumper and its parasite (pie/parasite.c) say to each other.
 *
 * The control socket is AF_UNIX SOCK_SEQPACKET: one request, one reply, each
 * one packet. The parasite makes it, connects to the abstract address in its
 * arguments and says hello with the token; every request carries the token
 * back, so that neither side can be taken over by a stranger that listens at
 * the address of a dead dumper or connects before the parasite does. Whatever
 * is wrong with a request, or the end of the connection, makes the parasite
 * leave.
 *
 * The parasite's area in the task's address space:
 *
 *	area                 args                                       area + len
 *	| code, read+exec    | arguments | packet | scratch | stack      |
 *
 * The scratch memory is where threads of the task have the kernel write what they alone can
 * tell. Were the dumper killed, such a call might still be made when the area has gone and
 * the task has memory of its own there; so args->done leads to a word that is not zero when
 * the thread has made it, and the parasite leaves no sooner.
 */
#ifndef CRIU_LITE_INJECT_ABI_PARASITE_H
#define CRIU_LITE_INJECT_ABI_PARASITE_H

#include <stdint.h>

#include "inject/abi/mempolicy.h"

/* The name of the parasite's thread (/proc/PID/task/TID/comm). */
#define PARASITE_COMM "criu-lite-guest"

#define PARASITE_STACK_SIZE	16384
#define PARASITE_TIMERS_MAX	128
#define PARASITE_RANGES_MAX	1024
#define PARASITE_POLICIES_MAX	120
#define PARASITE_NSIG		64

/* What it asks with; newer than the headers of some distributions. */
enum {
	PRCTL_GET_MDWE = 66,
	PRCTL_GET_MEMORY_MERGE = 68,
	MEMBARRIER_GET_REGISTRATIONS = 1 << 9,
};

struct parasite_token {
	uint64_t word[2];
};

/* At the start of the writable part of the area. */
struct parasite_args {
	uint64_t area, area_len;	/* bytes, whole pages */
	uint64_t leave;			/* code elsewhere that unmaps it and ends the thread */
	uint64_t done;			/* elsewhere, too: the address of a word, or 0 */
	struct parasite_token token;
	uint32_t addr_len;		/* of the socket address */
	uint8_t addr[112];		/* struct sockaddr_un */
	uint32_t pad;
};

enum parasite_command {
	PARASITE_HELLO = 1,		/* the parasite's first packet, without a request */
	PARASITE_MISC,			/* -> struct parasite_misc */
	PARASITE_TIMERS,		/* ids -> struct parasite_timer [] */
	PARASITE_PIPE,			/* takes the write end of a pipe (SCM_RIGHTS) */
	PARASITE_POLICIES,		/* addresses -> struct mempolicy [] of their mappings */
	PARASITE_PAGES,			/* struct parasite_range [] -> how far it came */
};

/* Opens each packet, request and reply; count elements follow. */
struct parasite_header {
	struct parasite_token token;
	uint32_t command;
	uint32_t count;
	int32_t result;			/* 0 or -errno; 0 in a request */
	uint32_t pad;
	uint64_t bytes;			/* PAGES: how many bytes went into the pipe */
};

/* As rt_sigaction() has it on the wire. Element N is signal N + 1. */
struct parasite_sigaction {
	uint64_t handler, flags, restorer, mask;
};

struct parasite_itimer {
	uint64_t interval_sec, interval_usec;
	uint64_t value_sec, value_usec;	/* left; 0, 0: not armed */
};

struct parasite_misc {
	uint64_t brk;			/* current end of the heap */
	int32_t dumpable;		/* PR_GET_DUMPABLE */
	int32_t thp_disabled;		/* PR_GET_THP_DISABLE */
	int32_t child_subreaper;
	int32_t mdwe;			/* PR_GET_MDWE; 0 before 6.3 */
	int32_t memory_merge;		/* PR_GET_MEMORY_MERGE; 0 before 6.4 */
	uint32_t membarrier;		/* registered commands, a bit mask; 0 before 6.3 */
	struct parasite_itimer itimers[3];	/* ITIMER_REAL, _VIRTUAL, _PROF */
	struct parasite_sigaction sigactions[PARASITE_NSIG];
};

struct parasite_timer {
	int32_t id;
	int32_t overrun;		/* timer_getoverrun() */
	uint64_t interval_sec, interval_nsec;
	uint64_t value_sec, value_nsec;	/* left; 0, 0: not armed */
};

struct parasite_range {
	uint64_t addr, len;
};

struct parasite_packet {
	struct parasite_header header;
	union {
		struct parasite_misc misc;
		int32_t timer_ids[PARASITE_TIMERS_MAX];
		struct parasite_timer timers[PARASITE_TIMERS_MAX];
		struct parasite_range ranges[PARASITE_RANGES_MAX];
		uint64_t addrs[PARASITE_POLICIES_MAX];
		struct mempolicy policies[PARASITE_POLICIES_MAX];
	};
};

_Static_assert(sizeof(struct parasite_args) == 168, "both sides must agree");
_Static_assert(sizeof(struct parasite_header) == 40, "both sides must agree");
_Static_assert(sizeof(struct parasite_misc) == 32 + 96 + 2048, "both sides must agree");
_Static_assert(sizeof(struct parasite_timer) == 40, "both sides must agree");

#endif
